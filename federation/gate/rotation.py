"""A new enrolment key: on chain and in the key folder, also when a crash comes in between.

The new key is kept beside the old one before the chain hears of it; whichever of the two the chain
names afterwards is the one that is kept.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, replace
from pathlib import Path

from eth_account.signers.local import LocalAccount

from chain.chain import Chain
from federation.gate.keys import KeyFolderInvalid, SiteKeys, parse_key
from federation.gate.private_files import read_private_file, sync_folder, write_private_file


def rotate_enrolment_key(folder: Path, chain: Chain) -> str:
    """Replaces a site's enrolment key; enrolments that were signed and not used become void.

    A rotation that a crash cut short is finished instead of begun anew.

    Args:
        folder: the site's key folder.
        chain: connected with the site's account.

    Returns:
        The new key's address.

    Raises:
        chain.errors.ChainError, PrivateFileUnsafe
        KeyFolderInvalid: the folder has neither the key that the chain names nor a new one.
    """
    keys = SiteKeys.open(folder)
    public = keys.public
    keys.close()
    following = folder / "enrolment.key.next"
    registered = chain.registry.site(public.account).enrolment_key
    if registered == public.enrolment_key and not _holds_key(following):
        # A torn one is of a crash before the chain could hear of it.
        following.unlink(missing_ok=True)
        _write_key(following, secrets.token_bytes(32))
    if following.exists():
        fresh = _account_in(following).address
        if registered != fresh:
            chain.registry.rotate_enrolment_key(fresh)
        following.replace(folder / "enrolment.key")
        sync_folder(folder)
    fresh = _account_in(folder / "enrolment.key").address
    if fresh != chain.registry.site(public.account).enrolment_key:
        raise KeyFolderInvalid(
            f"{folder / 'enrolment.key'} is not the key that the registry has for this site;"
            " restore the newest backup"
        )
    _replace_public(folder, json.dumps(asdict(replace(public, enrolment_key=fresh))).encode())
    return fresh


def _write_key(path: Path, key: bytes) -> None:
    write_private_file(path, b"0x" + key.hex().encode() + b"\n")


def _holds_key(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        _account_in(path)
    except KeyFolderInvalid:
        return False
    return True


def _account_in(path: Path) -> LocalAccount:
    return parse_key(path, read_private_file(path))


def _replace_public(folder: Path, data: bytes) -> None:
    fresh = folder / "public.json.part"
    fresh.unlink(missing_ok=True)
    write_private_file(fresh, data)
    fresh.replace(folder / "public.json")
    sync_folder(folder)
