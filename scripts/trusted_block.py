"""The block hash that a reader of a bundle has learned elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from scripts.console import BadInput

TrustBlock = Annotated[
    str,
    typer.Option(
        metavar="HASH",
        help="Hash of the block the bundle ends with, best learned from two sites. Without it "
        "the anchor check fails and the others still run.",
    ),
]


def hash_of(text: str, option: str = "--trust-block") -> bytes | None:
    """The block hash that an option names, 32 bytes; None for nothing. Raises BadInput."""
    if not text:
        return None
    digits = text.removeprefix("0x")
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise BadInput(f"{option} {text!r} is no block hash: give 0x and 64 hexadecimal digits")
    return value
