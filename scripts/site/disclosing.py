"""`assent site disclose`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.connection import RoundNumber
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.site.options import Folder, existing_file, open_folder


def disclose(
    folder: Folder,
    round_: RoundNumber,
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="OUT.json")],
    to: Annotated[
        Path,
        typer.Option(
            metavar="KEY.json",
            help="The reviewer's signed key, from `assent irb disclosure-key`.",
        ),
    ],
    json_: JsonOption = False,
) -> None:
    """Disclose this site's cohort of a round to a reviewer of the study, encrypted.

    The reviewer learns of each consent at this site whether its record was admitted to the round,
    and checks it against the chain: `assent verify --disclosure`. Nothing about any record is in
    it. Only a key that a reviewer of the study has signed is encrypted to.
    """
    from federation.gate.disclosing import disclose_to

    if out.exists():
        raise BadInput(f"{out} exists; name another file")
    found, statement = open_folder(folder), _json(existing_file(to, "--to"))
    made = disclose_to(found, round_, statement)
    out.write_bytes(made.sealed)
    if json_:
        show_json({"round": round_, "reviewer": made.reviewer, "tokens": made.tokens})
    else:
        say(f"Wrote {out}: {made.tokens} tokens of round {round_}, for {made.reviewer} alone.")


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise BadInput(f"{path} is no signed key: ask the reviewer for one") from None
