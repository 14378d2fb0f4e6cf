"""`assent site record-tally`."""

from __future__ import annotations

from typing import Annotated

import typer

from scripts.console import JsonOption, say, show_json
from scripts.site.options import Folder, open_folder


def record_tally(
    folder: Folder,
    make_new: Annotated[
        bool,
        typer.Option(
            "--make-new",
            help="The file is lost and in no backup: count this folder's study from the chain.",
        ),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Show what the hospital's ceiling on what one record gives to all studies means here.

    With --make-new the past rounds of this folder's study count for every record, for whose
    records they were is lost. Do so for each of the hospital's folders before any of them starts.
    """
    from dataclasses import asdict

    from federation.gate.record_counts import count_anew, read_record_counts

    found = open_folder(folder)
    if make_new:
        count_anew(found)
    counts, path = read_record_counts(found)
    if json_:
        facts = asdict(counts) | {"ceiling": str(counts.ceiling), "file": str(path)}
        show_json(facts)
        return
    say(f"{path} counts {counts.studies} of the hospital's studies.")
    say(counts.in_words)
