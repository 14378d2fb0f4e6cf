"""Another passphrase for a site's account key, or its first: the key itself stays what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_account import Account

from federation.gate.keys import SiteKeys, passphrase_in
from federation.gate.private_files import sync_folder, write_private_file


def change_passphrase(folder: Path, passphrase_file: Path) -> str:
    """Encrypts a site's account key anew; whatever goes wrong, the key file is the old or the new.

    Args:
        folder: the site's key folder. An encrypted key is read with the passphrase of the file that
            `federation.gate.keys.PASSPHRASE_FILE` names.
        passphrase_file: private file whose first line is the new passphrase.

    Returns:
        The account's address.

    Raises:
        KeyFolderInvalid: the old passphrase is missing or wrong, or the new one empty.
        PrivateFileUnsafe: a file is missing or open to others.
    """
    passphrase = passphrase_in(passphrase_file)
    keys = SiteKeys.open(folder)
    try:
        account = keys.account
    finally:
        keys.close()
    keystore: dict[str, Any] = Account.encrypt(account.key, passphrase)
    fresh = folder / "account.key.part"
    fresh.unlink(missing_ok=True)
    write_private_file(fresh, json.dumps(keystore).encode())
    fresh.replace(folder / "account.key")
    sync_folder(folder)
    return str(account.address)
