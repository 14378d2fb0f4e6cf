"""`assent patient receipt-key`, `receipts` and `open-receipt`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import DeploymentFile, GuardianAccount, KeyFile, Rpc, connect
from scripts.console import BadInput, JsonOption, say, show_json, warn
from scripts.keys import make_x25519, read_key
from scripts.patient.revoking import TokenId, token_number
from scripts.receipt.opening import SEALED_SCHEMA, ReceiptKeyFile, opened_receipt
from scripts.service import Api, open_service

if TYPE_CHECKING:
    pass


def receipt_key(
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="FILE")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    api: Api,
    guardian_account: GuardianAccount = None,
    json_: JsonOption = False,
) -> None:
    """Make a key for receipts (X25519), and name it to the hospitals, signed by your address.

    Hospitals encrypt receipts to the key that you signed last, and to no other: nobody on the way
    can read them. Keep the file: without it they stay closed.
    """
    from chain.messages import ReceiptKey
    from federation.app.chain_facts import chain_time
    from study.other_signers import require_guardian_account
    from study.statements import Statement

    chain, signer = connect(rpc, deployment), read_key(key)
    if guardian_account is not None:
        require_guardian_account(chain, guardian_account)
    public = make_x25519(out)
    said = ReceiptKey(guardian_account or signer.address, public, chain_time(chain))
    signed = (
        Statement.sign(said, chain.consent.domain, signer)
        if guardian_account is None
        else Statement.sign_for(chain, said, guardian_account, signer)
    )
    with open_service(api) as service:
        service.sign_in(signer, guardian_account)
        service.put("/v1/me/receipt-key", signed.to_json())
    if json_:
        show_json({"x25519": "0x" + public.hex()})
    else:
        say("Hospitals will encrypt your receipts to this key.")


def receipts(
    token: TokenId,
    folder: Annotated[Path, typer.Argument(help="Where to.", metavar="FOLDER")],
    key: KeyFile,
    api: Api,
    guardian_account: GuardianAccount = None,
    json_: JsonOption = False,
) -> None:
    """Fetch the receipts of a consent, as hospitals encrypted them; one file a round."""
    number = token_number(token)
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder")
    with open_service(api) as service:
        service.sign_in(read_key(key), guardian_account)
        found = service.get(f"/v1/consents/{number}/receipts")
    files = []
    for one in found:
        path = folder / f"round-{int(one['round'])}.sealed.json"
        members = {name: one[name] for name in ("token_id", "round", "x25519", "sealed")}
        path.write_text(json.dumps({"schema": SEALED_SCHEMA, **members}, indent=2) + "\n")
        files.append(str(path))
    if json_:
        show_json({"files": files})
        return
    for path_ in files:
        say(path_)
    if not files:
        say("There are none yet. Hospitals send receipts once a round is sealed, to who has named")
        say("a key with `assent patient receipt-key`.")


def open_receipt(
    file: Annotated[Path, typer.Argument(help="A receipt, sealed or open.", metavar="FILE")],
    rpc: Rpc,
    deployment: DeploymentFile,
    receipt_key: ReceiptKeyFile = None,
    out: Annotated[
        Path | None, typer.Option(metavar="OUT.json", help="Write the open receipt here.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Open a receipt, compare it with the chain, and say what it proves.

    It proves what the hospital committed to, which the chain has kept since; not that the hospital
    did so. With --json it prints the receipt itself.
    """
    from federation.gate.private_files import write_private_file
    from study.receipt import Receipt

    chain = connect(rpc, deployment)
    data = opened_receipt(file, receipt_key, chain.consent.domain)
    found = Receipt.parse(data)
    words = found.verify(chain)
    if out is not None:
        try:
            write_private_file(out, data)
        except FileExistsError:
            raise BadInput(f"{out} exists; name another file") from None
        warn(f"Wrote {out}.")
    show_json(json.loads(data) | {"proves": words}) if json_ else say(words)
