"""Who writes to an SQLite file takes turns with the other threads of the process."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable

_LOOK_AGAIN_SECONDS = 0.001


class TurnTaker(sqlite3.Connection):
    """A connection that has its turn from `take_turn` until its transaction has ended.

    SQLite has one writer at a time and lets whoever waits for it sleep, ever longer (after 8 ms
    for 10, then 15, in the end 100), while it serves whoever comes by. A thread that waits for its
    turn is woken when the last one has ended. Whoever waits for another process looks again each
    millisecond: most transactions last a few.
    """

    turn: threading.Lock
    _has_turn = False

    def take_turn(self, seconds: float) -> None:
        """Call it right before BEGIN IMMEDIATE.

        Who has waited `seconds` goes without: SQLite then says what is the matter.
        """
        self._has_turn = self.turn.acquire(timeout=seconds)

    def begin_writing(self, last: Callable[[], object]) -> None:
        """BEGIN IMMEDIATE, tried until busy_timeout (as SQLite has it) has passed.

        Then `last` tries it, once, and raises what is the matter. Raises sqlite3.OperationalError.
        """
        patience = self.execute("PRAGMA busy_timeout").fetchone()[0]
        until = time.monotonic() + patience / 1000
        self.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    self.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                        raise
                if time.monotonic() >= until:
                    last()
                    return
                time.sleep(_LOOK_AGAIN_SECONDS)
        finally:
            self.execute(f"PRAGMA busy_timeout = {patience}")

    def give_turn(self) -> None:
        """Lets the next one write."""
        if self._has_turn:
            self._has_turn = False
            self.turn.release()

    def commit(self) -> None:
        """A commit that fails leaves the transaction open, to be rolled back."""
        super().commit()
        self.give_turn()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self.give_turn()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self.give_turn()


def turn_takers() -> type[TurnTaker]:
    """Connections that take turns with each other, and with no others."""

    class OfOneFile(TurnTaker):
        turn = threading.Lock()

    return OfOneFile
