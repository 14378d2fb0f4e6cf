"""Consent and rounds of one study, replayed from its events alone: the offline twin of the
contracts.

`is_consent_active` here and `ConsentToken.isConsentActive` are held equal by a property test over
random histories on a real chain.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from audit.round_state import Moment, RoundFacts
from chain.events import EventRecord
from chain.messages import Grant, Terms, split_token_id


@dataclass
class Token:
    """One consent: what was granted, under which version, when, and when it was revoked."""

    token_id: int
    index: int
    grant: Grant
    version: int
    record_tag: bytes
    granted: Moment
    revoked: Moment | None = None


@dataclass(frozen=True)
class ApprovalFact:
    """One reviewer's approval as recorded; the signature is checked by the verifier."""

    reviewer: str
    signer: bytes
    signature: bytes
    moment: Moment


@dataclass
class VersionFacts:
    """One proposed version of the terms."""

    version: int
    terms: Terms
    terms_hash: bytes
    proposed: Moment
    approvals: list[ApprovalFact] = field(default_factory=list)
    activated: Moment | None = None
    consent_version: int | None = None


@dataclass(frozen=True)
class Standing:
    """Where a study stands from ``moment`` on."""

    moment: Moment
    current_version: int
    consent_version: int
    suspended: bool


@dataclass(frozen=True)
class SiteFacts:
    """A site of the registry: its enrolment key from ``moment`` on."""

    site: str
    enrolment_key: str
    noise_secret_hash: bytes
    moment: Moment


@dataclass
class History:
    """Everything that the events say; written by the replay only."""

    study_id: int
    moments: list[Moment] = field(default_factory=list)
    sites: list[SiteFacts] = field(default_factory=list)
    sponsor: str | None = None
    reviewers: tuple[str, ...] = ()
    threshold: int = 0
    suspensions: int = 0
    versions: dict[int, VersionFacts] = field(default_factory=dict)
    standings: list[Standing] = field(default_factory=list)
    tokens: dict[str, list[Token]] = field(default_factory=dict)
    live_records: set[tuple[str, bytes]] = field(default_factory=set)
    revocations: dict[str, list[Moment]] = field(default_factory=dict)
    rounds: dict[int, RoundFacts] = field(default_factory=dict)
    rho_spent: int = 0


@dataclass(frozen=True)
class StudyState:
    """A study as it stood after ``events`` of its events; every answer is as of then.

    `history` holds the whole record, later events included.
    """

    history: History
    events: int

    @classmethod
    def replay(cls, records: Iterable[EventRecord], study_id: int) -> StudyState:
        """The state after the records of a study and of the whole registry (study 0), in log order.

        Raises HistoryInvalid, naming the event, for a sequence that the contracts cannot emit.
        """
        from audit.replay import replay  # it builds on the classes here

        history = replay(records, study_id)
        return cls(history, len(history.moments))

    def state_at(self, block_number: int) -> StudyState:
        """The state at the end of a block."""
        blocks = [moment.block for moment in self.history.moments]
        return replace(self, events=bisect_right(blocks, block_number))

    def state_before(self, moment: Moment) -> StudyState:
        """The state just before an event, within its block."""
        return replace(self, events=moment.position)

    def _known(self, moment: Moment | None) -> bool:
        return moment is not None and moment.position < self.events

    @property
    def standing(self) -> Standing | None:
        """None before the first version is in force."""
        known = [entry for entry in self.history.standings if self._known(entry.moment)]
        return known[-1] if known else None

    @property
    def is_usable(self) -> bool:
        """Whether a version is in force and the study is not suspended
        (`StudyRegistry.isUsable`).
        """
        standing = self.standing
        return standing is not None and standing.current_version != 0 and not standing.suspended

    def tokens(self, site: str) -> list[Token]:
        """Every token minted for a site, by index."""
        tokens = self.history.tokens.get(site, [])
        return tokens[: bisect_left(tokens, self.events, key=lambda token: token.granted.position)]

    def is_consent_active(self, token_id: int, purposes: int, at: int) -> bool:
        """`ConsentToken.isConsentActive`: purposes is a bitmap, ``at`` seconds since 1970."""
        study_id, site, index = split_token_id(token_id)
        tokens = self.tokens(site)
        if study_id != self.history.study_id or index >= len(tokens):
            return False
        standing = self.standing
        usable = standing is not None and self.is_usable
        return usable and self._is_active(tokens[index], standing, purposes, at)

    def _is_active(self, token: Token, standing: Standing | None, purposes: int, at: int) -> bool:
        grant = token.grant
        return (
            standing is not None
            and not self._known(token.revoked)
            and purposes != 0
            and grant.purposes & purposes == purposes
            and grant.use_start <= at < grant.use_end
            and token.version >= standing.consent_version
        )

    def active_indices(self, site: str, purposes: int, at: int) -> list[int]:
        """Indices of a site's active tokens, ascending (`ConsentToken.activeTokens`)."""
        if not self.is_usable:
            return []
        standing = self.standing
        return [
            token.index
            for token in self.tokens(site)
            if self._is_active(token, standing, purposes, at)
        ]

    def minted_count(self, site: str) -> int:
        """How many tokens a site ever had (`ConsentToken.mintedCount`)."""
        return len(self.tokens(site))

    def unburned_count(self, site: str) -> int:
        """How many of them are not revoked (`ConsentToken.unburnedCount`)."""
        return self.minted_count(site) - self.epoch(site)

    def epoch(self, site: str) -> int:
        """How many acts have ended a token of a site (`ConsentToken.epoch`)."""
        return len(self._revocations(site))

    def epoch_at(self, site: str, time: int) -> int:
        """The epoch as it was at the end of second ``time`` (`ConsentToken.epochAt`)."""
        return bisect_right(self._revocations(site), time, key=lambda moment: moment.time)

    def _revocations(self, site: str) -> list[Moment]:
        moments = self.history.revocations.get(site, [])
        return moments[: bisect_left(moments, self.events, key=lambda moment: moment.position)]
