"""Writing the whole cohort: a folder for each centre, and beside them what only a study of learning
may see.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import astuple, fields
from pathlib import Path
from typing import Final, Literal

from federation.gate.records.codes import CODES
from federation.gate.records.datasets.sickle_cell.centres import CENTRES
from federation.gate.records.datasets.sickle_cell.datasheet import datasheet
from federation.gate.records.datasets.sickle_cell.fhir_files import FhirFiles
from federation.gate.records.datasets.sickle_cell.lis_files import LisFiles
from federation.gate.records.datasets.sickle_cell.patients import Patient, patients_of
from federation.gate.records.datasets.sickle_cell.traits import Traits
from federation.gate.records.units import convert
from twin.sickle_cell.codes import HYDROXYUREA_CODE

Format = Literal["fhir", "lis", "both"]
Progress = Callable[[str, int, int], None]
"""Called with a centre's name, patients done and patients in all."""

OBSERVATIONS: Final = "observations.csv"
DOSES: Final = "doses.csv"
PATIENTS: Final = "patients.csv"
TRUTH: Final = "truth.csv"
DATASHEET: Final = "DATASHEET.md"


class FolderNotEmpty(Exception):
    """The folder to write into holds something already."""


def write_cohort(
    folder: Path,
    *,
    seed: int = 1,
    patients_per_site: int | None = None,
    form: Format = "both",
    progress: Progress | None = None,
) -> dict[str, int]:
    """Write the cohort; returns how many patients each centre has. The same arguments give the same
    bytes in the same environment.

    ``folder``/centre-N/fhir/*.ndjson, and /lis/results.csv with mapping.yaml;
    ``folder``/observations.csv (patient, site, time in days, code, value, unit: every result in
    canonical units); doses.csv (the same columns: every dose in mg/d, in force until the next);
    patients.csv (subgroups); truth.csv (what each patient was made from); DATASHEET.md. Raises
    FolderNotEmpty, or OSError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FolderNotEmpty(f"{folder}: is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    with ExitStack() as open_files:
        tables = [
            csv.writer(
                open_files.enter_context((folder / name).open("w", encoding="utf-8", newline="")),
                lineterminator="\n",
            )
            for name in (OBSERVATIONS, DOSES, PATIENTS, TRUTH)
        ]
        observations, doses, patients, truth = tables
        for table in (observations, doses):
            table.writerow(("patient", "site", "time", "code", "value", "unit"))
        patients.writerow(("patient", "site", "age", "sex", "genotype", "wearable", "treated"))
        truth.writerow(("patient", *(one.name for one in fields(Traits))))
        for centre in CENTRES:
            total = centre.patients if patients_per_site is None else patients_per_site
            with ExitStack() as exports:
                writers: list[FhirFiles | LisFiles] = []
                if form in ("fhir", "both"):
                    writers.append(
                        exports.enter_context(FhirFiles(centre, folder / centre.name / "fhir"))
                    )
                if form in ("lis", "both"):
                    writers.append(
                        exports.enter_context(LisFiles(centre, folder / centre.name / "lis"))
                    )
                for done, patient in enumerate(patients_of(centre, seed, total), 1):
                    for writer in writers:
                        writer.add(patient)
                    observations.writerows(results_of(patient, centre.name))
                    doses.writerows(doses_of(patient, centre.name))
                    patients.writerow(_subgroups(patient, centre.name))
                    truth.writerow((patient.record_id, *astuple(patient.traits)))
                    if progress is not None:
                        progress(centre.name, done, total)
            counts[centre.name] = total
    (folder / DATASHEET).write_text(datasheet(seed, counts, form), encoding="utf-8")
    return counts


Row = tuple[str, str, float, str, float, str]
"""Patient, site, day, code, value, unit."""


def results_of(patient: Patient, site: str) -> Iterable[Row]:
    """A patient's rows of observations.csv."""
    for one in patient.results:
        code = CODES[one.loinc]
        value = float(f"{convert(code, one.value, one.unit):.6g}")
        yield patient.record_id, site, round(one.day, 5), one.loinc, value, code.unit


def doses_of(patient: Patient, site: str) -> Iterable[Row]:
    """A patient's rows of doses.csv. None yet is a dose of 0 at the first visit; of a patient
    treated before, day is below 0.
    """
    if not patient.doses or patient.doses[0].day > 0:
        yield patient.record_id, site, 0.0, HYDROXYUREA_CODE, 0.0, "mg/d"
    for dose in patient.doses:
        yield patient.record_id, site, float(dose.day), HYDROXYUREA_CODE, dose.milligrams, "mg/d"


def _subgroups(patient: Patient, site: str) -> tuple[str, str, float, str, str, int, int]:
    traits = patient.traits
    return (
        patient.record_id,
        site,
        round(traits.age, 1),
        traits.sex,
        traits.genotype,
        int(traits.has_wearable),
        int(traits.first_dose < 0),
    )
