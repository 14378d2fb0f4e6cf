"""`assent irb show`, and what every command shows before it signs an approval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import (
    LAST_VERSION,
    DeploymentFile,
    Ipfs,
    Rpc,
    StudyNumber,
    connect,
    open_store,
)
from scripts.console import JsonOption, say, show_facts, show_json, show_table, tick
from scripts.exit_codes import REFUSED

if TYPE_CHECKING:
    from study.examination import Examination

Version = Annotated[
    int | None,
    typer.Option(min=1, max=LAST_VERSION, help="Which version; the newest proposed without it."),
]
ThisApp = Annotated[
    bool,
    typer.Option(
        "--compare-app/--no-compare-app",
        help="Build the app from this installation too, and compare.",
    ),
]


def show(
    study: StudyNumber,
    rpc: Rpc,
    deployment: DeploymentFile,
    ipfs: Ipfs,
    version: Version = None,
    compare_app: ThisApp = True,
    json_: JsonOption = False,
) -> None:
    """Show what a reviewer should read before signing, each hash computed again.

    Documents come from the IPFS node that you name, by the hashes in the terms. Read the protocol,
    the impact assessment and the consent texts themselves: `assent study documents STUDY OUT`
    writes them to a folder. Exits with 1 when something does not hold.
    """
    found = examined(study, version, rpc, deployment, ipfs, compare_app)
    if json_:
        show_json(_json(found))
    else:
        show_examination(found)
    if not found.ok:
        raise typer.Exit(REFUSED)


def examined(
    study: int, version: int | None, rpc: str, deployment: Path, ipfs: str, compare_app: bool
) -> Examination:
    """A version's documents, fetched and opened again; the newest proposed when none is named."""
    from federation.planning.app_bundle import installed_app
    from study.examination import examine
    from study.overview import require_study

    chain = connect(rpc, deployment)
    chosen = version or require_study(chain, study).proposed_version
    with open_store(ipfs) as store:
        return examine(chain, store, study, chosen, installed_app if compare_app else None)


def show_examination(found: Examination) -> None:
    """Prints terms, findings and what patients read."""
    from study.consent_texts import consent_texts
    from study.terms_text import describe_terms

    title = f"Study {found.study_id}, version {found.version}"
    show_facts(title, describe_terms(found.terms, ""))
    show_table(
        "Computed again, by this machine",
        ("", "what", "found"),
        [(tick(one.ok), one.name, one.found) for one in found.findings],
    )
    if found.ok:
        for language, text in consent_texts(found.documents["consent-text.json"]).items():
            show_facts("What patients read", [(language, text)])
    say(f"Terms hash 0x{found.terms_hash.hex()}: this is what an approval signs.")


def _json(found: Examination) -> dict[str, object]:
    from study.terms_text import describe_terms

    return {
        "study": found.study_id,
        "version": found.version,
        "terms_hash": "0x" + found.terms_hash.hex(),
        "terms": dict(describe_terms(found.terms, "")),
        "ok": found.ok,
        "findings": [vars(one) for one in found.findings],
    }
