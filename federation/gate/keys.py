"""A site's key folder: secrets that never leave it, and never stand in a command line or a log.

account.key        the chain account: 0x and 64 hexadecimal digits, or an encrypted keystore (JSON)
enrolment.key      signs enrolments: 0x and 64 hexadecimal digits
noise.secret       32 bytes; SHA-256 of it is in the registry and never changes
leaf-salt.secret   32 bytes; every cohort leaf's salt comes from it
salts.db           record salts and enrolments (record_register)
public.json        addresses and the noise secret's hash, to register the site without its secrets
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.exceptions import ValidationError

from chain.light_dataclass import light_dataclass
from chain.messages import Domain, Enrolment
from federation.gate.private_files import (
    make_private_folder,
    read_private_file,
    require_private_file,
    require_private_folder,
    sync_folder,
    write_private_file,
)
from federation.gate.record_register import (
    EnrolmentEntry,
    RecordRegister,
    record_commitment,
    record_tag,
)

#: Names the file with the passphrase of an encrypted account.key; a path, never the passphrase.
PASSPHRASE_FILE = "ASSENT_KEY_PASSPHRASE_FILE"  # noqa: S105 - a variable's name

_SECRET_FILES = ("account.key", "enrolment.key", "noise.secret", "leaf-salt.secret", "salts.db")


class KeyFolderInvalid(Exception):
    """A key is missing, malformed or does not fit the others. Names the file, never its content."""


@light_dataclass(frozen=True)
class PublicKeys:
    """What a site shows the registry: EIP-55 addresses and a 0x hash."""

    account: str
    enrolment_key: str
    noise_secret_hash: str


class SiteKeys:
    """An opened key folder. Secrets are read when first needed and not kept in any other place."""

    def __init__(self, folder: Path, public: PublicKeys, register: RecordRegister) -> None:
        """Use `create` or `open`."""
        self.folder = folder
        self.public = public
        self.register = register

    @classmethod
    def create(cls, folder: Path, passphrase_file: Path | None = None) -> SiteKeys:
        """Make a folder of fresh keys, all of it or nothing.

        Args:
            folder: must not exist; its parent must.
            passphrase_file: private file whose first line encrypts the account key.

        Raises:
            FileExistsError: the folder exists; keys are never overwritten.
            PrivateFileUnsafe: the passphrase file is open to others.
            KeyFolderInvalid: the passphrase is empty.
        """
        if os.path.lexists(folder):
            raise FileExistsError(f"{folder} exists; keys are never overwritten")
        account = Account.from_key(secrets.token_bytes(32))
        enrolment = Account.from_key(secrets.token_bytes(32))
        noise = secrets.token_bytes(32)
        public = PublicKeys(
            account.address, enrolment.address, "0x" + hashlib.sha256(noise).hexdigest()
        )
        making = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.part")
        make_private_folder(making)
        try:
            write_private_file(making / "account.key", _stored_account(account, passphrase_file))
            write_private_file(making / "enrolment.key", _hex_key(enrolment))
            write_private_file(making / "noise.secret", noise)
            write_private_file(making / "leaf-salt.secret", secrets.token_bytes(32))
            write_private_file(making / "public.json", json.dumps(asdict(public)).encode())
            RecordRegister(making / "salts.db").close()
            making.rename(folder)
        except BaseException:
            shutil.rmtree(making)
            raise
        sync_folder(folder.parent)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> SiteKeys:
        """Open a key folder after checking every secret's mode and owner.

        Raises:
            PrivateFileUnsafe: the folder or a file is missing, a link, another user's or open to
                others.
            KeyFolderInvalid: public.json is malformed.
            DatabaseUnusable: salts.db is damaged.
        """
        require_private_folder(folder)
        for name in _SECRET_FILES:
            require_private_file(folder / name)
        try:
            public = PublicKeys(**json.loads(read_private_file(folder / "public.json")))
        except (ValueError, TypeError):
            raise KeyFolderInvalid(
                f"{folder / 'public.json'} is malformed; restore it from a backup"
            ) from None
        return cls(folder, public, RecordRegister(folder / "salts.db"))

    @cached_property
    def account(self) -> LocalAccount:
        """The site's chain account; asks for the passphrase file when its key is encrypted.

        Raises:
            KeyFolderInvalid: the key is malformed, the passphrase wrong or missing.
            PrivateFileUnsafe: account.key or the passphrase file is open to others.
        """
        path = self.folder / "account.key"
        stored = read_private_file(path)
        if stored.startswith(b"{"):
            stored = b"0x" + decrypted_key(path, stored).hex().encode()
        return _account_of(path, stored, self.public.account)

    @cached_property
    def enrolment_account(self) -> LocalAccount:
        """The key that signs enrolments; raises as `account`."""
        path = self.folder / "enrolment.key"
        return _account_of(path, read_private_file(path), self.public.enrolment_key)

    @property
    def noise_secret(self) -> bytes:
        """The 32 bytes behind every noise key.

        Raises:
            KeyFolderInvalid: it is not the secret whose hash public.json names.
        """
        path = self.folder / "noise.secret"
        secret = read_private_file(path)
        if "0x" + hashlib.sha256(secret).hexdigest() != self.public.noise_secret_hash:
            raise KeyFolderInvalid(
                f"{path} is not the secret that was registered; restore it from a backup"
            )
        return secret

    @property
    def noise_secret_hash(self) -> bytes:
        """SHA-256 of the noise secret, as the registry holds it."""
        return bytes.fromhex(self.public.noise_secret_hash[2:])

    def leaf_salt(
        self, chain_id: int, ledger: str, study_id: int, round_number: int, attempt: int, index: int
    ) -> bytes:
        """The salt of one token's leaf in the cohort tree of one attempt, 32 bytes.

        HKDF-SHA256 (RFC 5869) of leaf-salt.secret; info = "assent/leaf-salt/1" || chain id 32 ||
        ledger 20 || study 8 || round 4 || attempt 4 || index 4, integers big endian.
        """
        secret = read_private_file(self.folder / "leaf-salt.secret")
        if len(secret) != 32:
            raise KeyFolderInvalid(
                f"{self.folder / 'leaf-salt.secret'} does not have 32 bytes; restore it from a"
                " backup"
            )
        info = (
            b"assent/leaf-salt/1"
            + chain_id.to_bytes(32, "big")
            + _address_bytes(ledger)
            + study_id.to_bytes(8, "big")
            + round_number.to_bytes(4, "big")
            + attempt.to_bytes(4, "big")
            + index.to_bytes(4, "big")
        )
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)

    def record_salt(self, record_id: str) -> bytes:
        """The record's salt, 32 bytes; see `RecordRegister.record_salt`."""
        return self.register.record_salt(record_id)

    def destroy_salt(self, record_id: str) -> None:
        """Make a record's commitments unlinkable; see `RecordRegister.destroy_salt`."""
        self.register.destroy_salt(record_id)

    def record_tag(self, chain_id: int, study_id: int, record_id: str) -> bytes:
        """The record's pseudonym in a study, 32 bytes; see `record_register.record_tag`."""
        return record_tag(self.record_salt(record_id), chain_id, study_id, record_id)

    def record_commitment(self, record_id: str, holder: str) -> bytes:
        """What the holder's grant commits to, 32 bytes; see `record_register.record_commitment`."""
        return record_commitment(self.record_salt(record_id), record_id, _address_bytes(holder))

    def record_of(self, record_commitment: bytes) -> str | None:
        """The record behind a token's commitment; None when unknown or made unlinkable."""
        return self.register.record_of(record_commitment)

    def enrol(
        self,
        record_id: str,
        holder: str,
        study_id: int,
        issued_at: int,
        deadline: int,
        domain: Domain,
    ) -> tuple[Enrolment, bytes]:
        """State that a holder's record is in this site's care.

        The enrolment is remembered before its signature exists.

        Args:
            holder: the address that will hold the token, used for this study alone.
            issued_at: chain time now, seconds since 1970: `federation.app.chain_facts.issue_time`,
                or this machine's clock when no node is at hand.
            deadline: last second at which it may be used, seconds since 1970.
            domain: `chain.messages.consent_domain` of the ConsentToken.

        Returns:
            The enrolment and its 65-byte EIP-712 signature.

        Raises:
            RecordSaltDestroyed: the record was made unlinkable.
            ValueError: an argument does not fit its field.
            KeyFolderInvalid: the enrolment key is unusable.
        """
        signer = self.enrolment_account
        enrolment = Enrolment(
            study_id=study_id,
            site=self.public.account,
            holder=holder,
            record_tag=self.record_tag(domain.chain_id, study_id, record_id),
            record_commitment=self.record_commitment(record_id, holder),
            issued_at=issued_at,
            deadline=deadline,
        )
        self.register.add_enrolment(
            EnrolmentEntry(
                study_id, enrolment.record_commitment, issued_at, record_id, _address_bytes(holder)
            )
        )
        return enrolment, enrolment.sign(signer, domain)

    def close(self) -> None:
        self.register.close()


