"""An act as the endpoints tell it."""

from __future__ import annotations

from api.blocks import BlockShown
from api.outbox.models import ActShown, Reason
from api.outbox.repository import Followed, state_of
from api.outbox.states import STATES
from api.outbox.tables import RelayTransaction
from chain.blocks import Block


def shown(followed: Followed) -> ActShown:
    """The act with the transaction that carries it, if there is one."""
    act, transaction = followed.act, followed.transaction
    state = state_of(act)
    told = ActShown(
        id=act.id,
        kind=act.kind,
        study_id=act.study_id,
        account=act.account,
        state=state,
        says=STATES[state],
        accepted_at=act.accepted_at,
        transactions=[],
        token_id=None if act.token_id is None else str(act.token_id),
        settled_at=act.settled_at,
    )
    if act.reason_code is not None:
        told.reason = Reason(code=act.reason_code, detail=act.reason or "")
    if transaction is None:
        return told
    told.transactions = [_hex(one) for one in followed.hashes]
    if transaction.tx_hash is not None:
        told.transaction = _hex(transaction.tx_hash)
        told.block = _block(transaction)
    return told


def _block(transaction: RelayTransaction) -> BlockShown | None:
    number, hash_ = transaction.block_number, transaction.block_hash
    time = transaction.block_timestamp
    if number is None or hash_ is None or time is None:
        return None
    return BlockShown.of(Block(number, hash_, time))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
