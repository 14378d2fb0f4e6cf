from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.gate.records.codes import CODES, find_code, is_loinc
from federation.gate.records.units import (
    UnitNotConvertible,
    UnitNotUcum,
    convert,
    convert_from_canonical,
    factor_to_canonical,
)

UNITS = [
    ("1975-2", "umol/L"),
    ("1751-7", "g/L"),
    ("1751-7", "umol/L"),
    ("777-3", "10*9/L"),
    ("777-3", "/uL"),
    ("777-3", "{cells}/uL"),
    ("5902-2", "min"),
    ("6768-6", "ukat/L"),
    ("6768-6", "[IU]/L"),
    ("1920-8", "U/mL"),
    ("2093-3", "mmol/L"),
    ("2160-0", "umol/L"),
    ("718-7", "g/L"),
    ("718-7", "mmol/L"),
    ("787-2", "um3"),
    ("4576-5", "1"),
    ("29463-7", "[lb_av]"),
]


def test_every_code_of_the_table_has_loincs_check_digit_and_a_ucum_unit() -> None:
    for row in CODES.values():
        assert all(is_loinc(code) for code in (row.loinc, *row.same_codes)), row.loinc
        assert factor_to_canonical(row, row.unit) == 1.0
        assert 0 <= row.low < row.high


@pytest.mark.parametrize("text", ["1975-3", "1957-2", "19752", "", "-2", "1975-", "x-1", "１975-2"])
def test_a_code_with_a_wrong_check_digit_or_form_is_no_loinc(text: str) -> None:
    assert not is_loinc(text)


def test_a_molar_code_is_served_by_the_row_of_its_mass_concentration() -> None:
    assert find_code("14631-6") is CODES["1975-2"]
    assert find_code("1975-3") is None


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "expected"),
    [
        # The factors that clinical chemistry tables print, to the digits that they print.
        ("1975-2", 17.1, "umol/L", 1.000),
        ("1751-7", 42.0, "g/L", 4.200),
        ("2093-3", 1.0, "mmol/L", 38.67),
        ("2160-0", 88.4, "umol/L", 1.000),
        ("718-7", 1.0, "mmol/L", 1.611),
        ("777-3", 250000, "/uL", 250.0),
        ("777-3", 250, "10*9/L", 250.0),
        ("6768-6", 1.0, "ukat/L", 60.0),
        ("4576-5", 0.05, "1", 5.0),
        ("29463-7", 100.0, "[lb_av]", 45.359237),
    ],
)
def test_conversions_agree_with_published_factors(
    loinc: str, value: float, unit: str, expected: float
) -> None:
    assert convert(CODES[loinc], value, unit) == pytest.approx(expected, rel=5e-4)


@given(st.sampled_from(UNITS), st.floats(1e-3, 1e6))
def test_conversions_round_trip(pair: tuple[str, str], value: float) -> None:
    code = CODES[pair[0]]
    there = convert_from_canonical(code, value, pair[1])
    assert convert(code, there, pair[1]) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("unit", ["parsecs", "mg/dL ", "", "mgs", "x" * 33, "mg/dℓ", "{", "%%"])
def test_text_that_is_not_ucum_is_refused(unit: str) -> None:
    with pytest.raises(UnitNotUcum):
        factor_to_canonical(CODES["1975-2"], unit)


@pytest.mark.parametrize(
    ("loinc", "unit"),
    [
        ("1975-2", "pc"),
        ("1975-2", "mg"),
        ("1975-2", "%"),
        ("1975-2", "U/L"),
        ("1975-2", "B[mV]"),
        ("777-3", "K/uL"),  # kelvin: the usual mistake for thousands
        ("777-3", "mg/dL"),
        ("6768-6", "umol/L"),
        ("29463-7", "mol"),
        ("29463-7", "Cel"),
        ("72514-3", "%"),
        ("72514-3", "{other}"),
    ],
)
def test_ucum_of_another_quantity_is_refused(loinc: str, unit: str) -> None:
    with pytest.raises(UnitNotConvertible):
        factor_to_canonical(CODES[loinc], unit)


@given(st.text(max_size=40))
def test_any_text_at_all_is_a_factor_or_a_named_refusal(unit: str) -> None:
    with contextlib.suppress(UnitNotUcum, UnitNotConvertible):
        assert factor_to_canonical(CODES["1975-2"], unit) > 0
