"""A cohort as the comparison reads it: patients of several sites, each a series of results."""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin.protocol import Channel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COLUMNS = ("patient", "site", "time", "code", "value", "unit")
DAYS_A_YEAR = 365.25
LONGEST_YEARS = 150
LARGEST_MAGNITUDE = 1e100
"""A value or a time beyond this is taken for a mistake of the export: its square has no meaning."""


class CohortUnusable(Exception):
    """The file is no cohort that methods can be compared on. The message says what to change."""


@dataclass(frozen=True, eq=False)
class Record:
    """One patient's results in order of time; at one time in the order of the file.

    ``days`` float64 [n], since the patient's first result; ``channel`` int64 [n], index into the
    cohort's channels; ``value`` float64 [n], in the channel's unit.
    """

    patient: str
    site: str
    days: FloatArray
    channel: IntArray
    value: FloatArray

    def __len__(self) -> int:
        return len(self.days)

    @property
    def years(self) -> FloatArray:
        return self.days / DAYS_A_YEAR


@dataclass(frozen=True, eq=False)
class Cohort:
    """``groups``: by patient, what subgroups they belong to, by attribute; ``notes``: what was left
    out or looked odd, for the reader of the results.
    """

    name: str
    channels: tuple[Channel, ...]
    records: tuple[Record, ...]
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(sorted({record.site for record in self.records}))

    @property
    def results(self) -> int:
        return sum(len(record) for record in self.records)

    def columns(self) -> tuple[IntArray, FloatArray]:
        """Channel and value of every result, [results] each, a patient after the other."""
        channel = np.concatenate([record.channel for record in self.records])
        return channel, np.concatenate([record.value for record in self.records])

    @property
    def unchanging(self) -> tuple[str, ...]:
        """Names of the codes whose results are all one value."""
        channel, value = self.columns()
        return tuple(
            one.name
            for index, one in enumerate(self.channels)
            if len(np.unique(value[channel == index])) == 1
        )


@dataclass(slots=True)
class _Row:
    days: float
    code: str
    unit: str
    value: float
    order: int


@dataclass
class _Left:
    """Rows that are not used: without a number, of these such as ``<0.1``; and said before.

    ``first``: where the first row without a number is, and what it has instead.
    """

    empty: int = 0
    censored: int = 0
    repeated: int = 0
    first: str = ""

    def leave(self, line: int, text: str) -> None:
        """Count a row without a number."""
        self.first = self.first or f"the first on line {line}: {text[:40]!r}"
        self.empty += 1
        self.censored += text.strip()[:1] in ("<", ">")

    def notes(self) -> list[str]:
        found = []
        if self.empty:
            found.append(f"{self.empty} rows without a numeric value were left out, {self.first}")
        if self.censored:
            found.append(
                f"{self.censored} of these say that a value lies beyond a limit, such as <0.1:"
                " write the limit itself to keep them"
            )
        if self.repeated:
            found.append(f"{self.repeated} rows repeat another one exactly: each counts once")
        return found


