"""`assent study propose`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import LAST_STUDY, DeploymentFile, Ipfs, KeyFile, Rpc, connect, open_store
from scripts.console import JsonOption, say, show_facts, show_json, warn_of_loading


def propose(
    plan: Annotated[Path, typer.Argument(help="The plan (YAML).", metavar="PLAN.yaml")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    ipfs: Ipfs,
    new_version: Annotated[
        int | None,
        typer.Option(
            min=1, max=LAST_STUDY, metavar="STUDY", help="Propose the next version of this study."
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Publish a study's documents to IPFS, build its app, and propose its terms on chain.

    The key's account becomes the sponsor, who may not review. Nothing is in force until the
    reviewers approve. The form of a plan is described in docs/data-scientist.md.
    """
    warn_of_loading()
    from federation.planning.plan import read_plan
    from federation.planning.proposing import propose as propose_plan
    from study.terms_text import describe_terms

    read = read_plan(plan)
    chain = connect(rpc, deployment, key)
    with open_store(ipfs) as store:
        made = propose_plan(chain, store, read, plan.absolute().parent, new_version)
    if json_:
        show_json(
            {
                "study": made.study_id,
                "version": made.version,
                "terms_hash": "0x" + made.terms_hash.hex(),
                "app_hash": "0x" + made.terms.app_hash.hex(),
            }
        )
        return
    title = f"Study {made.study_id}, version {made.version}, proposed"
    show_facts(title, describe_terms(made.terms, ""))
    say(f"Terms hash 0x{made.terms_hash.hex()}")
    say(f"Next: each reviewer runs `assent irb show {made.study_id}` and `assent irb approve`.")
