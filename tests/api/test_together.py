"""Several who come at the same time are served by one, and none suffers for another."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.together import Together


class Scales:
    """Work that can be held up: doubles numbers, refuses odd ones, and notes who came with whom."""

    def __init__(self, *, breaks_with: int | None = None) -> None:
        self.batches: list[list[int]] = []
        self.began, self.go_on = threading.Event(), threading.Event()
        self._breaks_with = breaks_with

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        self.began.set()
        assert self.go_on.wait(30)
        if self._breaks_with in numbers:
            raise ConnectionError
        return [ValueError(f"{one} is odd") if one % 2 else 2 * one for one in numbers]


def _ask_while_busy(work: Scales, together: Together[int, int], *rest: int) -> list[Future[int]]:
    """Brings 0 first, and while that is worked on the others."""
    pool = ThreadPoolExecutor(len(rest) + 1)
    asked = [pool.submit(together.do, 0)]
    assert work.began.wait(30)
    asked += [pool.submit(together.do, one) for one in rest]
    while len(together._waiting) < len(rest):
        pass
    work.go_on.set()
    pool.shutdown()
    return asked


def test_who_comes_alone_is_served_alone() -> None:
    work = Scales()
    work.go_on.set()
    together = Together[int, int](work, most=8)
    assert [together.do(2), together.do(4)] == [4, 8]
    assert work.batches == [[2], [4]]


def test_who_comes_meanwhile_is_served_together_and_refused_alone() -> None:
    work = Scales()
    first, *asked = _ask_while_busy(work, Together(work, most=8), 2, 3, 4)
    assert first.result() == 0
    assert [len(batch) for batch in work.batches] == [1, 3]
    assert (asked[0].result(), asked[2].result()) == (4, 8)
    with pytest.raises(ValueError, match="3 is odd"):
        asked[1].result()


def test_no_more_are_served_together_than_agreed() -> None:
    work = Scales()
    asked = _ask_while_busy(work, Together(work, most=2), 2, 4, 6, 8, 10)
    assert [one.result() for one in asked] == [0, 4, 8, 12, 16, 20]
    assert [len(batch) for batch in work.batches] == [1, 2, 2, 1]


def test_what_fails_for_all_is_tried_for_each() -> None:
    work = Scales(breaks_with=4)
    asked = _ask_while_busy(work, Together(work, most=8), 2, 4, 6)
    assert [asked[place].result() for place in (0, 1, 3)] == [0, 4, 12]
    with pytest.raises(ConnectionError):
        asked[2].result()
    assert sorted(len(batch) for batch in work.batches) == [1, 1, 1, 1, 3]
    assert Together(work, most=8).do(2) == 4


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 99), max_size=60), st.integers(1, 5), st.integers(1, 8))
def test_each_gets_the_answer_to_its_own(numbers: list[int], most: int, threads: int) -> None:
    work = Scales(breaks_with=50)
    work.go_on.set()
    together = Together[int, int](work, most)

    def ask(number: int) -> int | type[Exception]:
        try:
            return together.do(number)
        except (ValueError, ConnectionError) as error:
            return type(error)

    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(ask, numbers))
    for number, answer in zip(numbers, answers, strict=True):
        refused = ConnectionError if number == 50 else ValueError
        assert answer == (refused if number % 2 or number == 50 else 2 * number)
    assert max(map(len, work.batches), default=0) <= most
