"""Consent and rounds of one study, replayed from its events alone: the offline twin of the
contracts.

`is_consent_active` here and `ConsentToken.isConsentActive` are held equal by a property test over
random histories on a real chain.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from audit.data_use import permits
from audit.history import BarChange, History, Standing, Token
from audit.round_state import Moment
from chain.events import EventRecord
from chain.messages import split_token_id

_permits = lru_cache(maxsize=4096)(permits)


@dataclass(frozen=True)
class StudyState:
    """A study as it stood after ``events`` of its events, at chain time ``time`` (s).

    `history` holds the whole record, later events included.
    """

    history: History
    events: int
    time: int

    @classmethod
    def replay(cls, records: Iterable[EventRecord], study_id: int) -> StudyState:
        """The state after the records of a study and of the whole registry (study 0), in log order,
        at the time of the last.

        Raises HistoryInvalid, naming the event, for a sequence that the contracts cannot emit.
        """
        from audit.replay import replay  # it builds on the classes here

        history = replay(records, study_id)
        time = history.moments[-1].time if history.moments else 0
        return cls(history, len(history.moments), time)

    def state_at(self, block_number: int, time: int | None = None) -> StudyState:
        """The state at the end of a block of chain time ``time`` (s).

        Events tell the time of their own blocks only. Without ``time`` it is the newest event's:
        an approval that expired between that event and the block is then taken to be in force.
        """
        moments = self.history.moments
        events = bisect_right(moments, block_number, key=lambda moment: moment.block)
        if time is None:
            time = moments[events - 1].time if events else 0
        return StudyState(self.history, events, time)

    def state_before(self, moment: Moment) -> StudyState:
        """The state just before an event, within its block."""
        return StudyState(self.history, moment.position, moment.time)

    def _known(self, moment: Moment | None) -> bool:
        return moment is not None and moment.position < self.events

    @property
    def standing(self) -> Standing | None:
        """None while no version was in force and nobody suspended the study."""
        standings = self.history.standings
        known = bisect_left(standings, self.events, key=lambda entry: entry.moment.position)
        return standings[known - 1] if known else None

    @property
    def reviewers(self) -> tuple[str, ...]:
        """The committee (`StudyRegistry.reviewers`)."""
        committees = self.history.committees
        known = bisect_left(committees, self.events, key=lambda entry: entry.moment.position)
        return committees[known - 1].reviewers if known else ()

    @property
    def is_usable(self) -> bool:
        """Whether a version is in force, its approval has not expired, and the study is not
        suspended (`StudyRegistry.isUsable`).
        """
        standing = self.standing
        return (
            standing is not None and not standing.suspended and self.time < standing.approved_until
        )

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
            and at < standing.approved_until
            and grant.use_start <= at < grant.use_end
            and token.version >= standing.consent_version
            and _permits(grant.purposes, grant.disease, purposes, standing.disease)
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
        return len(self._of_site(self.history.revocations, site))

    def epoch_moved_at(self, site: str) -> int:
        """When the epoch first moved after the ledger last accepted a commitment of the site
        (s, `ConsentToken.epochMovedAt`); 0: it has not.
        """
        commits = self._of_site(self.history.commits, site)
        since = commits[-1].position if commits else -1
        revocations = self._of_site(self.history.revocations, site)
        first = bisect_right(revocations, since, key=lambda moment: moment.position)
        return revocations[first].time if first < len(revocations) else 0

    def _of_site(self, moments_by_site: dict[str, list[Moment]], site: str) -> list[Moment]:
        moments = moments_by_site.get(site, [])
        return moments[: bisect_left(moments, self.events, key=lambda moment: moment.position)]

    def barred_for(self, site: str) -> int:
        """The round that a site is barred for (`RoundLedger.barredFor`); 0 when it is not."""
        newest = self._newest_bar_change(site)
        return newest.round if newest else 0

    def times_barred(self, site: str) -> int:
        """How often a site was barred (`RoundLedger.timesBarred`), whatever became of it."""
        newest = self._newest_bar_change(site)
        return newest.times if newest else 0

    def _newest_bar_change(self, site: str) -> BarChange | None:
        changes = self.history.bars.get(site, [])
        known = bisect_left(changes, self.events, key=lambda change: change.moment.position)
        return changes[known - 1] if known else None

    @property
    def base_round(self) -> int:
        """The closed round whose checkpoint the next one starts from (`RoundLedger.lastClosed`)."""
        bases = self.history.bases
        known = bisect_left(bases, self.events, key=lambda change: change.moment.position)
        return bases[known - 1].round if known else 0

    def is_retired(self, number: int) -> bool:
        """Whether a round closed and a rollback took it out of what later rounds descend from
        (`RoundLedger.isRetired`).
        """
        facts = self.history.rounds.get(number)
        if facts is None or facts.closed_at is None or not self._known(facts.closed_at):
            return False
        closed = facts.closed_at.position
        # what closes later follows the round that was gone back to, so none comes back
        return any(
            going.event.to_round < number and closed < going.moment.position
            for going in self.history.rollbacks
            if self._known(going.moment)
        )

    def rounds_over(self, since: int) -> int:
        """How many rounds that were opened after second ``since`` are over (as
        `RoundLedger.roundsOver` counts them).
        """
        return sum(
            facts.opened_at.time > since and self._known(facts.over_at)
            for facts in self.history.rounds.values()
        )

    def charged_aborts(self) -> int:
        """Sealed rounds that were aborted since the study was last suspended
        (`RoundLedger.chargedAborts`).
        """
        standing = self.standing
        suspensions = standing.suspensions if standing else 0
        aborts = self.history.charged_aborts
        known = bisect_left(aborts, self.events, key=lambda abort: abort.moment.position)
        return known - bisect_left(aborts, suspensions, hi=known, key=lambda a: a.suspensions)
