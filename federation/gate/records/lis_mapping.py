"""The YAML file that says how a laboratory system's CSV is to be read.

docs/records.md describes every key. Anything unknown, missing or contradictory raises
MappingInvalid, with one line for each place that is wrong.
"""

from __future__ import annotations

import codecs
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from federation.gate.records.codes import find_code
from federation.gate.records.doses import find_channel, find_drug
from federation.gate.records.errors import InputMissing, InputUnreadable, MappingInvalid
from federation.gate.records.units import UnitNotConvertible, UnitNotUcum, factor_to_canonical


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CsvForm(_Strict):
    """How rows are written."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            codecs.lookup(name)
        except LookupError:
            raise ValueError("no such text encoding") from None
        # Lines are split at the byte 0x0A before they are decoded.
        if "\n".encode(name) != b"\n":
            raise ValueError("use an encoding that extends ASCII, such as utf-8 or cp1252")
        return name


class Columns(_Strict):
    """Header names. Only `unit`, `result_id`, `updated` and `status` may be left out."""

    patient: str
    time: str
    code: str
    value: str
    unit: str | None = None
    result_id: str | None = None
    updated: str | None = None
    status: str | None = None


class LocalCode(_Strict):
    """What a local code stands for: a LOINC code, or the dose a day of a drug by its RxNorm code.

    `unit` (UCUM) holds where the row gives none.
    """

    loinc: str | None = None
    rxnorm: str | None = None
    unit: str | None = None

    @field_validator("rxnorm", mode="before")
    @classmethod
    def _text(cls, rxnorm: object) -> object:
        # YAML reads 5552 as a number.
        return str(rxnorm) if isinstance(rxnorm, int) and rxnorm is not True else rxnorm

    @field_validator("loinc")
    @classmethod
    def _accepted(cls, loinc: str | None) -> str | None:
        if loinc is not None and find_code(loinc) is None:
            raise ValueError("not a LOINC code of the accepted table")
        return loinc

    @field_validator("rxnorm")
    @classmethod
    def _accepted_drug(cls, rxnorm: str | None) -> str | None:
        if rxnorm is not None and find_drug(rxnorm) is None:
            raise ValueError("not an RxNorm code of an accepted drug")
        return rxnorm

    @model_validator(mode="after")
    def _convertible(self) -> LocalCode:
        if (self.loinc is None) == (self.rxnorm is None):
            raise ValueError("give loinc or rxnorm, and not both")
        code = find_channel(self.quantity)
        if code is not None and self.unit is not None:
            try:
                factor_to_canonical(code, self.unit)
            except UnitNotUcum:
                raise ValueError(f"unit is not UCUM; try '{code.unit}'") from None
            except UnitNotConvertible:
                raise ValueError(f"unit cannot be converted to '{code.unit}'") from None
        return self

    @property
    def quantity(self) -> str:
        """The LOINC code, or the code of the drug's channel."""
        drug = find_drug(self.rxnorm) if self.rxnorm is not None else None
        return (self.loinc or "") if drug is None else drug.quantity.loinc


class Statuses(_Strict):
    """Which entries of the status column mean a final or a withdrawn result; others: not final."""

    final: tuple[str, ...] = Field(min_length=1, strict=False)
    removed: tuple[str, ...] = Field(default=(), strict=False)


class Censored(_Strict):
    """What becomes of '<5' and '>5': refused, or taken as the limit (or half of it)."""

    below: Literal["reject", "limit", "half"] = "reject"
    above: Literal["reject", "limit"] = "reject"


class LisMapping(_Strict):
    """A validated mapping; make one with `read_mapping` or `parse_mapping`."""

    format: Literal["assent-lis-1"]
    csv: CsvForm = CsvForm()
    timezone: str
    columns: Columns
    time_formats: tuple[str, ...] = Field(min_length=1, strict=False)
    codes: dict[str, LocalCode] = Field(min_length=1)
    units: dict[str, str] = {}
    missing: tuple[str, ...] = Field(default=("",), strict=False)
    statuses: Statuses | None = None
    censored: Censored = Censored()
    unknown_codes: Literal["reject", "skip"] = "reject"
    unknown_patients: Literal["reject", "create"] = "reject"
    patient_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9.-]{0,32}$")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("not an IANA time zone such as Europe/Berlin") from None
        return name

    @field_validator("time_formats")
    @classmethod
    def _dated(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        sample = datetime(1923, 11, 17)  # a century that two digits do not name
        for text in formats:
            try:
                read = datetime.strptime(sample.strftime(text), text)
            except ValueError:
                raise ValueError("not a format of Python's strptime") from None
            if read.date() != sample.date():
                raise ValueError("needs a year of four digits, a month and a day")
        return formats

    @model_validator(mode="after")
    def _consistent(self) -> LisMapping:
        if (self.statuses is None) != (self.columns.status is None):
            raise ValueError("give both columns.status and statuses, or neither")
        if self.columns.unit is None:
            bare = sorted(name for name, code in self.codes.items() if code.unit is None)
            if bare:
                raise ValueError(f"no columns.unit, so codes need a unit: {', '.join(bare)}")
        if self.csv.delimiter == self.csv.quote:
            raise ValueError("csv.delimiter and csv.quote are the same character")
        return self

    def zone(self) -> ZoneInfo:
        """The zone that times without an offset were written in."""
        return ZoneInfo(self.timezone)


def read_mapping(path: Path) -> LisMapping:
    """Read and check a mapping file. Raises InputMissing, InputUnreadable or MappingInvalid."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputMissing(f"{path}: no such mapping file") from None
    except UnicodeDecodeError:
        raise MappingInvalid(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise InputUnreadable(f"{path}: cannot be read ({error.strerror})") from error
    return parse_mapping(text, str(path))


def parse_mapping(text: str, name: str = "mapping") -> LisMapping:
    """Check a mapping given as YAML text; `name` begins each message. Raises MappingInvalid."""
    try:
        found = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 (a subclass of SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise MappingInvalid(f"{name}: is not YAML{place}: {problem}") from None
    if not isinstance(found, dict):
        raise MappingInvalid(f"{name}: must be a YAML mapping, beginning with format: assent-lis-1")
    try:
        return LisMapping.model_validate(found)
    except ValidationError as error:
        problems = [
            f"{name}: {'.'.join(str(part) for part in problem['loc']) or 'the whole'}:"
            f" {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_url=False)
        ]
        raise MappingInvalid("\n".join(problems)) from None


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys in silence; a mapping must not lose a code so."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", node.value[place][0].start_mark
                )
        return super().construct_mapping(node, deep)
