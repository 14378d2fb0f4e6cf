"""`assent site backup` and `assent site restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.console import JsonOption, say, show_json, warn
from scripts.site.options import Folder, existing_file, open_folder

PassphraseFile = Annotated[
    Path,
    typer.Option(help="File (mode 600) whose first line is the backup's passphrase."),
]
BackupFile = Annotated[Path, typer.Argument(help="The backup.", metavar="FILE")]


def backup(
    folder: Folder, file: BackupFile, passphrase_file: PassphraseFile, json_: JsonOption = False
) -> None:
    """Write the whole site, secrets and records included, to one encrypted file.

    The site may go on running. Without the passphrase nobody can read the file, you included; keep
    the two apart.
    """
    from federation.gate.backup import read_passphrase, write_backup

    found = open_folder(folder)
    size = write_backup(found, file.absolute(), read_passphrase(passphrase_file))
    if json_:
        show_json({"file": str(file.absolute()), "bytes": size})
    else:
        say(f"Wrote {file}: {size:,} bytes, encrypted.")


def restore(
    file: BackupFile,
    folder: Annotated[Path, typer.Argument(help="The folder to make.", metavar="FOLDER")],
    passphrase_file: PassphraseFile,
    json_: JsonOption = False,
) -> None:
    """Make a site's folder from a backup, on this or another machine, as this or another user.

    The site that was backed up must never run again. Rounds that were under way in the backup are
    ended at this site, and noise is drawn afresh, so that nothing that was sent since is repeated.
    """
    from federation.gate.backup import read_passphrase, restore_backup

    source = existing_file(file, "FILE")
    restored = restore_backup(source, folder.absolute(), read_passphrase(passphrase_file))
    ended = [{"study": study, "round": number} for study, number in restored.rounds_ended]
    if json_:
        placed = None if restored.record_tally is None else str(restored.record_tally)
        facts = {"account": restored.account, "rounds_ended": ended, "record_tally": placed}
        show_json(facts)
        return
    say(f"Restored site {restored.account} to {folder}.")
    for one in ended:
        say(f"Round {one['round']} of study {one['study']} was under way and ended at this site.")
    if restored.record_tally is not None:
        say(f"The backup's tally of records is {restored.record_tally}; what was charged since")
        say("counts for every record, once this site has asked its chain node.")
    warn("Make sure that the site's earlier folder is never started again.")
