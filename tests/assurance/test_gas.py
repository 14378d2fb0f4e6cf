"""The committed gas table holds; and what would have to be said if it did not is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from assurance.gas import page, table
from assurance.gas.measure import measure_few
from assurance.gas.table import NoTable, differences, read_table, shortfalls, table_text


def test_acts_cost_what_the_table_says() -> None:
    """The part with few sites and few tokens; `python -m assurance.gas --check` has the rest."""
    gas = measure_few().gas
    assert len(gas) == 19
    changed = differences(read_table(), gas, partly=True)
    assert changed == [], table.HOW_TO_WRITE


def test_the_table_shows_what_it_must() -> None:
    assert shortfalls(read_table()) == []


def test_the_page_says_what_the_table_does() -> None:
    assert page.FILE.read_text(encoding="utf-8") == page.page(read_table())


def test_a_cost_may_vary_by_one_in_a_hundred() -> None:
    committed = {"open": 10_000, "seal": 20_000}
    assert differences(committed, {"open": 10_100, "seal": 19_800}) == []
    assert differences(committed, {"open": 10_101, "seal": 19_799}) == [
        "open: 10,000 in the table, 10,101 now (+1.0%)",
        "seal: 20,000 in the table, 19,799 now (-1.0%)",
    ]


def test_a_number_that_is_missing_or_new_is_a_difference() -> None:
    assert differences({"open": 1}, {"seal": 2}) == [
        "seal: not in the table, 2 now",
        "open: 1 in the table, not measured now",
    ]
    assert differences({"open": 1, "seal": 2}, {"seal": 2}, partly=True) == []


def test_a_dearer_grant_or_a_cost_that_grows_with_tokens_is_a_shortfall() -> None:
    gas = read_table()
    ours, peers = "grantBySig/eoa, 10 tokens", "attestByDelegation, as a grant"
    cost = gas[peers] * 0.61
    dear = gas | {ours: int(cost), "grantBySig/eoa, 10000 tokens": int(cost)}
    assert shortfalls(dear)[0] == f"{ours}: 0.610 of {peers}, more than 0.6"
    at_few = gas["close, 50 sites, 10 tokens"]
    grown = gas | {"close, 50 sites, 10000 tokens": at_few * 2}
    assert shortfalls(grown) == [
        f"close, 50 sites: {at_few:,} at 10 tokens a site, {at_few * 2:,} at 10,000"
    ]


def test_a_table_that_is_missing_or_no_table_says_how_to_write_one(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    with pytest.raises(NoTable, match="--write"):
        read_table(path)
    path.write_text(table_text({"open": 7}))
    assert read_table(path) == {"open": 7}
    path.write_text('{"schema": "another", "gas": {}}')
    with pytest.raises(NoTable, match="another"):
        read_table(path)
