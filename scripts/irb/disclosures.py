"""`assent irb disclosure-key`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import DeploymentFile, KeyFile, Rpc, connect
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.keys import make_x25519, read_key


def disclosure_key(
    file: Annotated[Path, typer.Argument(help="A new file: the private key.", metavar="FILE")],
    out: Annotated[
        Path, typer.Argument(help="A new file: what to give to sites.", metavar="OUT.json")
    ],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    json_: JsonOption = False,
) -> None:
    """Make a key that sites encrypt cohorts to, and sign that it is yours.

    What you sign is the message ReceiptKey, as patients do: a site encrypts to no key that a
    reviewer of the study has not signed. Keep the private key: without it what sites disclose
    stays closed.
    """
    from chain.messages import ReceiptKey
    from federation.app.chain_facts import chain_time
    from study.statements import Statement

    if out.exists():
        raise BadInput(f"{out} exists; name another file")
    chain, reviewer = connect(rpc, deployment), read_key(key)
    public = make_x25519(file)
    said = ReceiptKey(reviewer.address, public, chain_time(chain))
    signed = Statement.sign(said, chain.consent.domain, reviewer)
    out.write_text(json.dumps(signed.to_json(), indent=2) + "\n")
    if json_:
        show_json({"x25519": "0x" + public.hex(), "statement": str(out)})
    else:
        say(f"Give {out} to the sites that you ask; keep {file} to yourself.")
