"""The event of RoundLedger by which reviewers take a study back to an earlier checkpoint.

Whether the reviewers signed it is checked in `audit.checks.rollbacks`.
"""

from __future__ import annotations

from audit.acts.refusal import require
from audit.history import History, RollbackFacts
from audit.round_state import BaseChange, Moment
from chain import events as ev
from chain.messages import account_of_signer


def rolled_back(history: History, event: ev.RolledBack, moment: Moment) -> None:
    newest = history.rounds.get(len(history.rounds))
    over = newest is None or newest.over_at is not None
    require(over, "a round is still running")
    base = history.base_round
    require(event.from_round == base, f"the study stands at round {base}")
    older = event.to_round < base
    require(older and event.to_round in history.lineage(base), f"{event.to_round} is no ancestor")
    number = len(history.rollbacks) + 1
    require(event.rollbacks == number, f"it is rollback {number} of the study")
    require(len(event.signers) == len(event.signatures), "signers and signatures are no pairs")
    reviewers = [account_of_signer(signer) for signer in event.signers]
    for reviewer in reviewers:
        require(reviewer in history.reviewers, f"{reviewer} is not a reviewer")
    enough = len(set(reviewers)) >= history.threshold
    require(enough, f"{history.threshold} reviewers have to sign")
    history.rollbacks.append(RollbackFacts(event, moment))
    history.bases.append(BaseChange(moment, event.to_round))
