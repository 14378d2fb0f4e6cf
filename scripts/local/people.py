"""Accounts of a local federation: keys in private files."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from federation.gate.private_files import read_private_file, write_private_file
from scripts.local.layout import Layout
from scripts.local.settings import StateRefused

REVIEWERS = 3
THRESHOLD = 2


@dataclass(frozen=True)
class People:
    """Who acts in a local federation besides sites and patients."""

    sponsor: LocalAccount
    coordinator: LocalAccount
    relayer: LocalAccount
    reviewers: tuple[LocalAccount, ...]

    @property
    def addresses(self) -> list[str]:
        """Those that send transactions."""
        return [self.sponsor.address, self.coordinator.address, self.relayer.address]

    @classmethod
    def of(cls, layout: Layout, sponsor_key: Path | None = None) -> People:
        """Reads everyone's key, and makes those that are not there yet.

        Args:
            sponsor_key: a key file from elsewhere, which must exist.

        Raises:
            StateRefused: `sponsor_key` is unusable.
            PrivateFileUnsafe: a key file is open to others.
        """
        folder = layout.people
        return cls(
            existing_key(sponsor_key) if sponsor_key else key_of(folder / "sponsor.key"),
            key_of(layout.coordinator / "account.key"),
            key_of(folder / "relayer.key"),
            tuple(key_of(folder / f"reviewer-{n + 1}.key") for n in range(REVIEWERS)),
        )


def key_of(path: Path) -> LocalAccount:
    """The account whose key lies in a private file, made at the first call."""
    if not path.exists():
        write_private_file(path, b"0x" + secrets.token_bytes(32).hex().encode() + b"\n")
    account: LocalAccount = Account.from_key(read_private_file(path).decode().strip())
    return account


def existing_key(path: Path) -> LocalAccount:
    """The account of a key file that somebody else made: 0x and 64 hexadecimal digits.

    Raises:
        StateRefused: it holds no key; what it holds is never shown.
        PrivateFileUnsafe: it is missing or open to others.
    """
    try:
        account: LocalAccount = Account.from_key(read_private_file(path).decode().strip())
    except ValueError:
        raise StateRefused(
            f"{path} holds no private key: it must be 0x and 64 hexadecimal digits"
        ) from None
    return account
