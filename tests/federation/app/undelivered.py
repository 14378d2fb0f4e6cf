"""A sealed round to which one site never delivers, and what the ledger makes of that site."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from federation.app.reply import WithheldCode
from federation.app.site_round import Withheld
from tests.small_federation import SmallFederation

SILENT = "site-3"
Part = Future[tuple[bytes, bytes]]


def account(federation: SmallFederation) -> str:
    return federation.keys[SILENT].public.account


def barred_for(federation: SmallFederation) -> int:
    return federation.chain.ledger.barred_for(federation.study_id, account(federation))


def until_too_late(federation: SmallFederation, number: int) -> int:
    """Seconds of chain time to the round's delivery deadline."""
    round_ = federation.chain.ledger.round(federation.study_id, number)
    return round_.delivery_deadline - federation.chain.head().timestamp


def answer_of(part: Part) -> WithheldCode:
    error = part.exception()
    assert isinstance(error, Withheld), error
    return error.code


@contextmanager
def undelivered_round(
    federation: SmallFederation, code: WithheldCode | None = None
) -> Iterator[tuple[int, Future[bytes]]]:
    """A sealed round to which the third site's delivery never comes, or a code in its place.

    Gives the round's number and what the coordinator's driver makes of it.
    """
    number = federation.open_round()
    with federation.sites_at(number) as parts, ThreadPoolExecutor(1) as pool:
        federation.until_committed(number)
        lost: Part = Future()
        if code is not None:
            lost.set_exception(Withheld(code, "as the test says"))
        driving = pool.submit(federation.drive, number, parts | {SILENT: lost})
        for part in parts.values():
            part.exception()
        yield number, driving
        driving.exception()
