"""Answers that cost much, kept for a while: so many at most, and each made once for all who ask."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from api.clock import Clock

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Kept(Generic[Key, Answer]):
    """Usable from several threads. What was asked for last is kept longest."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most, self._clock = most, clock
        self._answers: OrderedDict[Key, tuple[datetime, Answer]] = OrderedDict()
        self._making: dict[Key, Future[Answer]] = {}
        self._lock = threading.Lock()

    def get(
        self, key: Key, make: Callable[[], Answer], lifetime: Callable[[Answer], timedelta]
    ) -> Answer:
        """The kept answer, or what `make` gives, kept for as long as `lifetime` says.

        Whoever asks while it is being made waits for it. Raises what `make` raises, which is not
        kept.
        """
        with self._lock:
            kept = self._answers.get(key)
            if kept is not None and kept[0] > self._clock():
                self._answers.move_to_end(key)
                return kept[1]
            others = self._making.get(key)
            if others is None:
                own = self._making[key] = Future[Answer]()
        if others is not None:
            return others.result()
        try:
            answer = make()
            with self._lock:
                self._answers[key] = (self._clock() + lifetime(answer), answer)
                self._answers.move_to_end(key)
                while len(self._answers) > self._most:
                    self._answers.popitem(last=False)
        except BaseException as error:
            own.set_exception(error)
            raise
        else:
            own.set_result(answer)
            return answer
        finally:
            with self._lock:
                del self._making[key]

    def __len__(self) -> int:
        return len(self._answers)
