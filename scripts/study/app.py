"""The table of `assent study`."""

from __future__ import annotations

from typing import Final

from scripts.lazy import Command, lazy_app

COMMANDS: Final[dict[str, Command]] = {
    "simulate": Command(
        "scripts.study.simulate:simulate", "Foresee noise, epsilon and error, before approval."
    ),
    "propose": Command("scripts.study.propose:propose", "Propose a study, or its next version."),
    "show": Command("scripts.study.show:show", "Show a study's terms, approvals and budget."),
    "diff": Command("scripts.study.diff:diff", "Show what differs between two versions."),
    "rounds": Command("scripts.study.show:rounds", "List a study's rounds."),
    "cohorts": Command(
        "scripts.study.cohorts:cohorts", "Say what each site committed to in a round."
    ),
    "run": Command("scripts.study.run:run", "Run rounds with the approved app, through Flower."),
    "abort": Command("scripts.study.run:abort", "End a round that is stuck."),
    "fault": Command("scripts.study.fault:fault", "Record that a site did not answer."),
    "withdrawals": Command(
        "scripts.study.withdrawals:withdrawals", "What became of withdrawn consents."
    ),
    "rollback": Command(
        "scripts.study.rollback:rollback", "Go back to a checkpoint, with k signatures."
    ),
    "bundle": Command("scripts.study.evidence:bundle", "Gather the evidence of a whole study."),
    "replay-draw": Command(
        "scripts.study.replay_draw:replay_draw", "Draw which site is to replay which round."
    ),
    "report": Command(
        "scripts.study.report:report", "Write a report for an ethics board, from a bundle."
    ),
    "export": Command(
        "scripts.study.export:export", "Write a bundle as an RO-Crate, with its provenance."
    ),
    "block": Command("scripts.study.evidence:block", "Say what block your own node has."),
    "documents": Command("scripts.study.evidence:documents", "Fetch what the terms name by hash."),
}

app = lazy_app("study", "Propose, run and read a study.", COMMANDS)
