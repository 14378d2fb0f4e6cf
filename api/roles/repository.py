"""Which tokens an address was granted, from the index."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.index.tables import IndexedToken


def tokens_of(database: Session, address: str) -> list[tuple[int, int]]:
    """(token id, study id) of every token that was granted to an address and stands."""
    rows = database.execute(
        select(IndexedToken.token_id, IndexedToken.study_id)
        .where(IndexedToken.holder == address, IndexedToken.revoked_block.is_(None))
        .order_by(IndexedToken.token_id)
    )
    return [(token_id, study_id) for token_id, study_id in rows]
