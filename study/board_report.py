"""A study for an ethics board and a data protection officer, from its verified bundle alone.

Its sections follow what a data protection impact assessment has to hold (GDPR, article 35(7)):
the processing, its necessity and proportionality, the risks, and the measures against them.
"""

from __future__ import annotations

from collections import Counter

from audit.privacy import RHO_UNIT, epsilon_bun_steinke
from audit.remedies import Withdrawal
from audit.report import Check, Kind
from study.board_report_words import (
    CONSENT_NOTE,
    CONVERSIONS,
    LEAVES,
    NOT_VERIFIABLE,
    PROPORTION,
    REMEDY_WORDS,
    RISKS,
    VERIFIED,
)
from study.consenting import moment
from study.evidence_facts import EvidenceFacts, StudyFacts
from study.report_parts import BoardReport, Facts, Figure, Part, Section, Table, Text
from study.terms_text import describe_terms

PRIVACY_FIGURE, COHORT_FIGURE, TIMELINE_FIGURE = "privacy", "cohorts", "timeline"


def board_report(facts: EvidenceFacts) -> BoardReport:
    """Everything it says; of a bundle without a history, the verdict and the checks alone."""
    report, study = facts.report, facts.study
    failed = len(report.failed)
    sections = [_holds(facts)]
    if study is not None:
        sections += [
            _study(study),
            Section("Necessity and proportionality", (Text(PROPORTION), LEAVES)),
            _consents(study),
            _privacy(study),
            _rounds(study),
            _withdrawals(report.withdrawals),
        ]
    sections += [
        _faults(facts),
        _checks(facts),
        Section("Risks and measures", (RISKS,)),
    ]
    if report.ok:
        headline = "The evidence holds"
        verdict = (
            f"All {len(report.checks)} checks hold, up to block {report.block_number}"
            f" ({_when(report.block_time)})."
            + (f" {len(report.faults)} faults are on record." if report.faults else "")
        )
    else:
        headline = "THIS EVIDENCE DOES NOT HOLD"
        verdict = (
            f"{failed} of {len(report.checks)} checks do not hold. Nothing below is proven; decide"
            " nothing by it. The checks that fail are listed first."
        )
        if not report.trusted:
            verdict += (
                " It is not anchored: ask two sites for the hash of its block and give it with"
                " --trust-block."
            )
    return BoardReport(
        title=f"Study {report.study}: report for ethics board and data protection",
        holds=report.ok,
        headline=headline,
        verdict=verdict,
        sections=tuple(sections),
    )


def site_labels(study: StudyFacts) -> dict[str, str]:
    """Short names of sites for tables and figures, by address."""
    return {site: f"site {number}" for number, site in enumerate(study.consents, start=1)}


def _holds(facts: EvidenceFacts) -> Section:
    report = facts.report
    failed: tuple[Part, ...] = ()
    if report.failed:
        failed = (_check_table("What does not hold", report.failed, facts),)
    rows = (
        ("study", f"number {report.study} of registry {facts.contracts.registry}"),
        ("chain", f"eip155:{report.chain_id}"),
        ("block", f"{report.block_number}, {_when(report.block_time)}"),
        ("block hash", "0x" + report.block_hash.hex()),
        ("trusted", "yes: it is the hash that the reader gave" if report.trusted else "NO"),
        ("source", "the study's bundle alone, with no network; times are the chain's"),
    )
    return Section("Up to when this holds", (*failed, Facts(rows)))


def _study(study: StudyFacts) -> Section:
    history, version = study.state.history, study.version
    standing = study.state.standing
    if standing is None or not standing.current_version:
        status = "not approved yet"
    elif standing.suspended:
        status = "suspended by a reviewer"
    elif not study.state.is_usable:
        status = f"approval expired on {moment(standing.approved_until)}"
    else:
        status = f"approved until {moment(standing.approved_until)}"
    seats = "\n".join(study.state.reviewers)
    rows = (
        ("status", f"version {version.version}, {status}"),
        ("terms hash", "0x" + version.terms_hash.hex()),
        ("sponsor", history.sponsor or "none"),
        ("committee", f"{history.threshold} of these have to sign:\n{seats}"),
        *describe_terms(study.terms, ""),
    )
    approvals = tuple(
        (
            str(one.version),
            approval.reviewer,
            moment(approval.moment.time),
            _when(approval.expires_at),
        )
        for one in history.versions.values()
        for approval in one.approvals
    )
    columns = ("version", "reviewer", "signed", "until")
    table = Table("Approvals, each signed by its reviewer", columns, approvals, (1, 6, 3, 3))
    return Section("The study and its approval", (Facts(rows), table))


def _consents(study: StudyFacts) -> Section:
    labels, every = site_labels(study), study.all_consents
    named = [(f"{labels[site]}: {site}", one) for site, one in study.consents.items()]
    rows = tuple(
        (name, *map(str, vars(one).values())) for name, one in [*named, ("all sites", every)]
    )
    columns = ("site", "granted", "withdrawn", "renewed", "expired", "active", "other")
    table = Table("Consents at the block: counts alone", columns, rows, (8, 2, 3, 2, 2, 2, 2))
    return Section("Consents", (Text(CONSENT_NOTE), table))


