"""Private key files: read, made, and the journal of transactions that belongs to each.

A key file (mode 0600) holds 0x and 64 hexadecimal digits, or an encrypted keystore (JSON) whose
passphrase lies in the file that ASSENT_KEY_PASSPHRASE_FILE names. No key and no passphrase ever
stands in a command line, a log or an error.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.console import BadInput

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount


def read_key(path: Path) -> LocalAccount:
    """The account of a key file.

    Raises:
        PrivateFileUnsafe: the file is missing, or open to others.
        KeyFolderInvalid: it is encrypted and cannot be decrypted.
        BadInput: it holds no usable key; its content is not repeated.
    """
    from eth_account import Account
    from eth_utils.exceptions import ValidationError

    from federation.gate.keys import decrypted_key
    from federation.gate.private_files import read_private_file

    text = read_private_file(path).strip()
    try:
        if text.startswith(b"{"):
            found: LocalAccount = Account.from_key(decrypted_key(path, text))
        elif len(text) == 66 and text.startswith(b"0x"):
            found = Account.from_key(bytes.fromhex(text[2:].decode()))
        else:
            raise ValueError
    except (ValueError, ValidationError):
        raise BadInput(
            f"{path} does not hold a key: 0x and 64 hexadecimal digits, or a keystore"
        ) from None
    return found


def make_key(path: Path) -> LocalAccount:
    """A fresh key in a new file of mode 0600.

    Raises:
        BadInput: the file exists; keys are never overwritten.
    """
    from eth_account import Account

    from federation.gate.private_files import write_private_file

    account: LocalAccount = Account.from_key(secrets.token_bytes(32))
    try:
        write_private_file(path, b"0x" + bytes(account.key).hex().encode() + b"\n")
    except FileExistsError:
        raise BadInput(f"{path} exists; keys are never overwritten. Name another file") from None
    return account


def make_x25519(path: Path) -> bytes:
    """A fresh X25519 private key in a new file of mode 0600; its public key, 32 bytes.

    Raises:
        BadInput: the file exists; keys are never overwritten.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from federation.gate.private_files import write_private_file

    secret = X25519PrivateKey.generate()
    try:
        write_private_file(path, b"0x" + secret.private_bytes_raw().hex().encode() + b"\n")
    except FileExistsError:
        raise BadInput(f"{path} exists; keys are never overwritten. Name another file") from None
    return secret.public_key().public_bytes_raw()


def read_x25519(path: Path) -> bytes:
    """The 32 bytes of an X25519 private key file: 0x and 64 hexadecimal digits, mode 0600.

    Raises:
        PrivateFileUnsafe: the file is missing, or open to others.
        BadInput: it holds no such key; its content is not repeated.
    """
    from federation.gate.private_files import read_private_file

    text = read_private_file(path).strip()
    try:
        if len(text) == 66 and text.startswith(b"0x"):
            return bytes.fromhex(text[2:].decode())
    except ValueError:
        pass
    raise BadInput(f"{path} does not hold an X25519 key: 0x and 64 hexadecimal digits")


def journal_of(path: Path) -> Path:
    """Where transactions of a key file's account are journalled: an account has one journal.

    A coordinator's `account.key` shares the one that its ServerApp writes.
    """
    if path.name == "account.key":
        return path.with_name("transactions.db")
    return path.with_suffix(".db")
