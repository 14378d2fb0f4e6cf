"""How an act says that the contracts cannot have emitted an event."""

from __future__ import annotations

from typing import NoReturn

from audit.errors import HistoryInvalid


def refuse(why: str) -> NoReturn:
    raise HistoryInvalid(why)


def require(holds: bool, why: str) -> None:
    if not holds:
        refuse(why)
