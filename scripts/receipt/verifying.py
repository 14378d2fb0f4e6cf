"""`assent receipt verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.connection import DeploymentFile, MaybeRpc, connect
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.receipt.opening import ReceiptKeyFile, opened_receipt
from scripts.trusted_block import TrustBlock

if TYPE_CHECKING:
    from study.receipt import Receipt

    _Proven = tuple[Receipt, str]


def verify(
    receipt: Annotated[Path, typer.Argument(help="A receipt, sealed or open.", metavar="FILE")],
    deployment: DeploymentFile,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="Check it offline, against a study's bundle."),
    ] = None,
    trust_block: TrustBlock = "",
    rpc: MaybeRpc = None,
    receipt_key: ReceiptKeyFile = None,
    json_: JsonOption = False,
) -> None:
    """Say what a receipt proves: what a hospital committed to about a patient in one round.

    With --bundle no network is used: the study's events are proven by the trusted block, and the
    receipt is compared with the commitment among them. It never proves what the hospital computed
    with. Exit code 1: it proves nothing here, and the reason.
    """
    if bundle is not None:
        found, words = _offline(receipt, bundle, trust_block, deployment, receipt_key)
    elif rpc:
        found, words = _online(receipt, rpc, deployment, receipt_key)
    else:
        raise BadInput("name what to check it against: --bundle and --trust-block, or --rpc")
    show_json(_to_json(found, words)) if json_ else say(words)


def _offline(
    file: Path, bundle: Path, trust_block: str, deployment: Path, receipt_key: Path | None
) -> _Proven:
    from chain.messages import consent_domain
    from scripts.proven_history import proven_history

    held, history = proven_history(bundle, trust_block, deployment)
    domain = consent_domain(held.contracts.chain_id, held.contracts.consent_token)
    found = _parsed(file, opened_receipt(file, receipt_key, domain))
    return found, f"{found.verify_in(held, history)} As of block {held.block_number}."


def _online(file: Path, rpc: str, deployment: Path, receipt_key: Path | None) -> _Proven:
    chain = connect(rpc, deployment)
    found = _parsed(file, opened_receipt(file, receipt_key, chain.consent.domain))
    return found, found.verify(chain)


def _parsed(file: Path, data: bytes) -> Receipt:
    from study.receipt import Receipt, ReceiptInvalid

    try:
        return Receipt.parse(data)
    except ReceiptInvalid as error:
        raise ReceiptInvalid(f"{file} is no receipt, or was changed: {error}") from None


def _to_json(found: Receipt, words: str) -> dict[str, Any]:
    from chain.messages import split_token_id

    study, site, _ = split_token_id(found.token_id)
    return {
        "proves": words,
        "study": study,
        "round": found.round_number,
        "site": site,
        "token": str(found.token_id),
        "status": found.status.name.lower(),
        "attempt": found.attempt,
        "cohort_root": "0x" + found.root.hex(),
    }
