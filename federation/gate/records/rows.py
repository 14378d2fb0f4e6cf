"""What a judged line becomes: a row of the store. Every loader ends here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from federation.gate.records.codes import LabCode, find_code, is_loinc
from federation.gate.records.rejections import Refused, shown
from federation.gate.records.rejections import RejectionCode as Code
from federation.gate.records.units import (
    UnitNotConvertible,
    UnitNotUcum,
    factor_to_canonical,
)

NEVER: Final = -(2**62)
"""Stands for "no time of update": older than any time."""


class State(IntEnum):
    """Whether a resource may be used. Among versions of equal age a removal wins.

    REFUSED: its newest version is one that cannot be used, so an older one is not used either.
    """

    LIVE = 0
    REMOVED = 1
    CONFLICT = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Which of two versions of a resource is newer: lastUpdated, then versionId, then removal."""

    updated_us: int = NEVER
    number: int = -1
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a row came from: SHA-256 of the decompressed file, and the line (from 1)."""

    sha256: str
    line: int


@dataclass(frozen=True, slots=True)
class PatientRow:
    """A patient. `birth_us` is the earliest moment that the birth date allows."""

    record_id: str
    version: Version = field(default_factory=Version)
    birth_date: str | None = None
    birth_us: int | None = None
    gender: str | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value in its code's canonical unit, with the value and unit it was written in."""

    code: LabCode
    value: float
    source_value: float
    source_unit: str


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """A result of a known patient."""

    resource_id: str
    record_id: str
    time_us: int
    measurement: Measurement
    version: Version = field(default_factory=Version)


@dataclass(frozen=True, slots=True)
class DoseRow:
    """A dose a day of a known patient, from `time_us` to `stop_us` or, None, until the next."""

    resource_id: str
    record_id: str
    time_us: int
    stop_us: int | None
    measurement: Measurement
    version: Version = field(default_factory=Version)


@dataclass(frozen=True, slots=True)
class RemovedDose:
    """A dose that its source withdrew."""

    resource_id: str
    version: Version


@dataclass(frozen=True, slots=True)
class RemovedObservation:
    """A result that its source withdrew."""

    resource_id: str
    version: Version


def accepted_code(loinc: str) -> LabCode:
    """The table's row for a code, or refuse CODE_NOT_LOINC or CODE_NOT_IN_TABLE."""
    code = find_code(loinc)
    if code is None:
        known = Code.CODE_NOT_IN_TABLE if is_loinc(loinc) else Code.CODE_NOT_LOINC
        raise Refused(known, f"code {shown(loinc)}")
    return code


def measure(code: LabCode, value: float, unit: str) -> Measurement:
    """Convert and check one value.

    Refuses, in this order: VALUE_NOT_FINITE, VALUE_NEGATIVE, UNIT_MISSING, UNIT_NOT_UCUM,
    UNIT_NOT_CONVERTIBLE, VALUE_IMPLAUSIBLE.
    """
    if not math.isfinite(value):
        raise Refused(Code.VALUE_NOT_FINITE, code.loinc)
    if value < 0:
        raise Refused(Code.VALUE_NEGATIVE, code.loinc)
    if not unit:
        raise Refused(Code.UNIT_MISSING, code.loinc)
    try:
        canonical = value * factor_to_canonical(code, unit)
    except UnitNotUcum:
        raise Refused(Code.UNIT_NOT_UCUM, f"{code.loinc} in {shown(unit)}") from None
    except UnitNotConvertible:
        detail = f"{code.loinc} in {shown(unit)} instead of '{code.unit}'"
        raise Refused(Code.UNIT_NOT_CONVERTIBLE, detail) from None
    if not code.low <= canonical <= code.high:
        limits = f"{code.loinc} must lie in {code.low:g} to {code.high:g} {code.unit}"
        raise Refused(Code.VALUE_IMPLAUSIBLE, limits)
    return Measurement(code, canonical + 0.0, value, unit)
