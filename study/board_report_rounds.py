"""What a report says of privacy, rounds, withdrawals and questions to sites."""

from __future__ import annotations

from audit.history import ChallengeFacts
from audit.privacy import (
    NOISE_MULTIPLIER_UNIT,
    RHO_UNIT,
    epsilon_bun_steinke,
    excess_noise,
)
from audit.remedies import Withdrawal
from audit.times import moment
from chain.messages import Terms
from study.board_report_glance import count, in_words
from study.board_report_words import (
    CONVERSIONS,
    EPSILON_MEANS,
    REASONS,
    REMEDY_WORDS,
    ROUND_STATES,
    WITHDRAWAL_COLUMNS,
)
from study.evidence_facts import EvidenceFacts, StudyFacts
from study.report_parts import Facts, Figure, Part, Section, Table, Text

_LINES = 60
"""Charges that a report lists; of more, every second, third, ... and the last."""
PRIVACY_FIGURE, COHORT_FIGURE, TIMELINE_FIGURE = "privacy", "cohorts", "timeline"


def privacy(study: StudyFacts) -> Section:
    spent, delta = study.privacy, study.privacy.delta
    bun = epsilon_bun_steinke(spent.rho_spent / RHO_UNIT, delta) if spent.rho_spent else 0.0
    rows = (
        ("in words", in_words(study)),
        ("whose", "one person's record at one site, whatever is in it"),
        (
            "neighbours",
            "two runs are compared that differ by this record's contribution being zero; cohort"
            " sizes are the same in both. Every active record is in every round: nothing is gained"
            " by sampling",
        ),
        ("mechanism", _mechanism(study.terms)),
        ("epsilon spent", f"{spent.epsilon:.3f} of {spent.epsilon_ceiling:.3f}"),
        ("delta", f"{delta:.3g}: one in {round(1 / delta):,}"),
        ("rho spent", f"{_rho(spent.rho_spent)} of {_rho(spent.rho_ceiling)} (zCDP)"),
        ("by Bun and Steinke", f"epsilon {bun:.3f} for the same rho, without slack"),
        ("rounds charged", f"{spent.charged}; room for {spent.rounds_left} more"),
    )
    parts: list[Part] = [Text(EPSILON_MEANS), Facts(rows)]
    if study.charges:
        caption = (
            "Epsilon in total after each charged round, against the approved ceiling. Pale: spent"
            " before; coloured: what the round added, by how it ended."
        )
        parts.append(Figure(PRIVACY_FIGURE, caption))
        parts.append(_charges(study))
    parts.append(Text(CONVERSIONS))
    return Section("Privacy spent", tuple(parts))


def _mechanism(terms: Terms) -> str:
    sigma = terms.noise_multiplier / NOISE_MULTIPLIER_UNIT
    least, colluders = terms.min_sites, terms.tolerated_colluders
    left = (
        f"even when {colluders} of them tell what theirs was"
        if colluders
        else "as long as none of them tells what its was"
    )
    return (
        f"each record's gradient has {count(terms.vector_length, 'number')} and is clipped to C ="
        f" {terms.clipping_norm:,} grid steps (1/{2**terms.fraction_bits:,}) in L2; each of at"
        f" least {least} sites adds discrete Gaussian noise of {sigma:g} C / sqrt({least} -"
        f" {colluders}), which leaves sigma = {sigma:g} {left}"
    )


def _noise(terms: Terms, members: int) -> float:
    # A forged seal may name fewer than the terms demand, which is another check's to say.
    return excess_noise(terms, max(members, terms.min_sites))


