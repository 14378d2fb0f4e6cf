"""A study for an ethics board and a data protection officer, from its verified bundle alone.

Its sections follow what a data protection impact assessment has to hold (GDPR, article 35(7)):
the processing, its necessity and proportionality, the risks, and the measures against them. Who
reads it may never have heard of machine learning: it begins with what happened, in plain words, and
ends with the identifiers that only an auditor needs.
"""

from __future__ import annotations

from audit.report import Check
from audit.times import moment
from study.board_report_glance import at_a_glance
from study.board_report_plain import HOW_IT_WORKS, WORDS
from study.board_report_rounds import privacy, questions, rounds, withdrawals
from study.board_report_study import (
    approved_texts,
    consents,
    data,
    identifiers,
    impact_assessment,
    the_study,
)
from study.board_report_words import NOT_VERIFIABLE, RISKS, VERIFIED
from study.claims import standings
from study.evidence_facts import EvidenceFacts
from study.report_parts import BoardReport, Facts, Part, Section, Table, Text


def board_report(facts: EvidenceFacts) -> BoardReport:
    """Everything it says; of a bundle without a history, the verdict and the checks alone."""
    report, study = facts.report, facts.study
    sections = [_failed(facts)] if report.failed else []
    if study is not None:
        sections += [
            at_a_glance(facts, study),
            Section("How it works, in plain words", (*map(Text, HOW_IT_WORKS), WORDS)),
            the_study(study),
            data(facts, study),
            consents(study),
            privacy(study),
            rounds(study),
            withdrawals(report.withdrawals),
        ]
    sections += [
        questions(facts),
        _checks(facts),
        Section("Risks and measures", (RISKS,)),
        impact_assessment(),
        _holds(facts),
    ]
    if study is not None:
        sections += [identifiers(facts, study), *approved_texts(facts, study)]
    return BoardReport(
        title=f"Study {report.study}: report for ethics board and data protection",
        holds=report.ok,
        headline="The evidence holds" if report.ok else "THIS EVIDENCE DOES NOT HOLD",
        verdict=_verdict(facts),
        sections=tuple(sections),
    )


def _verdict(facts: EvidenceFacts) -> str:
    report = facts.report
    if report.ok:
        count = len(report.faults)
        faults = f" {count} fault{'s are' if count > 1 else ' is'} on record." if count else ""
        return (
            f"All {len(report.checks)} checks hold, up to block {report.block_number}"
            f" ({_when(report.block_time)}).{faults}"
        )
    number = len(report.failed)
    words = (
        f"{number} of {len(report.checks)} checks {'does' if number == 1 else 'do'} not hold."
        " Nothing below is proven; decide nothing by it. The checks that fail are listed first."
    )
    if not report.trusted:
        words += (
            " It is not anchored: ask two sites for the hash of its block and give it with"
            " --trust-block."
        )
    return words


def _failed(facts: EvidenceFacts) -> Section:
    table = _check_table("What does not hold", facts.report.failed, facts)
    return Section("What does not hold", (table,))


def _holds(facts: EvidenceFacts) -> Section:
    report = facts.report
    rows = (
        ("study", f"number {report.study} of registry {facts.contracts.registry}"),
        ("chain", f"eip155:{report.chain_id}"),
        ("block", f"{report.block_number}, {_when(report.block_time)}"),
        ("block hash", "0x" + report.block_hash.hex()),
        ("trusted", "yes: it is the hash that the reader gave" if report.trusted else "NO"),
        ("source", "the study's bundle alone, with no network; times are the chain's"),
    )
    return Section("Up to when this holds", (Facts(rows),))


def _checks(facts: EvidenceFacts) -> Section:
    rows = []
    for one in standings(facts.report.checks):
        good = f"{one.holding} of {one.every}" if one.every else "–"
        kinds = ", ".join(f"{kind.value} {count}" for kind, count in one.kinds) or "nothing of it"
        rows.append((one.claim.words, good, kinds))
    replayed = {one.object for one in facts.report.checks if one.name == "replay" and one.ok}
    sealed = sum(len(one.members) for one in facts.report.rounds)
    caption = "What must be so; how many of its checks hold, and how far they go"
    table = Table(caption, ("claim", "checks that hold", "kind"), tuple(rows), (9, 2, 4))
    replays = f"Replayed, by the sites' word: {len(replayed)} of {sealed} sealed contributions."
    parts: list[Part] = [Text(VERIFIED), table, Text(replays)]
    if facts.report.faults:
        words = "Broken duties, on record with their consequence"
        parts.append(_check_table(words, facts.report.faults, facts))
    return Section("What was verified, and what was not", (*parts, NOT_VERIFIABLE))


def _check_table(caption: str, checks: tuple[Check, ...], facts: EvidenceFacts) -> Table:
    rows = tuple(
        (one.name, facts.in_words(one.object), facts.in_words(one.detail)) for one in checks
    )
    return Table(caption, ("check", "about", "what was found"), rows, (3, 5, 8))


def _when(seconds: int | None) -> str:
    return moment(seconds) if seconds is not None else "time unknown"
