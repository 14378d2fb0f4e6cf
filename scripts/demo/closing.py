"""What the demo leaves: the closing table on the terminal and `summary.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from chain.messages import Terms
from federation.app.privacy import PrivacyReport, epsilon_spent
from scripts.demo.demo import Outcome
from scripts.demo.evaluation import METHODS, SUPPORT_VISITS
from scripts.demo.patients import Choice

_SHORT = {
    "prior": "prior",
    "fedavg": "FedAvg",
    "fedavg_fine_tuned": "fine-tuned",
    "last_value": "last value",
    "local_fit": "own fit",
    "starting_prior": "untrained",
}


def privacy_of(outcome: Outcome) -> tuple[Terms, PrivacyReport, int]:
    """The terms in force, what was spent of their ceiling, and by how many rounds."""
    history = outcome.state.history
    terms = history.versions[1].terms
    charged = sum(facts.sealed is not None for facts in history.rounds.values())
    return terms, epsilon_spent(terms, history.rho_spent, charged), charged


def summary(outcome: Outcome) -> dict[str, Any]:
    """Everything the closing table shows, for programs."""
    terms, privacy, charged = privacy_of(outcome)
    comparison = outcome.comparison
    return {
        "schema": "assent-demo-summary-1",
        "study": outcome.study_id,
        "verified": outcome.verified,
        "checks": outcome.checks,
        "trust_block": "0x" + outcome.trust_block.hex(),
        "rounds": [
            {
                "round": number,
                "state": facts.state.name.lower(),
                "reason": facts.aborted.reason.name.lower() if facts.aborted else None,
                "cohorts": {
                    outcome.site_names[entry.site]: entry.commitment.cohort_size
                    for entry in facts.sealed_commitments()
                },
                "recommitments": sum(entry.commitment.attempt > 1 for entry in facts.commitments),
            }
            for number, facts in outcome.state.history.rounds.items()
        ],
        "sites": {
            name: {
                "patients": outcome.granted[name],
                "admitted_at_the_end": outcome.admitted[name],
                "refused_at_the_end": outcome.refused[name],
            }
            for name in outcome.granted
        },
        "privacy": {
            "epsilon_ceiling": outcome.design.epsilon,
            "epsilon_spent": privacy.epsilon_shown,
            "delta": float(outcome.design.delta),
            "rho_spent": str(outcome.state.history.rho_spent),
            "rho_ceiling": str(terms.rho_ceiling),
            "rounds_charged": charged,
            "rounds_left": (terms.rho_ceiling - outcome.state.history.rho_spent)
            // max(1, outcome.state.history.rho_spent // max(1, charged)),
            "excess_noise_factor": privacy.excess_noise_factor,
        },
        "gas": {act: round(sum(used) / len(used)) for act, used in outcome.gas.items() if used},
        "held_out": {
            "patients": comparison.patients,
            "support_visits": SUPPORT_VISITS,
            "columns": list(comparison.labs),
            "rmse": {name: list(row) for name, row in comparison.rmse.items()},
            "reduction_with_95_percent_interval": {
                name: [list(cell) for cell in row] for name, row in comparison.reduction.items()
            },
            "share_made_worse": dict(comparison.made_worse),
        },
        "seconds": outcome.seconds,
        "peak_memory_gib": outcome.peak_memory_gib,
    }


def write_summary(outcome: Outcome, path: Path) -> None:
    """Writes `summary.json`."""
    path.write_text(json.dumps(summary(outcome), indent=2) + "\n")


def show(outcome: Outcome, console: Console) -> None:
    """Prints the closing tables."""
    _, privacy, charged = privacy_of(outcome)
    console.print()
    sites = Table(title="Sites, at the last round")
    for column in ("site", "admitted", "refused, with the reason", "never granted"):
        sites.add_column(column)
    for name, counts in outcome.granted.items():
        refused = ", ".join(f"{n} {reason}" for reason, n in outcome.refused[name].items())
        sites.add_row(name, str(outcome.admitted[name]), refused, str(counts[Choice.NEVER]))
    console.print(sites)

    _show_errors(outcome, console)
    history = outcome.state.history
    closed = sum(facts.closed is not None for facts in history.rounds.values())
    facts = Table(title="The study", show_header=False)
    facts.add_column()
    facts.add_column(overflow="fold")
    facts.add_row("rounds", f"{closed} closed, {len(history.rounds) - closed} abandoned")
    facts.add_row(
        "privacy spent",
        f"epsilon {privacy.epsilon_shown:.2f} of {outcome.design.epsilon:g} "
        f"at delta {outcome.design.delta}, {charged} rounds charged",
    )
    facts.add_row(
        "gas",
        ", ".join(f"{round(sum(used) / len(used)):,} a {act}" for act, used in outcome.gas.items()),
    )
    verdict = "[green]yes[/green]" if outcome.verified else "[red]no[/red]"
    facts.add_row("verified offline", f"{verdict}, {outcome.checks} checks")
    facts.add_row("trust block", "0x" + outcome.trust_block.hex())
    facts.add_row("time", f"{sum(outcome.seconds.values()):.0f} s")
    facts.add_row("memory", f"{outcome.peak_memory_gib:.1f} GiB at its peak")
    console.print(facts)
    times = Table(title="Time of each step", show_header=False)
    for title, seconds in outcome.seconds.items():
        times.add_row(title, f"{seconds:.1f} s")
    console.print(times)


def _show_errors(outcome: Outcome, console: Console) -> None:
    comparison = outcome.comparison
    errors = Table(
        title=f"Error on {comparison.patients} held-out patients, {SUPPORT_VISITS} visits known of "
        "each\n(RMSE; a lab's on the natural-log scale, overall in published spreads)"
    )
    errors.add_column("", overflow="fold", min_width=11)
    for method in METHODS:
        errors.add_column(_SHORT[method], justify="right")
    for place, lab in enumerate(comparison.labs):
        row = [f"{comparison.rmse[method][place]:.3f}" for method in METHODS]
        errors.add_row(lab.replace("_", " "), *row, style="bold" if lab == "overall" else "")
    console.print(errors)
    gains = Table(title="How much lower the prior's error is, overall")
    for column in ("than", "by", "95 % interval", "patients made worse"):
        gains.add_column(column, justify="left" if column == "than" else "right")
    for rival, gained in comparison.reduction.items():
        estimate, low, high = (100 * value for value in gained[-1])
        worse = f"{100 * comparison.made_worse[rival]:.0f} %"
        gains.add_row(METHODS[rival], f"{estimate:.0f} %", f"{low:.0f} to {high:.0f} %", worse)
    console.print(gains)
