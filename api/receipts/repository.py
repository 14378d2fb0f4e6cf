"""Reads and writes of receipt keys and receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.index.tables import IndexedToken
from api.receipts.tables import ReceiptKeyRow, SealedReceipt


def key_of(database: Session, holder: str, *, lock: bool = False) -> ReceiptKeyRow | None:
    """The key that a holder has named; with `lock` nobody takes it away meanwhile."""
    shared = {"read": True} if lock else None
    return database.get(ReceiptKeyRow, holder, with_for_update=shared)


def put_key(database: Session, row: ReceiptKeyRow) -> None:
    """Keeps a holder's key in place of an earlier one."""
    database.merge(row)


def receipts_of(database: Session, token_id: int) -> Sequence[SealedReceipt]:
    """A token's receipts, by round."""
    asked = select(SealedReceipt).where(SealedReceipt.token_id == token_id)
    return database.scalars(asked.order_by(SealedReceipt.round)).all()


def put_receipt(database: Session, row: SealedReceipt) -> None:
    """Keeps a receipt in place of an earlier one for the same token and round."""
    database.merge(row)


def wanting(
    database: Session, study_id: int, site: str, after: int | None, limit: int
) -> Sequence[tuple[int, ReceiptKeyRow]]:
    """(token, its holder's key) of a site's tokens whose holders named one; one more than `limit`
    when there are more.
    """
    asked = (
        select(IndexedToken.token_id, ReceiptKeyRow)
        .join(ReceiptKeyRow, ReceiptKeyRow.holder == IndexedToken.holder)
        .where(IndexedToken.study_id == study_id, IndexedToken.site == site)
    )
    if after is not None:
        asked = asked.where(IndexedToken.token_id > after)
    rows = database.execute(asked.order_by(IndexedToken.token_id).limit(limit + 1))
    return [(token, key) for token, key in rows]


def rounds_held(database: Session, tokens: Iterable[int], site: str) -> dict[int, dict[int, bytes]]:
    """Rounds of which a site's receipts are here, by token, with the key each is encrypted to."""
    rows = database.execute(
        select(SealedReceipt.token_id, SealedReceipt.round, SealedReceipt.x25519).where(
            SealedReceipt.token_id.in_(list(tokens)), SealedReceipt.site == site
        )
    )
    found: dict[int, dict[int, bytes]] = {}
    for token_id, round_, key in rows:
        found.setdefault(token_id, {})[round_] = key
    return found


def sealed_receipt(
    token_id: int,
    round_: int,
    site: str,
    holder: str,
    x25519: bytes,
    sealed: bytes,
    now: datetime,
) -> SealedReceipt:
    """A row."""
    return SealedReceipt(
        token_id=token_id,
        round=round_,
        site=site,
        holder=holder,
        x25519=x25519,
        sealed=sealed,
        stored_at=now,
    )
