"""What the events of one study say, fact by fact. The replay writes it, `StudyState` reads it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from audit.round_state import BaseChange, ChargedAbort, Moment, RoundFacts
from chain.events import Event, RolledBack
from chain.messages import Grant, Terms

T = TypeVar("T")


@dataclass
class Token:
    """One consent: what was granted, under which version, when, and when it was revoked.

    ``before``: the record's token before it, which must have been revoked, or is burned by this
    grant because its version no longer counts.
    """

    token_id: int
    index: int
    grant: Grant
    version: int
    record_tag: bytes
    granted: Moment
    before: Token | None = None
    revoked: Moment | None = None


@dataclass(frozen=True)
class ApprovalFact:
    """One reviewer's approval as recorded; the signature is checked by the verifier."""

    reviewer: str
    expires_at: int
    signer: bytes
    signature: bytes
    moment: Moment


@dataclass
class VersionFacts:
    """One proposed version of the terms; every approval of it, renewals included, in order."""

    version: int
    terms: Terms
    terms_hash: bytes
    proposed: Moment
    approvals: list[ApprovalFact] = field(default_factory=list)
    activated: Moment | None = None
    consent_version: int | None = None

    def expiry_of(self, reviewer: str) -> int:
        """Until when a reviewer approves it (`StudyRegistry.approvalOf`); 0 for never."""
        own = (approval.expires_at for approval in self.approvals if approval.reviewer == reviewer)
        return max(own, default=0)

    def approved_until(self, reviewers: tuple[str, ...], threshold: int) -> int:
        """The k-th latest expiry among the reviewers' approvals; 0 while fewer than k approved."""
        expiries = sorted((self.expiry_of(reviewer) for reviewer in reviewers), reverse=True)
        return expiries[threshold - 1]


@dataclass(frozen=True)
class Standing:
    """Where a study stands from ``moment`` on.

    ``current_version`` is 0 before the first is in force. ``approved_until``: first second at
    which its approval has expired. ``disease``: its MONDO number. ``suspensions``: how many so far;
    ``suspended_by``: the reviewer of the last.
    """

    moment: Moment
    current_version: int = 0
    consent_version: int = 0
    suspended: bool = False
    suspensions: int = 0
    suspended_by: str = ""
    approved_until: int = 0
    disease: int = 0


@dataclass(frozen=True)
class SiteFacts:
    """A site of the registry: its enrolment key from ``moment`` on."""

    site: str
    enrolment_key: str
    noise_secret_hash: bytes
    moment: Moment


class Committee(NamedTuple):
    """Who reviews a study from ``moment`` on, seat by seat."""

    moment: Moment
    reviewers: tuple[str, ...]


class BarChange(NamedTuple):
    """A site is barred for ``round`` from ``moment`` on; 0: it is readmitted.

    ``times``: how often it was barred by then; ``readmitted_by``: a reviewer.
    """

    moment: Moment
    round: int
    times: int
    readmitted_by: str = ""


@dataclass(frozen=True)
class RollbackFacts:
    """Reviewers took the study back; their signatures are checked by the verifier."""

    event: RolledBack
    moment: Moment


@dataclass
class ChallengeFacts:
    """A question that a site had to answer before second ``answer_by``.

    ``token_id`` 0: a reviewer asked for a replay; otherwise the token's holder for the receipt.
    """

    round: int
    site: str
    token_id: int
    asked: Moment
    answer_by: int
    answer_hash: bytes | None = None
    answered: Moment | None = None
    faulted: Moment | None = None


@dataclass
class History:
    """Everything that the events say. ``reviewers`` as the committee is after all of them.

    ``sites``: the keys of each account that registered, by account, the newest last.
    ``due``: the event that must come next because the contract emits it in the same call.
    ``counters``: the least that each holder's revocation counter can be (acts in other studies,
    which raise it too, are not among the events).
    """

    study_id: int
    moments: list[Moment] = field(default_factory=list)
    sites: dict[str, list[SiteFacts]] = field(default_factory=dict)
    successor: str | None = None
    sponsor: str | None = None
    committees: list[Committee] = field(default_factory=list)
    threshold: int = 0
    versions: dict[int, VersionFacts] = field(default_factory=dict)
    standings: list[Standing] = field(default_factory=list)
    tokens: dict[str, list[Token]] = field(default_factory=dict)
    records: dict[tuple[str, bytes], Token] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    revocations: dict[str, list[Moment]] = field(default_factory=dict)
    rounds: dict[int, RoundFacts] = field(default_factory=dict)
    bases: list[BaseChange] = field(default_factory=list)
    charged_aborts: list[ChargedAbort] = field(default_factory=list)
    rollbacks: list[RollbackFacts] = field(default_factory=list)
    commits: dict[str, list[Moment]] = field(default_factory=dict)
    bars: dict[str, list[BarChange]] = field(default_factory=dict)
    was_barred: set[tuple[int, str]] = field(default_factory=set)
    challenges: dict[tuple[int, str, int], ChallengeFacts] = field(default_factory=dict)
    rho_spent: int = 0
    due: Event | None = None

    def fork(self) -> History:
        """The same history, to which events can be added while others read this one.

        What has a moment may be shared: a `StudyState` does not see later ones.
        """
        return replace(
            self,
            moments=[*self.moments],
            sites=_forked(self.sites),
            committees=[*self.committees],
            versions={**self.versions},
            standings=[*self.standings],
            tokens=_forked(self.tokens),
            records={**self.records},
            counters={**self.counters},
            revocations=_forked(self.revocations),
            rounds={number: facts.fork() for number, facts in self.rounds.items()},
            bases=[*self.bases],
            charged_aborts=[*self.charged_aborts],
            rollbacks=[*self.rollbacks],
            commits=_forked(self.commits),
            bars=_forked(self.bars),
            was_barred={*self.was_barred},
            challenges={**self.challenges},
        )

    @property
    def reviewers(self) -> tuple[str, ...]:
        return self.committees[-1].reviewers if self.committees else ()

    @property
    def base_round(self) -> int:
        """The closed round whose checkpoint the next one starts from (`RoundLedger.lastClosed`)."""
        return self.bases[-1].round if self.bases else 0

    def lineage(self, number: int) -> list[int]:
        """A round and those that it descends from, newest first; 0, the initial checkpoint, ends
        it.
        """
        found = [number]
        while found[-1] != 0:
            found.append(self.rounds[found[-1]].follows)
        return found

    @property
    def replacements(self) -> int:
        """How often a reviewer was replaced."""
        return max(0, len(self.committees) - 1)

    def times_barred(self, site: str) -> int:
        """How often a site was barred, whatever became of it."""
        changes = self.bars.get(site, [])
        return changes[-1].times if changes else 0

    @property
    def current_version(self) -> int:
        return self.standings[-1].current_version if self.standings else 0


def _forked(lists: dict[str, list[T]]) -> dict[str, list[T]]:
    return {site: [*entries] for site, entries in lists.items()}