def _stored_account(account: LocalAccount, passphrase_file: Path | None) -> bytes:
    if passphrase_file is None:
        return _hex_key(account)
    keystore: dict[str, Any] = Account.encrypt(account.key, passphrase_in(passphrase_file))
    return json.dumps(keystore).encode()


def _hex_key(account: LocalAccount) -> bytes:
    return b"0x" + bytes(account.key).hex().encode() + b"\n"


def decrypted_key(path: Path, keystore: bytes) -> bytes:
    """The 32 secret bytes of an encrypted keystore that was read from `path`.

    Raises:
        KeyFolderInvalid: no passphrase file is named, the passphrase is wrong, or the keystore is
            malformed.
        PrivateFileUnsafe: the passphrase file is open to others.
    """
    passphrase_file = os.environ.get(PASSPHRASE_FILE)
    if not passphrase_file:
        raise KeyFolderInvalid(
            f"{path} is encrypted; set {PASSPHRASE_FILE} to a file (mode 600) with its passphrase"
        )
    try:
        return bytes(Account.decrypt(keystore.decode(), passphrase_in(Path(passphrase_file))))
    except (ValueError, KeyError, TypeError, NotImplementedError):
        raise KeyFolderInvalid(
            f"{path} cannot be decrypted: wrong passphrase or malformed keystore"
        ) from None


