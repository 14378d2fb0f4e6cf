"""What a round needs of a study, asked of the indexed chain: each answer says what to do.

These are the checks of `assent site preflight` that the chain can answer, and what only a
coordinator asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.sites.models import PreflightCheck, SiteReadiness
from audit.consent_state import StudyState
from audit.times import moment
from chain.messages import RoundState, Terms, rho_of_round
from study.terms_text import duration


@dataclass(frozen=True)
class Needs:
    """A study's state, its terms in force and chain time now (s)."""

    state: StudyState
    terms: Terms
    now: int

    @property
    def study_id(self) -> int:
        return self.state.history.study_id

    @property
    def round_seconds(self) -> int:
        """From open to the close deadline."""
        terms = self.terms
        return (
            terms.commit_seconds + terms.seal_seconds + terms.delivery_seconds + terms.close_seconds
        )

    def of_study(self) -> list[PreflightCheck]:
        """What no round goes without."""
        return [self.in_force(), self.long_enough(), self.budget(), self.not_paused()]

    def in_force(self) -> PreflightCheck:
        standing = self.state.standing
        assert standing is not None  # there are terms in force
        if standing.suspended:
            return _no("study", "suspended by a reviewer", "wait until its reviewers let it go on")
        if self.now >= standing.approved_until:
            return _no(
                "study",
                f"its approval expired {moment(standing.approved_until)}",
                "ask its reviewers to renew it (`assent irb renew`)",
            )
        return _yes(
            "study",
            f"version {standing.current_version} is in force until"
            f" {moment(standing.approved_until)}",
        )

    def long_enough(self) -> PreflightCheck:
        standing = self.state.standing
        assert standing is not None
        if self.now + self.round_seconds > standing.approved_until:
            return _no(
                "approval lasts",
                f"a round takes up to {duration(self.round_seconds)} and the approval ends"
                f" {moment(standing.approved_until)}: none would open",
                "ask its reviewers to renew it (`assent irb renew`)",
            )
        return _yes("approval lasts", "a round that opens now can also end before it expires")

    def budget(self) -> PreflightCheck:
        spent, cost = self.state.history.rho_spent, rho_of_round(self.terms.noise_multiplier)
        left = max(0, self.terms.rho_ceiling - spent) // cost
        found = f"rho {spent / 1e18:.6f} of {self.terms.rho_ceiling / 1e18:.6f} is spent"
        if left == 0:
            return _no(
                "privacy budget",
                f"{found}; no further round has room",
                "the study is at its end, unless reviewers approve another ceiling",
            )
        return _yes("privacy budget", f"{found}: room for {left} more rounds")

    def not_paused(self) -> PreflightCheck:
        aborts, most = self.state.charged_aborts(), self.terms.max_charged_aborts
        found = f"{aborts} sealed rounds were abandoned since the last suspension, of {most}"
        if aborts >= most:
            return _no(
                "not paused",
                found,
                "a reviewer suspends the study and enough of them let it go on",
            )
        return _yes("not paused", found)

    def no_round_open(self) -> PreflightCheck:
        """A coordinator's: one round of a study is open at a time."""
        rounds = self.state.history.rounds
        newest = rounds[max(rounds)] if rounds else None
        if newest is not None and newest.state in (RoundState.OPEN, RoundState.SEALED):
            return _no(
                "no round under way",
                f"round {newest.number} is {newest.state.name.lower()}",
                f"see /v1/studies/{self.study_id}/rounds/{newest.number}/progress",
            )
        return _yes("no round under way", "the next round can be opened")

    def registered(self, site: str) -> PreflightCheck:
        if site in self.state.history.sites:
            return _yes("registered", "the registry has its keys")
        return _no("registered", f"{site} is not", "run `assent site keys FOLDER --register`")

    def in_terms(self, site: str) -> PreflightCheck:
        if site in self.terms.sites:
            return _yes("site in terms", f"one of {len(self.terms.sites)} sites")
        return _no(
            "site in terms",
            "the version in force does not name it",
            "tell the sponsor, who has to propose terms with it",
        )

    def not_barred(self, site: str) -> PreflightCheck:
        barred = self.state.barred_for(site)
        if barred:
            return _no(
                "not barred",
                f"for round {barred}: sealed in and nothing delivered, or a challenge not answered"
                " in time",
                "ask a reviewer of the study to readmit this site (`assent irb readmit`)",
            )
        return _yes("not barred", "commitments are accepted")

    def answered(self, site: str) -> PreflightCheck:
        asked = [
            one
            for one in self.state.history.challenges.values()
            if one.site == site and one.answered is None and one.faulted is None
        ]
        if not asked:
            return _yes("challenges", "none is unanswered")
        shown = "; ".join(
            f"round {one.round}, {f'token {one.token_id}' if one.token_id else 'a replay'}, answer"
            f" before {moment(one.answer_by)}{' (overdue)' * (self.now >= one.answer_by)}"
            for one in asked
        )
        return _no("challenges", shown, "run `assent site challenges FOLDER`, then `answer`")

    def cohort_of(self, site: str) -> int:
        """Tokens that a round opened now would admit: active until its close deadline."""
        until = self.now + self.round_seconds
        return len(self.state.active_indices(site, self.terms.purposes, until))

    def cohort(self, site: str) -> PreflightCheck:
        size, least = self.cohort_of(site), self.terms.min_cohort
        if size < least:
            return _no(
                "cohort",
                f"{size} active consents; the study needs {least} at each site",
                "enrol more patients; smaller cohorts take part in no round",
            )
        return _yes("cohort", f"{size} active consents, at least {least} needed")

    def site(self, site: str) -> list[PreflightCheck]:
        """A site's own."""
        return [
            self.registered(site),
            self.in_terms(site),
            self.not_barred(site),
            self.answered(site),
            self.cohort(site),
        ]

    def sites(self) -> list[SiteReadiness]:
        """Every site of the terms, as a coordinator should see it."""
        return [self._readiness(site) for site in self.terms.sites]

    def enough_sites(self, sites: list[SiteReadiness]) -> PreflightCheck:
        """A coordinator's: whether a round could be sealed with the sites that are ready."""
        ready, least = sum(one.ready for one in sites), self.terms.min_sites
        found = f"{ready} of {len(sites)} sites are ready; a round needs {least}"
        if ready < least:
            return _no("enough sites", found, "the table of sites says what each lacks")
        return _yes("enough sites", found)

    def _readiness(self, site: str) -> SiteReadiness:
        checks = [self.registered(site), self.not_barred(site), self.cohort(site)]
        lacking = [f"{one.name}: {one.found}" for one in checks if not one.ok]
        return SiteReadiness(
            site=site,
            ready=not lacking,
            registered=bool(checks[0].ok),
            barred_for=self.state.barred_for(site),
            cohort=self.cohort_of(site),
            smallest_cohort=self.terms.min_cohort,
            words="; ".join(lacking) or "ready, as far as the chain tells",
        )


def _yes(name: str, found: str) -> PreflightCheck:
    return PreflightCheck(name=name, ok=True, found=found)


def _no(name: str, found: str, remedy: str) -> PreflightCheck:
    return PreflightCheck(name=name, ok=False, found=found, remedy=remedy)
