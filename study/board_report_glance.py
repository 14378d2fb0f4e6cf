"""The first page of a study's report: what happened, in sentences."""

from __future__ import annotations

from collections import Counter

from audit.times import moment
from study.claims import standings
from study.data_use_text import describe_conditions, describe_disease, describe_purposes
from study.evidence_facts import EvidenceFacts, StudyFacts
from study.guessing import best_guess, in_a_hundred
from study.report_parts import Facts, Section


def at_a_glance(facts: EvidenceFacts, study: StudyFacts) -> Section:
    """Everything a board asks first; the sections after it say more of each."""
    conditions = describe_conditions(study.terms.purposes)
    rows = (
        ("disease", describe_disease(study.terms.disease)),
        ("may be used for", ", ".join(describe_purposes(study.terms.purposes))),
        ("conditions", "; ".join(conditions) or "none beyond the protocol's"),
        ("standing", standing(study)),
        ("who takes part", _who(study)),
        ("people", _people(study)),
        ("rounds", _rounds(study)),
        ("privacy", in_words(study)),
        ("withdrawals", _withdrawals(facts)),
        ("questions to sites", _questions(study)),
        ("broken duties", _duties(study)),
        ("this evidence", _evidence(facts)),
        (
            "nobody can see",
            "whether a hospital trained on what it committed to, with the noise on which epsilon"
            " rests, and whether its records are true",
        ),
    )
    return Section("At a glance", (Facts(rows),))


def standing(study: StudyFacts) -> str:
    """Whether the study may go on at the block."""
    found, version = study.state.standing, study.version.version
    if found is None or not found.current_version:
        return "not approved yet"
    if found.suspended:
        return f"version {version}, suspended by a reviewer"
    if not study.state.is_usable:
        return f"version {version}, whose approval expired on {moment(found.approved_until)}"
    return f"version {version}, approved until {moment(found.approved_until)}"


def in_words(study: StudyFacts) -> str:
    """The privacy account, as a person's odds."""
    spent, delta = study.privacy, study.privacy.delta
    if not study.charges:
        return f"nothing spent; the ceiling is epsilon {spent.epsilon_ceiling:.3g}"
    now = in_a_hundred(best_guess(study.charges[-1].bounded))
    most = in_a_hundred(best_guess(study.bounded_ceiling))
    return (
        f"epsilon {spent.epsilon:.3g} of at most {spent.epsilon_ceiling:.3g}, but for a chance of"
        f" one in {round(1 / delta):,}. Somebody who knows all other records, sees everything that"
        " was published, and has to tell whether one person's record was used is right at most"
        f" {now} times in 100 (50: a coin's toss; {most}: at the ceiling)"
    )


def _who(study: StudyFacts) -> str:
    history = study.state.history
    return (
        f"{count(len(study.terms.sites), 'site')} under one coordinator; {history.threshold} of"
        f" {count(len(study.state.reviewers), 'reviewer')} have to agree"
    )


def _people(study: StudyFacts) -> str:
    every = study.all_consents
    idle = every.renewed + every.expired + every.other
    return (
        f"{count(every.granted, 'consent')} granted; at the block {every.active} active,"
        f" {every.withdrawn} withdrawn, and {idle} that do not count (renewed, expired, to earlier"
        " terms, or for something else)"
    )


def _rounds(study: StudyFacts) -> str:
    states = Counter(study.state_of(one) for one in study.rounds)
    return (
        ", ".join(f"{number} {state}" for state, number in states.items())
        if states
        else "none was opened"
    )


def _withdrawals(facts: EvidenceFacts) -> str:
    found = facts.report.withdrawals
    late = sum(one.late for one in found)
    waiting = sum(not one.is_final for one in found)
    if not found:
        return "nobody withdrew"
    return (
        f"{len(found)}; {late or 'no'} {'duty' if late == 1 else 'duties'} done late;"
        f" {waiting} not final yet"
    )


def _questions(study: StudyFacts) -> str:
    asked = study.state.history.challenges.values()
    if not asked:
        return "none was asked"
    answered = sum(one.answered is not None for one in asked)
    faulted = sum(one.faulted is not None for one in asked)
    return f"{len(asked)} asked, {answered} answered, {faulted} put on record as unanswered"


def _duties(study: StudyFacts) -> str:
    state, labels = study.state, study.labels
    times = sum(state.history.times_barred(site) for site in state.history.bars)
    if not times:
        return "no site was barred"
    out = [labels.get(site, site) for site in state.history.bars if state.barred_for(site)]
    return f"sites were barred {count(times, 'time')}; barred at the block: " + (
        ", ".join(out) or "none, all were readmitted"
    )


def _evidence(facts: EvidenceFacts) -> str:
    known = [one for one in standings(facts.report.checks) if one.every]
    held = sum(one.holding == one.every for one in known)
    words = f"{held} of {len(known)} claims hold, by {len(facts.report.checks)} checks"
    return words if facts.report.ok else f"{words}: IT DOES NOT HOLD, so nothing here is proven"


def count(number: int, noun: str) -> str:
    """1 site, 2 sites."""
    return f"{number} {noun}{'s' * (number != 1)}"
