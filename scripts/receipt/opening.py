"""Receipt files: open ones, and those that hospitals encrypted to a patient's key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.console import BadInput
from scripts.keys import read_x25519

if TYPE_CHECKING:
    from chain.messages import Domain

SEALED_SCHEMA = "assent-sealed-receipt-1"
MAX_BYTES = 1 << 20
ReceiptKeyFile = Annotated[
    Path | None,
    typer.Option("--receipt-key", metavar="FILE", help="What `receipt-key` made (mode 600)."),
]


def opened_receipt(file: Path, receipt_key: Path | None, domain: Domain) -> bytes:
    """A receipt's bytes, decrypted if need be.

    Raises:
        BadInput: it is no receipt, or encrypted and no key was named.
        PrivateFileUnsafe, EnvelopeInvalid
    """
    if file.stat().st_size > MAX_BYTES:
        raise BadInput(f"{file} is no receipt: it is larger than {MAX_BYTES} bytes")
    data = file.read_bytes()
    try:
        raw: Any = json.loads(data)
        if not isinstance(raw, dict) or raw.get("schema") != SEALED_SCHEMA:
            return data.strip()
        token, number = int(raw["token_id"]), int(raw["round"])
        sealed = bytes.fromhex(raw["sealed"].removeprefix("0x"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput(f"{file} is no receipt") from None
    if receipt_key is None:
        raise BadInput(f"{file} is encrypted: name the key that opens it with --receipt-key")
    from study.receipt_envelope import open_sealed

    return open_sealed(sealed, read_x25519(receipt_key), domain, token, number)
