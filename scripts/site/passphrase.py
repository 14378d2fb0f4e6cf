"""`assent site passphrase`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.console import JsonOption, say, show_json
from scripts.site.options import Folder, open_folder


def passphrase(
    folder: Folder,
    new_passphrase_file: Annotated[
        Path,
        typer.Option(help="File (mode 600) whose first line encrypts the account key from now on."),
    ],
    json_: JsonOption = False,
) -> None:
    """Encrypt the account key with another passphrase, or with its first. The key stays the same.

    The passphrase until now is read from the file that ASSENT_KEY_PASSPHRASE_FILE names. Stop the
    site before, for it would go on with that file.
    """
    from federation.gate.account_passphrase import change_passphrase
    from federation.gate.keys import PASSPHRASE_FILE
    from scripts.site.processes import SiteRunning, names_of_running

    found = open_folder(folder)
    if there := names_of_running(found):
        raise SiteRunning(
            f"{' and '.join(there)} of {found} would go on with the old passphrase; stop the site,"
            " change it, and start the site with the new file"
        )
    account = change_passphrase(found / "keys", new_passphrase_file)
    file = new_passphrase_file.absolute()
    if json_:
        show_json({"account": account, "passphrase_file": str(file)})
        return
    say(f"The key of account {account} is encrypted with the passphrase in {file}.")
    say(f"From now on set {PASSPHRASE_FILE} to that file.")
    say("Backups made before need the passphrase until now; make a new one, and destroy them.")
