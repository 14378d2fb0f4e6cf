"""Work that several threads ask for at the same time is done once, for all of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Together(Generic[Item, Answer]):
    """One thread at a time works, for itself and for whoever came while the last one worked.

    Nobody waits for company: who comes alone is served alone, at once. The busier it is, the more
    are served together (of databases: group commit; DeWitt et al. 1984, "Implementation techniques
    for main memory database systems").
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Answer | Exception]], most: int
    ) -> None:
        """`work` gives, for each of at most `most` items, its answer or why it has none.

        When it raises, nothing may have been done; then each item is worked on alone, so that
        nobody is refused for whom they came with.
        """
        self._work, self._most = work, most
        self._lock = threading.Lock()
        self._is_working = False
        self._waiting: deque[_Waiting[Item, Answer]] = deque()

    def do(self, item: Item) -> Answer:
        """The item's answer; raises what `work` gave for it, or raised."""
        mine = _Waiting[Item, Answer](item)
        with self._lock:
            goes_first = not self._is_working
            self._is_working = True
            if not goes_first:
                self._waiting.append(mine)
        # True: it was its turn; False: somebody else has worked for it.
        if goes_first or mine.turn.result():
            self._work_for(mine)
        if mine.is_alone:
            return _told(self._work([item])[0])
        assert mine.answer is not None
        return _told(mine.answer[0])

    def _work_for(self, mine: _Waiting[Item, Answer]) -> None:
        with self._lock:
            others = [self._waiting.popleft() for _ in range(self._room())]
        all_ = [mine, *others]
        try:
            answers = self._work([one.item for one in all_])
            for one, answer in zip(all_, answers, strict=True):
                one.answer = (answer,)
        except Exception as error:  # noqa: BLE001, told to whom it befell
            # A single one was alone already, and is told at once.
            for one in all_:
                one.is_alone = bool(others)
                one.answer = (error,)
        finally:
            with self._lock:
                after = self._waiting.popleft() if self._waiting else None
                self._is_working = after is not None
            if after is not None:
                after.turn.set_result(True)
            for one in others:
                one.turn.set_result(False)

    def _room(self) -> int:
        return min(len(self._waiting), self._most - 1)


class _Waiting(Generic[Item, Answer]):
    """An item, whose turn it is, and what came of it."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.turn: Future[bool] = Future()
        self.answer: tuple[Answer | Exception] | None = None
        self.is_alone = False


def _told(answer: Answer | Exception) -> Answer:
    if isinstance(answer, Exception):
        raise answer
    return answer
