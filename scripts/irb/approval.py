"""`assent irb show`, `approve`, `submit` and `key`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.acts import ActFile, Offline, Yes, read_act, require_yes, write_act
from scripts.connection import (
    CarrierKey,
    DeploymentFile,
    Ipfs,
    KeyFile,
    Rpc,
    StudyNumber,
    connect,
    open_store,
)
from scripts.console import BadInput, JsonOption, say, show_facts, show_json, show_table, tick
from scripts.exit_codes import REFUSED
from scripts.keys import make_key, read_key

if TYPE_CHECKING:
    from federation.study.examination import Examination

Version = Annotated[
    int | None, typer.Option(min=1, help="Which version; the newest proposed without it.")
]
ThisApp = Annotated[
    bool,
    typer.Option(
        "--compare-app/--no-compare-app",
        help="Build the app from this installation too, and compare.",
    ),
]


def key(
    file: Annotated[Path, typer.Argument(help="A new file.", metavar="FILE")],
    json_: JsonOption = False,
) -> None:
    """Make a reviewer's private key in a new file (mode 600) and print its address.

    Give the address to the sponsor, who names it in the study's committee.
    """
    address = make_key(file).address
    show_json({"address": address}) if json_ else say(address)


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

    Documents come from the IPFS node that you name, by the hashes in the terms. Read the protocol
    and the consent texts themselves: `assent study documents STUDY OUT` writes them to a folder.
    Exits with 1 when something does not hold.
    """
    found = _examined(study, version, rpc, deployment, ipfs, compare_app)
    if json_:
        show_json(_json(found))
    else:
        _show(found)
    if not found.ok:
        raise typer.Exit(REFUSED)


def approve(
    study: StudyNumber,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    ipfs: Ipfs,
    version: Version = None,
    carrier_key: CarrierKey = None,
    offline: Offline = None,
    compare_app: ThisApp = True,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Sign a version's terms (EIP-712 Approval), once all that can be recomputed holds.

    The same key submits it, or --carrier-key does, or with --offline nobody yet: then give the file
    to anyone, who runs `assent irb submit`.
    """
    from chain.messages import Approval
    from chain.signed_act import SignedAct

    found = _examined(study, version, rpc, deployment, ipfs, compare_app)
    if not json_:
        _show(found)
    if not found.ok:
        raise BadInput(
            f"study {study}, version {found.version}: something above does not hold; nothing was"
            " signed. Tell the sponsor and the other reviewers"
        )
    chain = connect(rpc, deployment, None if offline else carrier_key or key)
    signer = read_key(key)
    _require_seat(chain.registry.reviewers(study), signer.address, study)
    message = Approval(study, found.version, found.terms_hash)
    if not json_:
        show_facts(
            "You sign",
            [
                ("Approval", f"study {study}, version {found.version}"),
                ("terms hash", "0x" + found.terms_hash.hex()),
                ("for", f"{chain.registry.address} on chain {chain.deployment.chain_id}"),
                ("as", signer.address),
            ],
        )
    require_yes("Sign this?", yes)
    act = SignedAct.sign(message, chain.registry.domain, signer)
    if offline is not None:
        write_act(act, offline)
        return
    act.carry(chain)
    standing = chain.registry.study(study)
    in_force = standing.current_version == found.version
    if json_:
        show_json({"study": study, "version": found.version, "in_force": in_force})
    else:
        standing_word = "in force" if in_force else "not in force yet"
        say(f"Approved. Version {found.version} is {standing_word}.")


def submit(
    file: ActFile, key: KeyFile, rpc: Rpc, deployment: DeploymentFile, json_: JsonOption = False
) -> None:
    """Carry a reviewer's signed approval or suspension; any account may, it only pays."""
    from chain.messages import Approval, Suspension

    act = read_act(file)
    if not isinstance(act.message, Approval | Suspension):
        raise BadInput(
            f"{file} holds a {type(act.message).__name__}; `assent irb resume` takes Resumptions,"
            " `assent patient submit` takes Grants and Revocations"
        )
    act.carry(connect(rpc, deployment, key))
    facts = {"act": type(act.message).__name__, "study": act.message.study_id, "by": act.account}
    if json_:
        show_json(facts)
    else:
        say(f"{facts['act']} of study {facts['study']} by {act.account} is on the chain.")


def _examined(
    study: int, version: int | None, rpc: str, deployment: Path, ipfs: str, compare_app: bool
) -> Examination:
    from federation.study.app_bundle import installed_app
    from federation.study.examination import examine
    from federation.study.overview import require_study

    chain = connect(rpc, deployment)
    chosen = version or require_study(chain, study).proposed_version
    with open_store(ipfs) as store:
        return examine(chain, store, study, chosen, installed_app if compare_app else None)


def _require_seat(reviewers: list[str], address: str, study: int) -> None:
    from chain.errors import RegistryNotReviewer

    if address not in reviewers:
        raise RegistryNotReviewer(study, address)


def _show(found: Examination) -> None:
    from federation.gate.terms_text import describe_terms
    from federation.study.examination import consent_texts

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
    from federation.gate.terms_text import describe_terms

    return {
        "study": found.study_id,
        "version": found.version,
        "terms_hash": "0x" + found.terms_hash.hex(),
        "terms": dict(describe_terms(found.terms, "")),
        "ok": found.ok,
        "findings": [vars(one) for one in found.findings],
    }
