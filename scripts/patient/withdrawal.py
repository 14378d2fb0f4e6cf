"""`assent patient withdrawal`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import DeploymentFile, Rpc, connect
from scripts.console import BadInput, JsonOption, say, show_facts, show_json, show_table
from scripts.patient.revoking import TokenId, consent_of, token_number


def withdrawal(
    token: TokenId,
    rpc: Rpc,
    deployment: DeploymentFile,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the report as one HTML page, a new file."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show what became of a consent that was revoked: what may have used it, and what that made.

    It needs no key: whoever knows a token can see this. By the chain's facts alone: whether a
    record was really counted is for a receipt to prove.
    """
    from audit.withdrawals import withdrawal as ledger_entry
    from chain.messages import split_token_id
    from study.overview import replay
    from study.withdrawal_text import patient_report

    chain, number = connect(rpc, deployment), token_number(token)
    consent_of(chain, number)
    study, _, _ = split_token_id(number)
    found = ledger_entry(replay(chain, study), number, chain.head().timestamp)
    if found is None:
        raise BadInput(
            f"the consent {token} is not withdrawn; `assent patient status` says how it stands"
        )
    report = patient_report(found)
    if html is not None:
        from study.withdrawal_page import patient_page

        source = f"From the chain {chain.deployment.chain_id} as one node tells it, study {study}."
        try:
            with html.open("x", encoding="utf-8") as file:
                file.write(patient_page(report, source, found.judged))
        except FileExistsError:
            raise BadInput(f"--html: {html} exists; name another file") from None
    if json_:
        show_json({**found.to_json(), **report.to_json()})
        return
    say(report.headline, style="bold")
    show_facts("Your withdrawal", report.facts)
    show_table(
        "Rounds that may have used your record", ("round", "ended", "your record"), report.rounds
    )
    show_table("What was made since", ("after round", "what it has of your record"), report.models)
    for remark in report.remarks:
        say(remark)
    if html is not None:
        say(f"Wrote {html}.")
