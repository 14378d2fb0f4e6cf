"""What costs much is made once for all who ask, kept for a while, and never more than so many."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.kept import Kept

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def a_minute(_: object) -> timedelta:
    return timedelta(minutes=1)


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 5))
def test_it_keeps_what_was_asked_for_last_and_no_more(asked: list[int], most: int) -> None:
    kept: Kept[int, int] = Kept(most, lambda: NOW)
    recent: list[int] = []
    for key in asked:
        made: list[int] = []

        def make(key: int = key, made: list[int] = made) -> int:
            made.append(key)
            return key * key

        assert kept.get(key, make, a_minute) == key * key
        assert bool(made) is (key not in recent)
        recent = [*(one for one in recent if one != key), key][-most:]
        assert len(kept) == len(recent)


def test_all_who_ask_at_once_get_the_one_that_is_made() -> None:
    kept: Kept[str, int] = Kept(3, lambda: NOW)
    began, go_on = threading.Event(), threading.Event()
    made, got = [], []

    def make() -> int:
        made.append(1)
        began.set()
        go_on.wait(10)
        return len(made)

    def ask() -> None:
        got.append(kept.get("one", make, a_minute))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    threads[0].start()
    assert began.wait(10)
    for thread in threads[1:]:
        thread.start()
    # Another question does not wait for this one.
    assert kept.get("two", lambda: 7, a_minute) == 7
    go_on.set()
    for thread in threads:
        thread.join()
    assert (got, len(made)) == ([1] * 6, 1)


def test_what_fails_is_not_kept() -> None:
    kept: Kept[str, int] = Kept(3, lambda: NOW)

    def fail() -> int:
        raise ConnectionError

    for _ in range(2):
        with pytest.raises(ConnectionError):
            kept.get("one", fail, a_minute)
    assert kept.get("one", lambda: 5, a_minute) == 5


def test_it_is_made_again_once_its_time_is_over() -> None:
    now = NOW
    kept: Kept[str, datetime] = Kept(3, lambda: now)
    assert kept.get("one", lambda: now, a_minute) == NOW
    now += timedelta(seconds=59)
    assert kept.get("one", lambda: now, a_minute) == NOW
    now += timedelta(seconds=1)
    assert kept.get("one", lambda: now, a_minute) == now
