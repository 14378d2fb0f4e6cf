"""Cursors bring a list back to where it was, and nothing else is taken for one."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.paging import CursorInvalid, Paging, cursor

INTEGERS = st.integers(-(2**63) + 1, 2**63 - 1)


@given(INTEGERS, st.text(max_size=40))
def test_a_cursor_gives_back_what_was_put_in(number: int, text: str) -> None:
    assert Paging(10, cursor(number, text)).key(int, str) == (number, text)


@given(st.text(max_size=60))
def test_whatever_else_is_sent_is_refused_and_breaks_nothing(text: str) -> None:
    with pytest.raises(CursorInvalid):
        Paging(10, text).key(int, int, str)


@pytest.mark.parametrize("packed", [[1], ["1"], [True, "a"], [2**63, "a"], {"a": 1}, [1, "a", 2]])
def test_another_lists_cursor_is_refused(packed: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(packed).encode()).decode()
    with pytest.raises(CursorInvalid):
        Paging(10, text).key(int, str)


@given(st.lists(st.integers(0, 10_000), unique=True, max_size=60), st.integers(1, 20))
def test_pages_hold_every_row_once_in_order(found: list[int], limit: int) -> None:
    rows, seen, after = sorted(found), list[int](), None
    while True:
        paging = Paging(limit, after)
        key = paging.key(int)
        left = [row for row in rows if key is None or row > key[0]][: limit + 1]
        page = paging.page(left, lambda row: (row,), lambda row: row)
        seen += page.items
        after = page.next
        if after is None:
            break
    assert seen == rows
