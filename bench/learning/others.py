"""Patients who are in no comparison: what is trained without privacy on many times the patients."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.learning import public_cohorts
from bench.learning.cohort import COLUMNS, Cohort, Record, read_csv
from bench.learning.side_by_side import side_by_side
from bench.learning.sources import dataset, fitted
from federation.gate.records.datasets.sickle_cell.centres import CENTRES
from federation.gate.records.datasets.sickle_cell.cohort import doses_of, results_of
from federation.gate.records.datasets.sickle_cell.patients import patients_of
from twin.protocol import TwinModel
from twin.sickle_cell.model import SickleCellModel

FIRST_SEED: Final = 2
"""Seed 1 makes the cohort that is compared on."""

COHORTS: Final = ("scd", "nafld")


def evaluated(name: str) -> tuple[Cohort, TwinModel | None]:
    """One of COHORTS as the comparison has it, and its published model, or None for the default."""
    if name == "scd":
        return dataset("scd")
    return _public(name, public_cohorts.PUBLIC[name]), None


def others(
    name: str,
    patients: int | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Record, ...]:
    """Other patients than those of `evaluated`, prepared alike: so many, or fewer when there are no
    more; all, or of ``scd`` sixty cohorts, when left out.
    """
    if name == "nafld":
        return _spread(_public("others", public_cohorts.NAFLD_OTHERS).records, patients)
    size = sum(centre.patients for centre in CENTRES)
    wanted = 60 * size if patients is None else patients
    seeds = range(FIRST_SEED, FIRST_SEED + -(-wanted // size))
    found = [one for several in side_by_side(sickle_cell, seeds, jobs, progress) for one in several]
    return _spread(tuple(found), wanted)


def sickle_cell(seed: int, patients_per_site: int | None = None) -> tuple[Record, ...]:
    """Another sickle-cell cohort of the same five centres, as the published model reads it.

    The rows are those that `write_cohort` writes; the files of the centres are not made.
    """
    model = SickleCellModel()
    known = {(channel.loinc, channel.unit) for channel in model.channels}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "others.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for centre in CENTRES:
                for one in patients_of(centre, seed, patients_per_site):
                    for row in (*results_of(one, centre.name), *doses_of(one, centre.name)):
                        if (row[3], row[5]) in known:
                            writer.writerow((f"seed-{seed}/{row[0]}", *row[1:]))
        return fitted(read_csv(path), model).records


def _public(name: str, public: public_cohorts.Public) -> Cohort:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.csv"
        public_cohorts.write_rows(public, path)
        return read_csv(path)


def _spread(records: tuple[Record, ...], number: int | None) -> tuple[Record, ...]:
    """So many of them, evenly spaced, so that every site has its share."""
    if number is None or number >= len(records):
        return records
    return tuple(records[place * len(records) // number] for place in range(number))
