"""Who answers for what in a study now: approvals and their ends, bars, aborts, open questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chain.chain import Chain
from chain.events import Answered, Challenged, EventRecord, Faulted, decode
from chain.messages import Study


@dataclass(frozen=True)
class Question:
    """One challenge: what a site was asked about a round, and whether it answered.

    Attributes:
        token_id: 0: a reviewer asks for a replay; else its holder asks for a receipt.
        answer_by: first second at which an answer comes too late.
        answer_hash: SHA-256 of the answer, None while there is none.
        faulted: that no answer came is on record, and has barred the site.
    """

    round: int
    site: str
    token_id: int
    answer_by: int
    answer_hash: bytes | None = None
    faulted: bool = False

    def state(self, now: int) -> str:
        """`answered`, `not answered`, `waiting` or, from the deadline on, `overdue`."""
        if self.answer_hash is not None:
            return "answered"
        if self.faulted:
            return "not answered"
        return "waiting" if now < self.answer_by else "overdue"


@dataclass(frozen=True)
class Answerability:
    """As of one block.

    Attributes:
        approvals: until when each present reviewer's approval of a version holds; 0 for none.
        approved_until: first second at which the approval of the version in force has expired.
        barred: sites that may not commit, with the round that each is barred for.
        charged_aborts: abandoned sealed rounds since the last suspension.
        max_charged_aborts: how many there may be before no round opens.
        questions: every challenge, oldest first.
    """

    approvals: dict[str, int]
    approved_until: int
    barred: dict[str, int]
    charged_aborts: int
    max_charged_aborts: int
    questions: tuple[Question, ...]

    @property
    def aborts_left(self) -> int:
        return max(0, self.max_charged_aborts - self.charged_aborts)

    def to_json(self, now: int) -> dict[str, Any]:
        return {
            "approvals": {one: until or None for one, until in self.approvals.items()},
            "approved_until": self.approved_until or None,
            "barred": self.barred,
            "charged_aborts": self.charged_aborts,
            "charged_aborts_left": self.aborts_left,
            "challenges": [
                {
                    "round": one.round,
                    "site": one.site,
                    "token": str(one.token_id) if one.token_id else None,
                    "answer_by": one.answer_by,
                    "state": one.state(now),
                    "answer": "0x" + one.answer_hash.hex() if one.answer_hash else None,
                }
                for one in self.questions
            ],
        }


def answerability(chain: Chain, study_id: int, version: int) -> Answerability:
    """What the node says, at its newest block.

    Args:
        version: whose approvals are asked for; the other facts are the study's.

    Raises:
        chain.errors.ChainError
    """
    block = chain.head().number
    registry, ledger = chain.registry, chain.ledger
    study: Study = registry.study(study_id, block=block)
    ruling = study.current_version or version
    reviewers = registry.reviewers(study_id, block=block)
    # A site of an earlier version keeps its bar, and may come back with a later one.
    sites = {
        site
        for one in range(1, study.proposed_version + 1)
        for site in registry.sites(study_id, one, block=block)
    }
    barred = {site: ledger.barred_for(study_id, site, block=block) for site in sorted(sites)}
    return Answerability(
        approvals={
            one: registry.approval_of(study_id, version, one, block=block) for one in reviewers
        },
        approved_until=study.approved_until,
        barred={site: number for site, number in barred.items() if number},
        charged_aborts=ledger.charged_aborts(study_id, block=block),
        max_charged_aborts=registry.round_rules(study_id, ruling, block=block).max_charged_aborts,
        questions=_questions(chain.events(study_id, to_block=block)),
    )


def _questions(records: list[EventRecord]) -> tuple[Question, ...]:
    found: dict[tuple[int, str, int], Question] = {}
    for record in records:
        event = decode(record)
        if isinstance(event, Challenged):
            key = (event.round, event.site, event.token_id)
            found[key] = Question(*key, event.answer_by)
        elif isinstance(event, Answered | Faulted):
            key = (event.round, event.site, event.token_id)
            asked = found[key]
            found[key] = (
                replace(asked, answer_hash=event.answer_hash)
                if isinstance(event, Answered)
                else replace(asked, faulted=True)
            )
    return tuple(found.values())
