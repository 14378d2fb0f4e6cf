"""Making a site's folder, and the checks that every command begins with.

site.json, deployment.json, flower.json, ca.pem   public settings (`site join`)
keys/          secrets (`federation.gate.keys`)
supernode/     the SuperNode's key pair and Flower's own files
records.db     patients' records
state.db       the durable journal of rounds
record-tally.db                                   what each record gave to all studies, unless
               `record_tally` in site.json names a file that several folders share
transactions.db, high-water.db                    what was sent to the chain, what was relied on
checked-round.json                                the newest round that the gate has checked
logs/, run/    what the running site writes; not in backups
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from chain.deployment import Deployment
from federation.gate.keys import SiteKeys
from federation.gate.private_files import (
    PrivateFileUnsafe,
    make_private_folder,
    require_private_folder,
)
from federation.gate.records.store import RecordStore
from federation.gate.site import SiteFolderInvalid

DEPLOYMENT_FILE = "deployment.json"


def make_site_folder(folder: Path, passphrase_file: Path | None = None) -> SiteKeys:
    """Makes a folder with fresh keys and an empty record store, all of it or nothing.

    Args:
        folder: must not exist, or be an empty folder; its parent must exist.
        passphrase_file: see `SiteKeys.create`.

    Raises:
        FileExistsError: there is something in the folder already; nothing is overwritten.
        FileNotFoundError: its parent does not exist.
        PrivateFileUnsafe, KeyFolderInvalid: see `SiteKeys.create`.
    """
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
    try:
        make_private_folder(folder)
    except FileExistsError:
        raise FileExistsError(
            f"{folder} is not empty; a site's folder is never overwritten. Name another one"
        ) from None
    try:
        keys = SiteKeys.create(folder / "keys", passphrase_file)
        RecordStore.create(folder / "records.db").close()
        for name in ("supernode", "logs", "run"):
            make_private_folder(folder / name)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return keys


def require_site_folder(folder: Path) -> Path:
    """The absolute path of an existing site folder that is closed to other users.

    Raises:
        PrivateFileUnsafe: it is missing, open to others or another user's.
        SiteFolderInvalid: there are no keys in it.
    """
    found = Path(folder).absolute()
    try:
        require_private_folder(found)
    except PrivateFileUnsafe:
        # Whoever mistypes a name must not be told to close that folder to its other users.
        if not found.is_dir() or not os.access(found, os.X_OK) or (found / "keys").is_dir():
            raise
    if not (found / "keys").is_dir():
        raise SiteFolderInvalid(f"{found} is no site's folder; make one with `assent site init`")
    return found


def keep_deployment(folder: Path, deployment: Deployment) -> None:
    """Keeps the deployment record in the folder, for good.

    Raises:
        SiteFolderInvalid: the folder belongs to another deployment: its journals would mix.
    """
    path = folder / DEPLOYMENT_FILE
    refuse_other_deployment(folder, deployment)
    if not path.exists():
        deployment.save(path)


def refuse_other_deployment(folder: Path, deployment: Deployment) -> None:
    """Raises SiteFolderInvalid when the folder was used with another deployment before."""
    path = folder / DEPLOYMENT_FILE
    if path.exists() and Deployment.load(path) != deployment:
        raise SiteFolderInvalid(
            f"{folder} belongs to another deployment (chain {Deployment.load(path).chain_id},"
            f" registry {Deployment.load(path).registry}); make another folder for this one"
        )
