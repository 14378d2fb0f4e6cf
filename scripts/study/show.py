"""`assent study show` and `assent study rounds`: a study as the node you name has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.connection import DeploymentFile, Rpc, StudyNumber, connect
from scripts.console import JsonOption, say, show_facts, show_json, show_table

if TYPE_CHECKING:
    from audit.consent_state import StudyState
    from audit.round_state import RoundFacts


def show(
    study: StudyNumber,
    rpc: Rpc,
    deployment: DeploymentFile,
    version: Annotated[
        int | None, typer.Option(min=1, help="Which version's terms; the newest without it.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show a study's terms in plain words, who approved them, and what privacy is spent.

    It believes the node that you name; `assent verify` believes nobody.
    """
    from federation.gate.terms_text import describe_terms
    from federation.study.overview import replay, require_study, spending

    chain = connect(rpc, deployment)
    chosen = version or require_study(chain, study).proposed_version
    require_study(chain, study, chosen)
    state = replay(chain, study)
    history, spent = state.history, spending(state)
    facts = history.versions[chosen]
    text = describe_terms(facts.terms, "")
    approved = [approval.reviewer for approval in facts.approvals]
    if json_:
        show_json(
            {
                "study": study,
                "status": _status(state),
                "version_in_force": state.standing.current_version if state.standing else 0,
                "version": chosen,
                "terms_hash": "0x" + facts.terms_hash.hex(),
                "terms": dict(text),
                "sponsor": history.sponsor,
                "reviewers": list(history.reviewers),
                "threshold": history.threshold,
                "approved_by": approved,
                "rounds": len(history.rounds),
                "privacy": spent.to_json(),
            }
        )
        return
    show_facts(f"Study {study}, version {chosen}", text)
    missing = history.threshold - len(approved)
    show_facts(
        "Standing",
        [
            ("study", _status(state)),
            ("terms hash", "0x" + facts.terms_hash.hex()),
            ("sponsor", history.sponsor),
            ("needed", f"{history.threshold} of {len(history.reviewers)} reviewers"),
            ("approved by", "\n".join(approved) or "nobody yet"),
            ("this version", f"needs {missing} more" if missing > 0 else "approved"),
            ("rounds", f"{len(history.rounds)}, {spent.charged} of them charged"),
            (
                "privacy spent",
                f"rho {spent.rho_spent / 1e18:.6f} of {spent.rho_ceiling / 1e18:.6f}, epsilon"
                f" {spent.epsilon:.3g} of {spent.epsilon_ceiling:.3g} at delta {spent.delta:.1g}",
            ),
            ("privacy left", f"for {spent.rounds_left} more rounds"),
        ],
    )


def rounds(
    study: StudyNumber, rpc: Rpc, deployment: DeploymentFile, json_: JsonOption = False
) -> None:
    """List a study's rounds: how each ended, who took part, what it cost."""
    from federation.study.overview import replay

    state = replay(connect(rpc, deployment), study)
    found = [_round(facts) for facts in state.history.rounds.values()]
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
                one["state"],
                one["reason"] or "",
                one["version"],
                datetime.fromtimestamp(one["opened_at"], UTC).strftime("%Y-%m-%d %H:%M"),
                len(one["cohorts"]),
                sum(one["cohorts"].values()),
                one["recommitments"],
                f"{int(one['rho']) / 1e18:.6f}",
            )
            for one in found
        ],
    )


def _status(state: StudyState) -> str:
    standing = state.standing
    if standing is None or standing.current_version == 0:
        return "not approved yet"
    if standing.suspended:
        return "suspended by a reviewer"
    return f"in force, version {standing.current_version}"


def _round(facts: RoundFacts) -> dict[str, Any]:
    opened, sealed, closed = facts.opened, facts.sealed, facts.closed
    return {
        "round": facts.number,
        "state": facts.state.name.lower(),
        "reason": facts.aborted.reason.name.lower().replace("_", " ") if facts.aborted else None,
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
