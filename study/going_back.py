"""Taking a study back to an earlier checkpoint: what that would retire."""

from __future__ import annotations

from chain.chain import Chain
from chain.errors import RollbackNotAncestor


def rounds_to_retire(chain: Chain, study_id: int, to_round: int) -> list[int]:
    """The closed rounds, ascending, that a rollback to a round would retire now.

    Raises:
        RollbackNotAncestor: the next round does not descend from that round.
        chain.errors.ChainError
    """
    newest = at = chain.ledger.last_closed(study_id)
    between: list[int] = []
    while at > to_round:
        between.append(at)
        at = chain.ledger.round(study_id, at).previous_closed
    if at != to_round or not between:
        raise RollbackNotAncestor(study_id, to_round, newest)
    return between[::-1]


def checkpoint_named(to_round: int) -> str:
    """What the next round starts from then, in words."""
    return f"the checkpoint of round {to_round}" if to_round else "the initial checkpoint"
