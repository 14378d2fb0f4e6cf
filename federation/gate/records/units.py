"""UCUM units: are they valid, and what factor takes a value to a code's canonical unit?

UCUM is parsed by ucumvert and converted by pint. Mass and molar concentrations are converted with
the code's molar mass: n = m / M.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Final

from ucumvert import PintUcumRegistry

from federation.gate.records.codes import LabCode

MAX_UNIT_LENGTH: Final = 32


class UnitNotUcum(ValueError):
    """The text is not a UCUM unit."""


class UnitNotConvertible(ValueError):
    """A UCUM unit, but not one of this code's quantity."""


@cache
def _registry() -> Any:
    # Building the registry takes most of a second, so only a process that converts pays for it.
    return PintUcumRegistry()


def _quantity(unit: str) -> Any:
    if not 0 < len(unit) <= MAX_UNIT_LENGTH or not unit.isascii():
        raise UnitNotUcum(unit)
    try:
        parsed = _registry().from_ucum(unit)
    except Exception as error:  # a third party's parser, given any text
        raise UnitNotUcum(unit) from error
    # An annotation alone ({score}) parses to a token: UCUM defines it as the unit 1.
    return parsed if hasattr(parsed, "magnitude") else _registry().from_ucum("1")


@lru_cache(maxsize=1024)
def factor_to_canonical(code: LabCode, unit: str) -> float:
    """The number that a value in `unit` is multiplied by to be in `code.unit`.

    Raises UnitNotUcum or UnitNotConvertible. Rounded to 12 digits, which hides pint's own
    floating-point crumbs (10*9/L is exactly 10*3/uL) and is far below any assay's precision.
    """
    if unit == code.unit or unit in code.same_units:
        return 1.0
    given = _quantity(unit)
    if code.unit.startswith("{"):
        # A score has no unit to convert from: percent and 1/1 would pass a check of dimensions.
        raise UnitNotConvertible(unit)
    try:
        factor = _factor(code, given)
    except Exception as error:  # pint's many errors, for odd units
        raise UnitNotConvertible(unit) from error
    if factor is None or not factor > 0:
        raise UnitNotConvertible(unit)
    return float(f"{factor:.12g}")


def _factor(code: LabCode, given: Any) -> float | None:
    target = _quantity(code.unit)
    ways = [given]
    if code.molar_mass is not None:
        ways.append(given * (code.molar_mass * _quantity("g/mol")))
    for way in ways:
        if way.dimensionality == target.dimensionality:
            return float(way.to(target.units).magnitude) / float(target.magnitude)
    return None


def convert(code: LabCode, value: float, unit: str) -> float:
    """`value` in `unit`, expressed in `code.unit`. Raises as `factor_to_canonical`."""
    return value * factor_to_canonical(code, unit)


def convert_from_canonical(code: LabCode, value: float, unit: str) -> float:
    """`value` in `code.unit`, expressed in `unit`. Raises as `factor_to_canonical`."""
    return value / factor_to_canonical(code, unit)
