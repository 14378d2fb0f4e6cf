"""Signed acts on the command line: ask before signing, then carry it or write it to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import BadInput, say, warn
from scripts.exit_codes import REFUSED

if TYPE_CHECKING:
    from chain.signed_act import SignedAct

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Offline = Annotated[
    Path | None,
    typer.Option(metavar="OUT.json", help="Write the signed act here and submit nothing."),
]
AskedToken = Annotated[
    str | None,
    typer.Option(metavar="TOKEN", help="Whose receipt was asked for; a replay without it."),
]
ActFile = Annotated[Path, typer.Argument(help="A signed act (JSON).", metavar="FILE")]


def require_yes(question: str, yes: bool) -> None:
    """Goes on only with a yes: the command's --yes, or the user's."""
    if not yes and not typer.confirm(question, err=True):
        say("Nothing was signed or sent.")
        raise typer.Exit(REFUSED)


def write_act(act: SignedAct, path: Path) -> None:
    """A new file of mode 0600. Raises BadInput when there is one."""
    try:
        act.save(path)
    except FileExistsError:
        raise BadInput(f"{path} exists; name another file") from None
    warn(f"Wrote {path}, signed by {act.account}.")


def read_act(path: Path) -> SignedAct:
    """A file's signed act. Raises SignedActInvalid, OSError."""
    from chain.signed_act import SignedAct

    return SignedAct.load(path)
