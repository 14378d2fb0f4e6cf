"""`assent site receipt` and `send-receipts`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import RoundNumber
from scripts.console import BadInput, JsonOption, say, show_json, warn
from scripts.exit_codes import REFUSED
from scripts.patient.revoking import TokenId, token_number
from scripts.service import Api, open_service
from scripts.site.options import Folder, open_folder


def receipt(
    folder: Folder,
    round_: RoundNumber,
    token: TokenId,
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="OUT.json")],
) -> None:
    """Write the receipt of a token: what this site committed to about it in a round.

    It is the answer to a patient's question (`assent site answer --token`), and for nobody else.
    """
    from federation.gate.journal import Journal
    from federation.gate.keys import SiteKeys
    from federation.gate.private_files import write_private_file
    from federation.gate.receipts import RoundReceipts
    from federation.gate.site import SiteConfig, connect

    found, number = open_folder(folder), token_number(token)
    config = SiteConfig.load(found)
    with (
        closing(SiteKeys.open(found / "keys")) as keys,
        closing(Journal.open(found / "state.db")) as journal,
    ):
        chain = connect(found, config)
        made = RoundReceipts(keys, journal, chain, config.study_id, round_).of(number)
    try:
        write_private_file(out, made.to_bytes())
    except FileExistsError:
        raise BadInput(f"{out} exists; name another file") from None
    warn(f"Wrote {out}: give it to the token's holder alone.")


def send_receipts(folder: Folder, api: Api, json_: JsonOption = False) -> None:
    """Send receipts of every sealed or ended round to the patients who want them, encrypted.

    A patient names a key by their own signature, which is verified here: what the service says of
    it is not believed. Only that key opens a receipt. May be repeated: what was sent is not sent
    again.
    """
    from federation.gate.receipt_sending import send_receipts as send

    with open_service(api) as service:
        sent = send(open_folder(folder), service)
    if json_:
        show_json(
            {
                "sent": sent.receipts,
                "held": sent.held,
                "refused": {str(token): why for token, why in sent.refused.items()},
                "rounds_without": {str(number): why for number, why in sent.without.items()},
            }
        )
    else:
        for number, why in sent.without.items():
            say(f"Round {number}: {why}.")
        for token, why in sent.refused.items():
            say(f"NOT sent for token {token}: {why}.", style="bold red")
        say(f"{sent.receipts} receipts were sent, {sent.held} had been sent before.")
    if sent.refused:
        raise typer.Exit(REFUSED)
