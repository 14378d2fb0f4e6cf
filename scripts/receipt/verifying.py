"""`assent receipt verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import connect
from scripts.console import BadInput, JsonOption, say, show_json, show_table
from scripts.exit_codes import REFUSED
from scripts.receipt.opening import ReceiptKeyFile, opened_receipt
from scripts.trusted_block import TrustBlock, hash_of


def verify(
    receipt: Annotated[Path, typer.Argument(help="A receipt, sealed or open.", metavar="FILE")],
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="Check it offline, against a study's bundle."),
    ] = None,
    trust_block: TrustBlock = "",
    rpc: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="ASSENT_RPC",
            help="Check it online: JSON-RPC address of a chain node you trust.",
        ),
    ] = None,
    deployment: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", envvar="ASSENT_DEPLOYMENT", help="Online: which contracts and chain."
        ),
    ] = None,
    receipt_key: ReceiptKeyFile | None = None,
    json_: JsonOption = False,
) -> None:
    """Say what a receipt proves: what a hospital committed to about a patient in one round.

    With --bundle no network is used: the study's events are proven by the trusted block, and the
    receipt is compared with the commitment among them. It never proves what the hospital computed
    with. Exit code 1: it proves nothing here, and the reason.
    """
    if bundle is not None:
        words = _offline(receipt, bundle, trust_block, receipt_key)
    elif rpc and deployment:
        words = _online(receipt, rpc, deployment, receipt_key)
    else:
        raise BadInput(
            "name what to check it against: --bundle and --trust-block, or --rpc and --deployment"
        )
    show_json({"proves": words}) if json_ else say(words)


def _offline(file: Path, bundle: Path, trust_block: str, receipt_key: Path | None) -> str:
    from audit.bundle import read_bundle
    from audit.verify import prove_history
    from chain.messages import consent_domain
    from study.receipt import Receipt

    trusted = hash_of(trust_block)
    if trusted is None:
        raise BadInput("a bundle proves nothing by itself: ask two sites for its block's hash")
    held = read_bundle(bundle)
    domain = consent_domain(held.contracts.chain_id, held.contracts.consent_token)
    found = Receipt.parse(opened_receipt(file, receipt_key, domain))
    history, checks = prove_history(held, trusted)
    failed = [check for check in checks if not check.ok]
    if failed or history is None:
        rows = [(check.name, check.object, check.detail) for check in failed]
        show_table("The bundle does not prove its history", ("check", "object", "detail"), rows)
        raise typer.Exit(REFUSED)
    return f"{found.verify_in(held, history)} As of block {held.block_number}."


def _online(file: Path, rpc: str, deployment: Path, receipt_key: Path | None) -> str:
    from study.receipt import Receipt

    chain = connect(rpc, deployment)
    found = Receipt.parse(opened_receipt(file, receipt_key, chain.consent.domain))
    return found.verify(chain)