def _privacy(study: StudyFacts) -> Section:
    spent, delta = study.privacy, study.privacy.delta
    bun = epsilon_bun_steinke(spent.rho_spent / RHO_UNIT, delta) if spent.rho_spent else 0.0
    rows = (
        ("unit", "one person's record at one site"),
        ("delta", f"{delta:.3g}"),
        ("rho spent", f"{_rho(spent.rho_spent)} of {_rho(spent.rho_ceiling)} (zCDP)"),
        ("epsilon spent", f"{spent.epsilon:.3f} of {spent.epsilon_ceiling:.3f}"),
        ("by Bun and Steinke", f"{bun:.3f} for the same rho, without slack"),
        ("rounds charged", f"{spent.charged}; room for {spent.rounds_left} more"),
    )
    parts: list[Part] = [Facts(rows), Text(CONVERSIONS)]
    if study.charges:
        caption = "Epsilon spent after each charged round, against the approved ceiling."
        parts.append(Figure(PRIVACY_FIGURE, caption))
        lines = tuple(
            (str(one.number), _rho(one.rho), _rho(one.rho_spent), f"{one.epsilon_spent:.3f}")
            for one in study.charges
        )
        columns = ("round", "rho", "rho in total", "epsilon in total")
        parts.append(Table("Charges, abandoned rounds included", columns, lines, (1, 2, 2, 2)))
    return Section("Privacy spent", tuple(parts))


def _rounds(study: StudyFacts) -> Section:
    if not study.rounds:
        return Section("Rounds", (Text("No round was opened."),))
    rows = tuple(
        (
            str(one.number),
            study.state_of(one),
            one.aborted.reason.name.lower().replace("_", " ") if one.aborted else "",
            str(one.opened.version),
            moment(one.opened_at.time),
            str(len(one.sealed.members)) if one.sealed else "0",
            str(sum(entry.commitment.cohort_size for entry in one.sealed_commitments())),
        )
        for one in study.rounds
    )
    columns = ("round", "state", "why it ended", "version", "opened", "sites", "patients")
    table = Table(
        "Rounds; retired: reviewers went back behind it", columns, rows, (1, 2, 3, 1, 3, 1, 2)
    )
    parts: list[Part] = [table]
    if any(one.sealed for one in study.rounds):
        parts.append(Figure(COHORT_FIGURE, "Patients that each site counted in each sealed round."))
    caption = "Approvals, rounds, ended consents and faults, in the order of the chain."
    parts.append(Figure(TIMELINE_FIGURE, caption))
    return Section("Rounds", tuple(parts))


def _withdrawals(found: tuple[Withdrawal, ...]) -> Section:
    if not found:
        return Section("Withdrawals and their remedies", (Text("Nobody withdrew a consent."),))
    rows = []
    for remedy, words in REMEDY_WORDS.items():
        own = [one for one in found if one.remedy == remedy]
        if own:
            largest = max((one.bound.epsilon for one in own if one.bound), default=0.0)
            final = sum(one.is_final for one in own)
            late = sum(
                clock.in_time is False for one in own for clock in (one.halting, one.finishing)
            )
            epsilon = f"{largest:.3g}" if largest else "none"
            rows.append((remedy.value, words, str(len(own)), epsilon, str(final), str(late)))
    columns = ("class", "what it means", "consents", "largest epsilon", "final", "late")
    table = Table(f"{len(found)} withdrawn consents", columns, tuple(rows), (4, 7, 2, 2, 1, 1))
    waiting = [one.finishing.deadline for one in found if not one.is_final]
    note = (
        f"{len(waiting)} are not final yet, the first by {moment(min(waiting))}: until then the"
        " committee may go back behind them."
        if waiting
        else "All are final."
    )
    return Section("Withdrawals and their remedies", (table, Text(note)))


def _faults(facts: EvidenceFacts) -> Section:
    parts: list[Part] = []
    if facts.report.faults:
        caption = "Broken duties, on record with their consequence"
        parts.append(_check_table(caption, facts.report.faults, facts))
    acts = facts.study.acts if facts.study else ()
    rows = tuple(
        (moment(act.at.time), str(act.at.block), act.words) for act in acts if act.lane == "faults"
    )
    if rows:
        columns = ("when", "block", "what")
        parts.append(Table("Sites barred and readmitted", columns, rows, (3, 1, 9)))
    return Section("Faults on record", tuple(parts) or (Text("None is on record."),))


def _checks(facts: EvidenceFacts) -> Section:
    counted = Counter((check.kind, check.name) for check in facts.report.checks)
    held = Counter((check.kind, check.name) for check in facts.report.checks if check.ok)
    rows = []
    for kind in Kind:
        names = [name for of_kind, name in counted if of_kind is kind]
        if names:
            every = sum(counted[kind, name] for name in names)
            good = sum(held[kind, name] for name in names)
            rows.append((kind.value, f"{good} of {every}", ", ".join(sorted(names))))
    table = Table("Checks by how far they go", ("kind", "hold", "checks"), tuple(rows), (2, 2, 9))
    return Section("What was verified, and what was not", (Text(VERIFIED), table, NOT_VERIFIABLE))


def _check_table(caption: str, checks: tuple[Check, ...], facts: EvidenceFacts) -> Table:
    rows = tuple(
        (one.name, facts.without_patients(one.object), facts.without_patients(one.detail))
        for one in checks
    )
    return Table(caption, ("check", "about", "what was found"), rows, (3, 5, 8))


def _rho(value: int) -> str:
    return f"{value / RHO_UNIT:.6f}"


def _when(seconds: int | None) -> str:
    return moment(seconds) if seconds is not None else "time unknown"
