"""How often the worker looks at the chain and the queue."""

import threading
from collections.abc import Callable

import pytest

from api.index.errors import OtherDeployment
from api.worker import Loop
from chain.errors import ChainUnreachable


class Waits(threading.Event):
    """Set after so many waits, each of which is noted and takes no time."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        if len(self.seconds) == self._most:
            self.set()
        return self.is_set()


def waits_of(run_once: Callable[[], int], *, apart: float = 0.0, most: int = 3) -> list[float]:
    """How long a loop waits after each of its first passes."""
    stop = Waits(most)
    Loop("it", run_once, pause=7.0, apart=apart).run(stop)
    return stop.seconds


def test_without_work_it_pauses() -> None:
    assert waits_of(lambda: 0, apart=3600.0) == [7.0] * 3


def test_after_work_it_goes_on_at_once() -> None:
    assert waits_of(lambda: 1) == [0.0] * 3


def test_what_comes_between_passes_that_are_apart_is_worked_on_together() -> None:
    waited = waits_of(lambda: 1, apart=3600.0)
    assert all(0.0 < seconds <= 3600.0 for seconds in waited)


def test_what_is_away_is_tried_later_and_later_until_it_is_back() -> None:
    answers = iter([1, 0])

    def away() -> int:
        raise ChainUnreachable("?", "it is away")

    assert waits_of(away, most=6) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert waits_of(lambda: next(answers), most=2) == [0.0, 7.0]


def test_what_nothing_may_go_on_after_ends_it() -> None:
    def over() -> int:
        raise OtherDeployment

    with pytest.raises(OtherDeployment):
        waits_of(over)
