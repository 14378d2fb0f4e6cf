"""`assent study diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from scripts.connection import LAST_VERSION, DeploymentFile, Rpc, StudyNumber, connect
from scripts.console import JsonOption, say, show_json, show_table


def diff(
    study: StudyNumber,
    before: Annotated[
        int, typer.Argument(min=1, max=LAST_VERSION, help="One version.", metavar="V1")
    ],
    after: Annotated[
        int, typer.Argument(min=1, max=LAST_VERSION, help="A later one.", metavar="V2")
    ],
    rpc: Rpc,
    deployment: DeploymentFile,
    json_: JsonOption = False,
) -> None:
    """Show which terms differ between two versions, and whether patients must consent anew."""
    from study.differences import compare_terms
    from study.overview import require_study

    chain = connect(rpc, deployment)
    for version in (before, after):
        require_study(chain, study, version)
    found = compare_terms(chain.registry.terms(study, before), chain.registry.terms(study, after))
    if json_:
        show_json(
            {
                "study": study,
                "versions": [before, after],
                "fresh_consent": found.fresh_consent,
                "differences": {one.member: [one.before, one.after] for one in found.differences},
            }
        )
        return
    show_table(
        f"Study {study}",
        ("term", f"version {before}", f"version {after}"),
        [(one.member, one.before, one.after) for one in found.differences],
    )
    if not found.differences:
        say("The terms are the same.")
    elif found.fresh_consent:
        say(f"Consent given under version {before} does not carry over: patients grant anew.")
    else:
        say(f"Consent given under version {before} carries over.")