def read_csv(path: Path, groups: Mapping[str, Mapping[str, str]] | None = None) -> Cohort:
    """Reads a CSV (UTF-8, header line) with COLUMNS in any order; others are ignored.

    Commas, semicolons or tabs between columns, as the header has; but for commas, a decimal comma
    is a point, unless other numbers have a point. One row is one observation; ``time`` in days. A
    row whose value is empty or not a finite number, or that repeats another, is left out and
    counted. A code with several units becomes a channel for each, in the units it came in. A
    patient with rows at several sites belongs to the one with most.

    Raises:
        CohortUnusable: a column, a patient, a site, a code or a time is missing or not readable,
            with its line; a column is there twice; ``groups`` know none of the patients; or nothing
            is left.
    """
    by_patient: dict[str, list[_Row]] = defaultdict(list)
    sites: dict[str, Counter[str]] = defaultdict(Counter)
    left, before = _Left(), set()
    for line, row in _lines(path, COLUMNS, numbers=("time", "value")):
        where = f"{path.name}, line {line}"
        for name in ("patient", "site", "code"):
            if not row[name].strip():
                raise CohortUnusable(f"{where}: the {name} is missing")
        try:
            days = float(row["time"])
        except ValueError:
            days = math.nan
        if not math.isfinite(days) or abs(days) > LARGEST_MAGNITUDE:
            raise CohortUnusable(
                f"{where}: the time {row['time']!r} is not a number of days. Write days, fractions"
                " allowed, since any one moment for each patient: not dates"
            )
        try:
            value = float(row["value"])
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or abs(value) > LARGEST_MAGNITUDE:
            left.leave(line, row["value"])
            continue
        said = hash(tuple(row[name].strip() for name in COLUMNS))
        if said in before:
            left.repeated += 1
            continue
        before.add(said)
        patient = row["patient"].strip()
        sites[patient][row["site"].strip()] += 1
        by_patient[patient].append(
            _Row(days, row["code"].strip(), row["unit"].strip(), value, line)
        )
    if not by_patient:
        has = f": {left.first}" if left.first else ""
        raise CohortUnusable(f"{path.name} holds no row with a numeric value, such as 7.5{has}")
    return _cohort(path, by_patient, sites, groups or {}, left)


def read_groups(path: Path) -> dict[str, dict[str, str]]:
    """Reads a CSV of patients (column ``patient``) and any other columns, each an attribute;
    separators as in `read_csv`.

    Numeric attributes with more than five values are cut at their quartiles. Raises CohortUnusable.
    """
    table = [row for _, row in _lines(path, ("patient",))]
    if not table:
        raise CohortUnusable(f"{path.name} needs at least one row")
    found: dict[str, dict[str, str]] = {row["patient"].strip(): {} for row in table}
    for name in table[0]:
        if name in ("patient", "site"):
            continue
        for row, text in zip(table, _grouped([row[name].strip() for row in table]), strict=True):
            if text:
                found[row["patient"].strip()][name] = text
    return found


def in_order(group: str) -> tuple[float, str]:
    """What sorts the groups of one attribute: ranges of numbers by their numbers, text as text."""
    if group.startswith("up to "):
        return -math.inf, group
    if group.startswith("above "):
        return math.inf, group
    try:
        return float(group.partition(" to ")[0]), group
    except ValueError:
        return 0.0, group


def _grouped(texts: Sequence[str]) -> list[str]:
    try:
        numbers = np.array([float(text) if text else math.nan for text in texts])
    except ValueError:
        return list(texts)
    known = numbers[np.isfinite(numbers)]
    if len(set(known.tolist())) <= 5:
        return list(texts)
    edges = np.quantile(known, [0.25, 0.5, 0.75])
    names = [
        f"up to {edges[0]:g}",
        f"{edges[0]:g} to {edges[1]:g}",
        f"{edges[1]:g} to {edges[2]:g}",
        f"above {edges[2]:g}",
    ]
    return [
        names[int(np.searchsorted(edges, one))] if math.isfinite(one) else "" for one in numbers
    ]