def _charges(study: StudyFacts) -> Table:
    noise = {
        one.number: _noise(study.terms_of(one), len(one.sealed.members))
        for one in study.rounds
        if one.sealed
    }
    every = -(-len(study.charges) // _LINES)
    shown = {*study.charges[::every], study.charges[-1]}
    lines = tuple(
        (
            str(one.number),
            _rho(one.rho),
            _rho(one.rho_spent),
            f"{one.epsilon:.3f}",
            f"{noise[one.number]:.2f}",
        )
        for one in study.charges
        if one in shown
    )
    caption = "Charges, abandoned rounds included" + (
        f"; one in {every} is shown, and the last" if every > 1 else ""
    )
    columns = ("round", "rho of the round", "rho in total", "epsilon in total", "noise")
    return Table(caption, columns, lines, (1, 2, 2, 2, 1))


def rounds(study: StudyFacts) -> Section:
    if not study.rounds:
        return Section("Rounds", (Text("No round was opened."),))
    rows = tuple(
        (
            str(one.number),
            study.state_of(one),
            REASONS[one.aborted.reason] if one.aborted else "",
            str(one.opened.version),
            _short(one.opened_at.time),
            _short(one.over_at.time) if one.over_at else "it runs",
            str(len(one.sealed.members)) if one.sealed else "0",
            str(sum(entry.commitment.cohort_size for entry in one.sealed_commitments())),
        )
        for one in study.rounds
    )
    columns = ("round", "state", "why", "terms", "opened (UTC)", "over (UTC)", "sites", "patients")
    table = Table("Rounds, with the version of the terms", columns, rows, (2, 2, 5, 2, 4, 4, 2, 3))
    parts: list[Part] = [Text(ROUND_STATES), table]
    if any(one.sealed for one in study.rounds):
        caption = "Patients that each site counted in each sealed round. –: the site was not in it."
        parts.append(Figure(COHORT_FIGURE, caption))
    caption = (
        "Approvals, rounds, ended consents and faults in the order of the chain; chain time, UTC."
        " Distances are no durations: only the order counts."
    )
    parts.append(Figure(TIMELINE_FIGURE, caption))
    return Section("Rounds", tuple(parts))


def withdrawals(found: tuple[Withdrawal, ...]) -> Section:
    if not found:
        return Section("Withdrawals and their remedies", (Text("Nobody withdrew a consent."),))
    rows = []
    for remedy, words in REMEDY_WORDS.items():
        own = [one for one in found if one.remedy == remedy]
        if own:
            largest = max((one.bound.epsilon for one in own if one.bound), default=0.0)
            late = sum(one.late for one in own)
            halted = sum(one.halting.ended is not None for one in own)
            final = sum(one.is_final for one in own)
            epsilon = f"{largest:.3g}" if largest else "none"
            counts = map(str, (len(own), halted, final, late))
            rows.append((remedy.value, words, epsilon, *counts))
    columns = ("class", "what it means", "largest epsilon", "consents", "halted", "final", "late")
    caption = f"{count(len(found), 'withdrawn consent')}, by what became of them"
    table = Table(caption, columns, tuple(rows), (4, 7, 2, 3, 2, 2, 2))
    waiting = [one.finishing.deadline for one in found if not one.is_final]
    note = (
        f"Not final yet: {len(waiting)}, the first by {moment(min(waiting))}. Until then the"
        " committee may go back behind the rounds that may have used them."
        if waiting
        else "All are final."
    )
    return Section("Withdrawals and their remedies", (Text(WITHDRAWAL_COLUMNS), table, Text(note)))


def questions(facts: EvidenceFacts) -> Section:
    parts: list[Part] = []
    study = facts.study
    if study is not None and study.state.history.challenges:
        lines = tuple(
            (
                str(one.round),
                study.labels.get(one.site, one.site),
                "a reviewer: a replay" if one.token_id == 0 else "a patient: the receipt",
                _short(one.asked.time),
                _short(one.answer_by),
                _answer(one, study.state.time),
            )
            for one in study.state.history.challenges.values()
        )
        columns = ("round", "site", "who asked for what", "asked (UTC)", "due by (UTC)", "answer")
        caption = "Questions to sites; the chain holds that an answer came, not what it says"
        parts.append(Table(caption, columns, lines, (2, 2, 6, 4, 4, 7)))
    if study is not None and (
        rows := tuple(
            (moment(act.at.time), study.by_name(act.words))
            for act in study.acts
            if act.lane == "faults"
        )
    ):
        caption = "Sites barred and readmitted, and answers that never came"
        parts.append(Table(caption, ("when", "what"), rows, (3, 10)))
    none = Text("No question was asked, and no fault is on record.")
    return Section("Questions to sites, and faults on record", tuple(parts) or (none,))


def _answer(one: ChallengeFacts, now: int) -> str:
    if one.answered is not None:
        return f"on {moment(one.answered.time)}"
    if one.faulted is not None:
        return f"none; put on record on {moment(one.faulted.time)}"
    return "none, and not on record yet" if now >= one.answer_by else "it still has time"


def _short(seconds: int) -> str:
    return moment(seconds).removesuffix(" UTC")


def _rho(value: int) -> str:
    return f"{value / RHO_UNIT:.6f}"