def passphrase_in(path: Path) -> str:
    """The first line of a private file.

    Raises:
        KeyFolderInvalid: it is empty or not UTF-8.
        PrivateFileUnsafe: the file is missing or open to others.
    """
    try:
        line = read_private_file(path).split(b"\n", 1)[0].rstrip(b"\r").decode()
    except UnicodeDecodeError:
        raise KeyFolderInvalid(f"{path}: the passphrase in its first line is not UTF-8") from None
    if not line:
        raise KeyFolderInvalid(f"{path} has no passphrase in its first line")
    return line


def parse_key(path: Path, stored: bytes) -> LocalAccount:
    """The account whose key was read from `path`: 0x and 64 hexadecimal digits.

    Raises:
        KeyFolderInvalid: it is none; the message repeats nothing of it.
    """
    text = stored.strip()
    # Parsed here, so that no library's error message repeats the key.
    if len(text) != 66 or not text.startswith(b"0x"):
        raise KeyFolderInvalid(
            f"{path} does not hold 0x and 64 hexadecimal digits; restore it from a backup"
        )
    try:
        account: LocalAccount = Account.from_key(bytes.fromhex(text[2:].decode()))
    except (ValueError, ValidationError):
        raise KeyFolderInvalid(
            f"{path} does not hold a usable key; restore it from a backup"
        ) from None
    return account


def _account_of(path: Path, stored: bytes, address: str) -> LocalAccount:
    account = parse_key(path, stored)
    if account.address != address:
        raise KeyFolderInvalid(f"{path} is not the key of {address}; restore it from a backup")
    return account


def _address_bytes(address: str) -> bytes:
    if len(address) != 42 or not address.startswith("0x"):
        raise ValueError(f"{address!r} is not an address (0x and 40 hexadecimal digits)")
    return bytes.fromhex(address[2:])
