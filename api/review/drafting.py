"""Drafts of what reviewers sign, refused when signing them would be wrong or in vain."""

from __future__ import annotations

from dataclasses import dataclass

from api.review.approval_drafts import draft_approval, draft_renewal
from api.review.chain_time import chain_time
from api.review.draft_models import (
    ReviewDraft,
    Wanted,
    WantedApproval,
    WantedChallenge,
    WantedReadmission,
    WantedRenewal,
    WantedReplacement,
    WantedResumption,
    WantedRollback,
    WantedSuspension,
)
from api.review.drafted import Drafted
from api.review.problems import (
    AlreadySuspended,
    NotSuspended,
    RoundNotAskable,
    SeatNotFilled,
    SiteNotBarred,
)
from api.review.terms import known_study
from api.review.words import facts
from api.service import Service
from audit.remedies import spans
from audit.times import moment
from chain.chain import Chain
from chain.messages import (
    Challenge,
    Readmission,
    Replacement,
    Resumption,
    Rollback,
    RoundState,
    Suspension,
)
from study.going_back import checkpoint_named, rounds_to_retire
from study.terms_text import duration


@dataclass(frozen=True)
class Drafting:
    """Drafts for one reviewer of one study. Methods raise ServiceProblem and ChainError."""

    service: Service
    chain: Chain
    study_id: int
    reviewer: str

    def draft(self, wanted: Wanted) -> ReviewDraft:
        """The draft of what is wanted. The caller has been found to be a reviewer."""
        made = self._made(wanted)
        ledger = isinstance(made.message, Readmission | Rollback | Challenge)
        domain = self.chain.ledger.domain if ledger else self.chain.registry.domain
        signed_for = (
            ("for", f"{domain.contract} ({domain.name}) on chain {domain.chain_id}"),
            ("as", self.reviewer),
        )
        return ReviewDraft(
            act=wanted.act,
            typed_data=made.message.typed_data(domain),
            summary=facts([*made.summary, *signed_for]),
            signatures_needed=made.signatures_needed,
            submit_to=f"/v1/studies/{self.study_id}/review-acts",
        )

    def _made(self, wanted: Wanted) -> Drafted:
        match wanted:
            case WantedApproval(version=version, expires=expires):
                return draft_approval(
                    self.service, self.chain, self.study_id, self.reviewer, version, expires
                )
            case WantedRenewal(expires=expires):
                return draft_renewal(
                    self.service, self.chain, self.study_id, self.reviewer, expires
                )
            case WantedSuspension():
                return self._suspension()
            case WantedResumption():
                return self._resumption()
            case WantedReplacement(outgoing=outgoing, incoming=incoming):
                return self._replacement(outgoing, incoming)
            case WantedRollback(to_round=to_round):
                return self._rollback(to_round)
            case WantedReadmission(site=site):
                return self._readmission(site)
            case WantedChallenge(round=number, site=site):
                return self._challenge(number, site)

    def _suspension(self) -> Drafted:
        study = known_study(self.chain, self.study_id)
        if study.suspended:
            raise AlreadySuspended
        return Drafted(
            Suspension(self.study_id, study.suspensions),
            [
                ("you stop", f"study {self.study_id}, alone and at once"),
                ("that means", "no round opens, seals or closes, and no consent counts"),
                ("revoking", "stays possible for every patient"),
                ("to go on", f"{study.threshold} reviewers have to sign for it"),
            ],
        )

    def _resumption(self) -> Drafted:
        study = known_study(self.chain, self.study_id)
        if not study.suspended:
            raise NotSuspended
        return Drafted(
            Resumption(self.study_id, study.suspensions),
            [
                ("you sign", f"that study {self.study_id} may go on"),
                ("this holds for", f"suspension {study.suspensions} alone, and for no later one"),
                ("takes effect", f"once {study.threshold} reviewers have signed the same"),
            ],
            study.threshold,
        )

    def _replacement(self, outgoing: str, incoming: str) -> Drafted:
        chain, study = self.chain, known_study(self.chain, self.study_id)
        if not chain.registry.is_reviewer(self.study_id, outgoing):
            raise SeatNotFilled(f"{outgoing} is no reviewer of study {self.study_id}")
        coordinators = {
            chain.registry.round_rules(self.study_id, version).coordinator
            for version in {study.current_version, study.proposed_version} - {0}
        }
        seated = chain.registry.reviewers(self.study_id)
        if int(incoming, 16) == 0 or incoming in {study.sponsor, *coordinators, *seated}:
            raise SeatNotFilled(f"{incoming} may not take a seat of study {self.study_id}")
        return Drafted(
            Replacement(self.study_id, study.replacements, outgoing, incoming),
            [
                ("you sign", f"that {incoming} takes the seat of {outgoing}"),
                (
                    "approvals",
                    "what the committee approved stands until it expires; the approval of who"
                    " leaves no longer counts towards a new version or a renewal",
                ),
                ("this holds", "until the next replacement in this study"),
                ("takes effect", f"once {study.threshold} reviewers have signed the same"),
            ],
            study.threshold,
        )

    def _rollback(self, to_round: int) -> Drafted:
        study = known_study(self.chain, self.study_id)
        retired = rounds_to_retire(self.chain, self.study_id, to_round)
        return Drafted(
            Rollback(self.study_id, to_round, self.chain.ledger.rollbacks(self.study_id)),
            [
                ("you sign", f"that the next round starts from {checkpoint_named(to_round)}"),
                (
                    "retired for good",
                    f"what rounds {spans(retired)} made, and what later ones make"
                    " before this takes effect: no later round builds on it",
                ),
                ("privacy", "what those rounds cost stays spent"),
                ("this holds", "until the study's next rollback"),
                (
                    "takes effect",
                    f"once {study.threshold} reviewers have signed the same, while no round is"
                    " open",
                ),
            ],
            study.threshold,
        )

    def _readmission(self, site: str) -> Drafted:
        known_study(self.chain, self.study_id)
        ledger = self.chain.ledger
        barred_for, times = (
            ledger.barred_for(self.study_id, site),
            ledger.times_barred(self.study_id, site),
        )
        if not barred_for:
            raise SiteNotBarred(f"{site} is not barred from study {self.study_id}")
        return Drafted(
            Readmission(self.study_id, site, times),
            [
                ("you let", f"{site} take part in study {self.study_id} again"),
                (
                    "it is barred",
                    f"for round {barred_for}: it was sealed in and delivered nothing, or did not"
                    f" answer a challenge; it was barred {times} times in all",
                ),
                ("ask first", "why; the bar is what makes silence cost something"),
                ("this holds", "for this bar alone: it lifts no later one"),
            ],
        )

    def _challenge(self, number: int, site: str) -> Drafted:
        known_study(self.chain, self.study_id)
        ledger, head = self.chain.ledger, self.chain.head()
        found = ledger.round(self.study_id, number)
        if found.state not in (RoundState.CLOSED, RoundState.ABORTED):
            raise RoundNotAskable(f"round {number} of study {self.study_id} is not over")
        rules = self.chain.registry.round_rules(self.study_id, found.version)
        until = found.close_deadline + rules.challenge_seconds
        if chain_time(head, self.service.clock) >= until:
            raise RoundNotAskable(f"the challenge period of round {number} ended {moment(until)}")
        if ledger.commitment_of(self.study_id, number, site).attempt == 0:
            raise RoundNotAskable(f"{site} committed nothing to round {number}")
        if ledger.challenge_of(self.study_id, number, site, 0).answer_by:
            raise RoundNotAskable(f"{site} has been asked for a replay of round {number} already")
        return Drafted(
            Challenge(self.study_id, number, site, 0),
            [
                ("you ask", f"{site} to compute its part of round {number} again (a replay)"),
                (
                    "it has to answer",
                    f"within {duration(rules.answer_seconds)} of the question; on the chain is the"
                    " SHA-256 of the answer, and the site shows you the answer itself",
                ),
                ("who does not answer", "takes no further part until a reviewer readmits it"),
            ],
        )
