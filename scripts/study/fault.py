"""`assent study fault`."""

from __future__ import annotations

from typing import Annotated

import typer

from scripts.acts import AskedToken
from scripts.connection import (
    DeploymentFile,
    KeyFile,
    RoundNumber,
    Rpc,
    StudyNumber,
    connect,
    require_address,
)
from scripts.console import JsonOption, say, show_json
from scripts.patient.revoking import token_number


def fault(
    study: StudyNumber,
    round_: RoundNumber,
    site: Annotated[str, typer.Argument(help="The site's account.", metavar="SITE")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    token: AskedToken = None,
    json_: JsonOption = False,
) -> None:
    """Put on record that a site did not answer a challenge in time, which bars it. Anyone may.

    `assent study show` lists the challenges; those that are overdue have no answer.
    """
    from study.overview import require_study

    require_address("SITE", site)
    asked = 0 if token is None else token_number(token)
    chain = connect(rpc, deployment, key)
    require_study(chain, study)
    chain.ledger.fault(study, round_, site, asked)
    if json_:
        show_json({"study": study, "round": round_, "site": site, "token": token, "barred": True})
    else:
        say(f"{site} did not answer; it is barred from study {study} until a reviewer readmits it.")
