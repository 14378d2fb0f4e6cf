"""Answers from a network are read up to a bound, so that whoever lies there fills no memory."""

from __future__ import annotations

from collections.abc import Iterable


def read_up_to(most: int, pieces: Iterable[bytes], refusal: Exception) -> bytearray:
    """The pieces joined; raises ``refusal`` as soon as they are over ``most`` bytes."""
    told = bytearray()
    for piece in pieces:
        told += piece
        if len(told) > most:
            raise refusal
    return told
