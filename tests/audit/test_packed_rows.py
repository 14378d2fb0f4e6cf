"""A report of very many checks keeps them in little memory, and tells every one."""

from __future__ import annotations

import json
import pickle
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.manifest import Contracts
from audit.packed_rows import PackedRows
from audit.report import Check, Kind, Recorder, Report
from scripts.verify import show_json_of

CHECKS = [
    Check(f"name-{n % 7}", n % 5 != 0, f"object \u00e9{n}", "detail" * (n % 3), list(Kind)[n % 4])
    for n in range(3000)
]


def packed(checks: list[Check]) -> PackedRows[Check]:
    rows = PackedRows(Check._make)
    for check in checks:
        rows.append(check)
    return rows


@settings(max_examples=20)
@given(st.integers(0, 3000), st.integers(-3000, 2999))
def test_it_is_the_list_of_what_was_added(count: int, place: int) -> None:
    rows, wanted = packed(CHECKS[:count]), CHECKS[:count]
    assert len(rows) == count
    assert list(rows) == wanted
    assert bool(rows) == bool(wanted)
    assert rows[place:] == tuple(wanted[place:])
    if -count <= place < count:
        assert rows[place] == wanted[place]
        assert type(rows[place]) is Check
    else:
        with pytest.raises(IndexError):
            rows[place]


def test_lists_of_the_same_rows_are_equal() -> None:
    assert packed(CHECKS) == packed(CHECKS)
    assert packed(CHECKS) != packed(CHECKS[:-1])


def test_rows_that_say_the_same_of_many_things_take_a_tenth_of_the_memory() -> None:
    rows = packed(
        [
            Check("round.epoch", True, f"round {n}, site {n % 9}", "epoch 0 there and here")
            for n in range(10_000)
        ]
    )
    plain = sum(map(sys.getsizeof, CHECKS[:1])) * 10_000
    assert len(pickle.dumps(rows._packed)) < plain / 10


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_a_report_is_printed_check_by_check_as_one_json_object(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Recorder()
    for check in CHECKS[:count]:
        record.add(check.name, check.object, check.ok, check.detail, check.kind)
    failed, faults = tuple(record.failed), tuple(record.faults)
    contracts = Contracts(2, *("0x" + f"{n:040x}" for n in range(3)))
    report = Report(
        1, contracts, False, None, 3, bytes(32), None, False, record.checks, failed, faults
    )
    assert failed == tuple(check for check in CHECKS[:count] if not check.ok)
    assert report.ok == (count > 0 and not failed)
    show_json_of(report)
    assert capsys.readouterr().out == json.dumps(report.to_json(), indent=2, sort_keys=True) + "\n"
    assert len(report.to_json()["checks"]) == count
