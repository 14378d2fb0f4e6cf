"""`assent study show` and `assent study rounds`: a study as the node you name has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.connection import LAST_VERSION, DeploymentFile, Rpc, StudyNumber, connect
from scripts.console import JsonOption, say, show_facts, show_json, show_table

if TYPE_CHECKING:
    from audit.consent_state import StudyState
    from audit.round_state import RoundFacts
    from audit.spending import Spending
    from chain.messages import Study
    from study.answerability import Answerability


def show(
    study: StudyNumber,
    rpc: Rpc,
    deployment: DeploymentFile,
    version: Annotated[
        int | None,
        typer.Option(min=1, max=LAST_VERSION, help="Which version's terms; the newest without it."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show a study's terms in plain words, who approved them until when, and what it has spent.

    Also which sites are barred, and which questions to sites are open.

    It believes the node that you name; `assent verify` believes nobody.
    """
    from audit.spending import spending
    from audit.times import moment
    from federation.app.chain_facts import chain_time
    from study.answerability import answerability
    from study.overview import replay, require_study
    from study.terms_text import describe_terms

    chain = connect(rpc, deployment)
    standing = require_study(chain, study)
    chosen = version or standing.proposed_version
    require_study(chain, study, chosen)
    state = replay(chain, study)
    history, spent = state.history, spending(state)
    facts = history.versions[chosen]
    text = describe_terms(facts.terms, "")
    answers, now = answerability(chain, study, chosen), chain_time(chain)
    approved = [one for one, until in answers.approvals.items() if until > now]
    if json_:
        show_json(
            {
                "study": study,
                "status": _status(standing, now),
                "version_in_force": standing.current_version,
                "version": chosen,
                "terms_hash": "0x" + facts.terms_hash.hex(),
                "terms": dict(text),
                "sponsor": history.sponsor,
                "reviewers": list(answers.approvals),
                "threshold": standing.threshold,
                "approved_by": approved,
                "rounds": len(history.rounds),
                "privacy": spent.to_json(),
                **answers.to_json(now),
            }
        )
        return
    show_facts(f"Study {study}, version {chosen}", text)
    missing = standing.threshold - len(approved)
    show_facts(
        "Standing",
        [
            ("study", _status(standing, now)),
            ("terms hash", "0x" + facts.terms_hash.hex()),
            ("sponsor", history.sponsor),
            ("needed", f"{standing.threshold} of {len(answers.approvals)} reviewers"),
            ("approved by", _approvals(answers, now) or "nobody yet"),
            ("this version", f"needs {missing} more" if missing > 0 else "approved"),
            ("rounds", f"{len(history.rounds)}, {spent.charged} of them charged"),
            *_costs(spent, answers),
            ("barred sites", _bars(answers) or "none"),
        ],
    )
    show_table(
        "Questions to sites",
        ("round", "site", "asked for", "answer by", "state"),
        [
            (
                one.round,
                one.site,
                f"the receipt of token {one.token_id}" if one.token_id else "a replay",
                moment(one.answer_by),
                one.state(now),
            )
            for one in answers.questions
        ],
    )


def rounds(
    study: StudyNumber, rpc: Rpc, deployment: DeploymentFile, json_: JsonOption = False
) -> None:
    """List a study's rounds: how each ended, who took part, what it cost.

    A retired one closed, and reviewers went back behind it.
    """
    from audit.times import moment
    from study.overview import replay

    state = replay(connect(rpc, deployment), study)
    found = [_round(state, facts) for facts in state.history.rounds.values()]
    if json_:
        show_json({"study": study, "rounds": found})
        return
    if not found:
        say(f"Study {study} has opened no round yet.")
    show_table(
        f"Rounds of study {study}",
        ("round", "state", "why", "version", "opened", "sites", "patients", "again", "rho"),
        [
            (
                one["round"],
                "retired" if one["retired"] else one["state"],
                one["reason"] or "",
                one["version"],
                moment(one["opened_at"]).removesuffix(" UTC"),
                len(one["cohorts"]),
                sum(one["cohorts"].values()),
                one["recommitments"],
                f"{int(one['rho']) / 1e18:.6f}",
            )
            for one in found
        ],
    )


def _status(study: Study, now: int) -> str:
    if study.current_version == 0:
        return "not approved yet"
    if study.suspended:
        return "suspended by a reviewer"
    if study.approved_until <= now:
        return f"approval expired, version {study.current_version}"
    return f"in force, version {study.current_version}"


def _approvals(answers: Answerability, now: int) -> str:
    from audit.times import moment

    return "\n".join(
        f"{reviewer}, {'until' if until > now else 'expired on'} {moment(until)}"
        for reviewer, until in answers.approvals.items()
        if until
    )


def _bars(answers: Answerability) -> str:
    return "\n".join(f"{site}, for round {number}" for site, number in answers.barred.items())


def _costs(spent: Spending, answers: Answerability) -> list[tuple[str, str]]:
    return [
        (
            "privacy spent",
            f"rho {spent.rho_spent / 1e18:.6f} of {spent.rho_ceiling / 1e18:.6f}, epsilon"
            f" {spent.epsilon:.3g} of {spent.epsilon_ceiling:.3g} at delta {spent.delta:.1g}",
        ),
        ("privacy left", f"for {spent.rounds_left} more rounds"),
        (
            "abandoned, charged",
            f"{answers.charged_aborts} since the last suspension; with {answers.aborts_left} more"
            " the study pauses for its reviewers",
        ),
    ]


def _round(state: StudyState, facts: RoundFacts) -> dict[str, Any]:
    opened, sealed, closed = facts.opened, facts.sealed, facts.closed
    return {
        "round": facts.number,
        "state": facts.state.name.lower(),
        "reason": facts.aborted.reason.name.lower().replace("_", " ") if facts.aborted else None,
        "retired": state.is_retired(facts.number),
        "continues": facts.follows,
        "version": opened.version,
        "opened_at": facts.opened_at.time,
        "commit_deadline": opened.commit_deadline,
        "seal_deadline": opened.seal_deadline,
        "delivery_deadline": opened.delivery_deadline,
        "close_deadline": opened.close_deadline,
        "cohorts": {one.site: one.commitment.cohort_size for one in facts.sealed_commitments()},
        "committed": sorted(facts.newest_commitments()),
        "recommitments": sum(one.commitment.attempt > 1 for one in facts.commitments),
        "rho": str(sealed.rho) if sealed else "0",
        "checkpoint": "0x" + closed.checkpoint_hash.hex() if closed else None,
        "manifest": "0x" + closed.manifest_hash.hex() if closed else None,
    }