def _lines(
    path: Path, needed: Sequence[str], numbers: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows by line. ``needed`` columns, whose names may be in capitals, have a text in each row;
    what others lack is "". Columns of ``numbers`` may have decimal commas, which become points.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = _separator(file.readline())
            file.seek(0)
            # Strict: a quote that is never closed would hide the rows after it.
            reader = csv.DictReader(file, delimiter=separator, strict=True)
            names = [name.strip() for name in reader.fieldnames or []]
            names = [name.lower() if name.lower() in needed else name for name in names]
            missing = [name for name in needed if name not in names]
            if missing:
                raise CohortUnusable(
                    f"{path.name} lacks the column {', '.join(missing)}; it needs"
                    f" {', '.join(needed)}"
                )
            twice = [name for name in needed if names.count(name) > 1]
            if twice:
                raise CohortUnusable(
                    f"{path.name} has the column {', '.join(twice)} twice: leave one of them out,"
                    " or give it another name"
                )
            reader.fieldnames = names
            points = _Points(path.name)
            for row in reader:
                where = f"{path.name}, line {reader.line_num}"
                if any(row[name] is None for name in needed):
                    raise CohortUnusable(f"{where}: too few columns")
                # What DictReader finds beyond the header is under None.
                if any(extra.strip() for extra in row.get(None) or ()):
                    raise CohortUnusable(
                        f"{where}: more columns than the header has. Does a number have a comma?"
                        " Write it with a point"
                    )
                if separator != ",":
                    for name in numbers:
                        row[name] = points.instead_of_commas(row[name], reader.line_num)
                yield reader.line_num, {name: row[name] or "" for name in dict.fromkeys(names)}
    except csv.Error as error:
        raise CohortUnusable(
            f"{path.name} cannot be read as CSV after line {reader.line_num}: {error}"
        ) from None
    except UnicodeDecodeError as error:
        raise CohortUnusable(
            f"{path.name} is not a UTF-8 CSV file, save it as one: {error}"
        ) from None
    except OSError as error:
        raise CohortUnusable(f"{path} cannot be read: {error.strerror}") from None


class _Points:
    """Decimal commas of a file become points, as long as no other number has a point: 150,000 is a
    hundred and fifty, or a thousand times as much.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._marks: dict[str, str] = {}

    def instead_of_commas(self, text: str, line: int) -> str:
        """Raises CohortUnusable when the file has numbers with either."""
        found = text.replace(",", ".")
        try:
            float(found)
        except ValueError:
            return found
        for mark in ",.":
            if mark in text:
                self._marks.setdefault(mark, f"{text.strip()!r} on line {line}")
        if len(self._marks) > 1:
            raise CohortUnusable(
                f"{self._name} has numbers with a comma ({self._marks[',']}) and with a point"
                f" ({self._marks['.']}), so that one of them may set off thousands. Write all with"
                " a point, and thousands with nothing between"
            )
        return found


def _separator(header: str) -> str:
    """Between columns: what the header has most of."""
    return max(",", ";", "\t", key=header.count)


def _cohort(
    path: Path,
    by_patient: Mapping[str, list[_Row]],
    sites: Mapping[str, Counter[str]],
    groups: Mapping[str, Mapping[str, str]],
    left: _Left,
) -> Cohort:
    notes = left.notes()
    kinds = sorted({(row.code, row.unit) for rows in by_patient.values() for row in rows})
    units = Counter(code for code, _ in kinds)
    for code, count in units.items():
        if count > 1:
            notes.append(f"code {code} has {count} units: each is compared by itself")
    several = sum(len(counted) > 1 for counted in sites.values())
    if several:
        notes.append(
            f"{several} patients have rows at several sites: each counts at its largest. If sites"
            " number their patients by themselves, put the site before each number, or two people"
            " are taken for one"
        )
    if groups and not groups.keys() & by_patient.keys():
        raise CohortUnusable(
            f"the subgroups name no patient of {path.name}: write the patients alike, such as"
            f" {min(by_patient)!r}"
        )
    place = {kind: index for index, kind in enumerate(kinds)}
    channels = tuple(
        Channel(code if units[code] == 1 else f"{code} [{unit}]", code, unit, code)
        for code, unit in kinds
    )
    records = []
    for patient in sorted(by_patient):
        rows = sorted(by_patient[patient], key=lambda row: (row.days, row.order))
        days = np.array([row.days for row in rows])
        if days[-1] - days[0] > LONGEST_YEARS * DAYS_A_YEAR:
            raise CohortUnusable(
                f"{path.name}, line {rows[-1].order}: this patient's times are"
                f" {(days[-1] - days[0]) / DAYS_A_YEAR:,.0f} years apart. Is time in days?"
            )
        records.append(
            Record(
                patient,
                min(sites[patient].items(), key=lambda item: (-item[1], item[0]))[0],
                days - days[0],
                np.array([place[row.code, row.unit] for row in rows], dtype=np.int64),
                np.array([row.value for row in rows]),
            )
        )
    return Cohort(path.stem, channels, tuple(records), groups, tuple(notes))
