"""Who writes to an SQLite file takes turns with the other threads of the process."""

from __future__ import annotations

import sqlite3
import threading


class TurnTaker(sqlite3.Connection):
    """A connection that has its turn from `take_turn` until its transaction has ended.

    SQLite has one writer at a time and lets whoever waits for it sleep, ever longer, while it
    serves whoever comes by. A thread that waits for its turn is woken when the last one has ended.
    Other processes are still waited for by sleeping.
    """

    turn: threading.Lock
    _has_turn = False

    def take_turn(self, seconds: float) -> None:
        """Call it right before BEGIN IMMEDIATE.

        Who has waited `seconds` goes without: SQLite then says what is the matter.
        """
        self._has_turn = self.turn.acquire(timeout=seconds)

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
