"""What can be done next with a round, by whom, from when: by the ledger's own rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from api.sites.models import NextStep
from audit.consent_state import StudyState
from audit.round_state import RoundFacts
from audit.times import moment
from chain.messages import RoundState, Terms, rho_of_round


@dataclass(frozen=True)
class Situation:
    """A round in its study; `current`: sites whose commitment may be sealed, or closed with.

    `now`: chain time (s).
    """

    state: StudyState
    facts: RoundFacts
    terms: Terms
    current: frozenset[str]
    now: int

    def missing(self) -> list[str]:
        """Sites that could still commit to an open round and have no current commitment."""
        if self.facts.state != RoundState.OPEN:
            return []
        return [
            site
            for site in self.terms.sites
            if site not in self.current and not self.state.barred_for(site)
        ]

    def obstacle(self) -> str | None:
        """Why the ledger neither seals nor closes now, whatever the sites do; None: nothing."""
        standing = self.state.standing
        if standing is None or standing.suspended:
            return "the study is suspended"
        if self.now >= standing.approved_until:
            return "the study's approval has expired"
        if standing.current_version != self.facts.opened.version:
            return "another version of the study is in force"
        return None

    def version_changed(self) -> bool:
        """Whether anybody may end the round because its version is not in force any more."""
        standing = self.state.standing
        return standing is not None and standing.current_version != self.facts.opened.version


def next_steps(situation: Situation) -> list[NextStep]:
    """In the order in which they are usually done; the ledger has the last word on each."""
    match situation.facts.state:
        case RoundState.OPEN:
            return _of_open(situation)
        case RoundState.SEALED:
            return _of_sealed(situation)
        case _:
            return _of_over(situation)


def _of_open(situation: Situation) -> list[NextStep]:
    opened, now = situation.facts.opened, situation.now
    missing, obstacle = situation.missing(), situation.obstacle()
    steps = []
    if now < opened.commit_deadline and obstacle is None and missing:
        count = len(missing)
        sites = "1 site has" if count == 1 else f"{count} sites have"
        steps.append(
            _now("commit", "sites", f"{sites} no current commitment; time until the deadline.")
        )
    if now < opened.seal_deadline:
        steps.append(_seal(situation, obstacle, missing))
    steps.append(_abort_open(situation))
    return steps


def _seal(situation: Situation, obstacle: str | None, missing: list[str]) -> NextStep:
    opened, terms, now = situation.facts.opened, situation.terms, situation.now
    spent, cost = situation.state.history.rho_spent, rho_of_round(terms.noise_multiplier)
    if obstacle is not None:
        return _not("seal", "nobody", f"Cannot be sealed: {obstacle}.")
    if spent + cost > terms.rho_ceiling:
        return _not("seal", "nobody", "Cannot be sealed: the privacy budget has no room.")
    enough = len(situation.current) >= terms.min_sites
    few = f"{len(situation.current)} current commitments; sealing takes {terms.min_sites}."
    if now < opened.commit_deadline:
        if missing or not enough:
            why = few if not enough else "Before the deadline every site has to be current."
            at = opened.commit_deadline
            return _not(
                "seal", "coordinator", f"{why} From {moment(at)} those that are current count.", at
            )
        return _now("seal", "coordinator", "Every site that is not barred is current.")
    if not enough:
        return _not("seal", "nobody", f"Cannot be sealed: {few}")
    return _now("seal", "anybody", "The commit deadline is over; those that are current count.")


def _abort_open(situation: Situation) -> NextStep:
    deadline = situation.facts.opened.seal_deadline
    if situation.version_changed():
        return _now("abort", "anybody", "Another version is in force; nothing was charged.")
    if situation.now >= deadline:
        return _now("abort", "anybody", "It was not sealed in time; nothing was charged.")
    return _now(
        "abort",
        "coordinator",
        f"Ends it without charge; from {moment(deadline)} anybody may.",
        deadline,
    )


def _of_sealed(situation: Situation) -> list[NextStep]:
    facts, opened, now = situation.facts, situation.facts.opened, situation.now
    members = facts.sealed.members if facts.sealed else ()
    moved = [site for site in members if site not in situation.current]
    obstacle = situation.obstacle()
    silent = [site for site in members if site not in facts.deliveries]
    steps = []
    if now < opened.delivery_deadline and silent:
        steps.append(
            _now("record-delivery", "members", "A member whose delivery is doubted records it.")
        )
    if now < opened.close_deadline:
        if obstacle is not None:
            steps.append(_not("close", "nobody", f"Cannot be closed: {obstacle}."))
        elif moved:
            steps.append(
                _not("close", "nobody", "Cannot be closed: a consent that it used has ended.")
            )
        else:
            steps.append(
                _now(
                    "close",
                    "coordinator",
                    "With every member's delivery signature; whoever has the evidence may retry.",
                )
            )
    if silent and not moved and obstacle is None:
        at = opened.delivery_deadline
        words = "A member that did not deliver may be barred until a reviewer readmits it."
        bar = _now if now >= at else _not
        steps.append(bar("bar", "coordinator", words, None if now >= at else at))
    steps.append(_abort_sealed(situation, moved))
    return steps


def _abort_sealed(situation: Situation, moved: list[str]) -> NextStep:
    deadline = situation.facts.opened.close_deadline
    charged = "The round stays charged."
    if situation.version_changed():
        return _now("abort", "anybody", f"Another version is in force. {charged}")
    if situation.now >= deadline:
        return _now("abort", "anybody", f"It was not closed in time. {charged}")
    if moved:
        return _now("abort", "anybody", f"A consent that it used has ended. {charged}")
    return _now(
        "abort",
        "coordinator",
        f"Ends it; from {moment(deadline)} anybody may. {charged}",
        deadline,
    )


def _of_over(situation: Situation) -> list[NextStep]:
    until = situation.facts.opened.close_deadline + situation.terms.challenge_seconds
    if situation.now >= until:
        return []
    return [
        _now(
            "challenge",
            "reviewers and patients",
            f"A site may be asked about it until {moment(until)}.",
        )
    ]


def _now(act: str, who: str, words: str, possible_at: int | None = None) -> NextStep:
    return NextStep(act=act, who=who, now=True, possible_at=possible_at, words=words)


def _not(act: str, who: str, words: str, possible_at: int | None = None) -> NextStep:
    return NextStep(act=act, who=who, now=False, possible_at=possible_at, words=words)
