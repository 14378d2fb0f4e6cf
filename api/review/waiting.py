"""What waits for a reviewer: versions to approve, approvals to renew, studies that stand still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from api.review.chain_time import chain_time
from api.service import Service
from audit.times import moment
from chain.chain import Chain
from chain.messages import Study
from study.approving import DAY
from study.differences import compare_terms

#: An approval that ends this soon is to be renewed: a committee may meet once a month.
SOON_SECONDS = 60 * DAY


class WaitingItem(BaseModel):
    """One thing that waits for the caller; `act` is what a draft of it is asked with.

    `until`: chain time at which the approval it is about ends, null when it has none.
    `fresh_consent`: of a version to approve, whether patients have to consent anew.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "study_id": 1,
                "act": "approve",
                "version": 2,
                "words": "Version 2 is proposed and you have not approved it. Patients would have"
                " to consent anew.",
                "until": None,
                "fresh_consent": True,
                "approved_by": 1,
                "threshold": 2,
            }
        }
    )

    study_id: int
    act: Literal["approve", "renew", "resume", "suspend"]
    version: int
    words: str
    until: int | None = None
    fresh_consent: bool | None = None
    approved_by: int
    threshold: int


def waiting_in(service: Service, chain: Chain, study_id: int, reviewer: str) -> list[WaitingItem]:
    """What waits in one study, as of the newest block; nothing when the account has no seat.

    Raises:
        chain.errors.ChainError
    """
    head = chain.head()
    if not chain.registry.is_reviewer(study_id, reviewer, block=head.number):
        return []
    return list(_Waiting(service, chain, study_id, reviewer).items())


class _Waiting:
    def __init__(self, service: Service, chain: Chain, study_id: int, reviewer: str) -> None:
        head = chain.head()
        self._chain, self._block = chain, head.number
        self._now = chain_time(head, service.clock)
        self._study_id, self._reviewer = study_id, reviewer
        self._study: Study = chain.registry.study(study_id, block=self._block)
        self._reviewers = chain.registry.reviewers(study_id, block=self._block)

    def items(self) -> Iterator[WaitingItem]:
        study = self._study
        newest = study.proposed_version
        if newest != study.current_version and self._approval(newest) <= self._now:
            yield self._approve(newest)
        if study.current_version:
            yield from self._renew()
            yield from self._stands_still()

    def _approve(self, version: int) -> WaitingItem:
        current = self._study.current_version
        fresh, words = None, f"Version {version} is proposed and you have not approved it."
        if current:
            terms = self._chain.registry.terms
            fresh = compare_terms(
                terms(self._study_id, current, block=self._block),
                terms(self._study_id, version, block=self._block),
            ).fresh_consent
            words += (
                " Patients would have to consent anew."
                if fresh
                else f" Consent given under version {current} would carry over."
            )
        return self._item("approve", version, words, fresh_consent=fresh)

    def _renew(self) -> Iterator[WaitingItem]:
        version, soon = self._study.current_version, self._now + SOON_SECONDS
        own, whole = self._approval(version), self._study.approved_until
        if own >= soon or (own == 0 and whole >= soon):
            return
        mine = f"Your approval of version {version} " + (
            f"{'ends' if own > self._now else 'ended'} {moment(own)}." if own else "is missing."
        )
        study = f" The study's {'ends' if whole > self._now else 'ended'} {moment(whole)}"
        effect = (
            ": no round opens and no consent counts then."
            if whole > self._now
            else (": no round opens and no consent counts.")
        )
        yield self._item("renew", version, mine + study + effect, until=own or whole)

    def _stands_still(self) -> Iterator[WaitingItem]:
        version, study_id = self._study.current_version, self._study_id
        if self._study.suspended:
            yield self._item(
                "resume",
                version,
                f"The study is suspended. It goes on once {self._study.threshold} reviewers have"
                " signed that it may.",
            )
            return
        aborts = self._chain.ledger.charged_aborts(study_id, block=self._block)
        most = self._chain.registry.round_rules(
            study_id, version, block=self._block
        ).max_charged_aborts
        if aborts >= most:
            yield self._item(
                "suspend",
                version,
                f"The study has paused by itself after {aborts} abandoned sealed rounds. Find out"
                " why; it goes on once a reviewer has suspended it and enough let it go on.",
            )

    def _item(
        self,
        act: Literal["approve", "renew", "resume", "suspend"],
        version: int,
        words: str,
        *,
        until: int | None = None,
        fresh_consent: bool | None = None,
    ) -> WaitingItem:
        expiries = [self._approval_of(version, one) for one in self._reviewers]
        return WaitingItem(
            study_id=self._study_id,
            act=act,
            version=version,
            words=words,
            until=until,
            fresh_consent=fresh_consent,
            approved_by=sum(expiry > self._now for expiry in expiries),
            threshold=self._study.threshold,
        )

    def _approval(self, version: int) -> int:
        return self._approval_of(version, self._reviewer)

    def _approval_of(self, version: int, reviewer: str) -> int:
        return self._chain.registry.approval_of(
            self._study_id, version, reviewer, block=self._block
        )
