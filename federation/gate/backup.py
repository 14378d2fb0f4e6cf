"""A site's folder as one encrypted file, and back.

The file: ``assent-backup-1`` and a line feed, a 4-byte big-endian length, a header (JSON: scrypt's
parameters and salt, the nonce), the ciphertext of a tar archive under AES-256-GCM, the 16-byte tag.
Everything before the ciphertext is authenticated with it. The key is scrypt(passphrase) (RFC 7914).

SQLite files are copied with SQLite's own backup, so a running site can be backed up. What comes
from a backup has forgotten what happened since: `restore_backup` therefore ends the rounds that
were under way and starts noise draws at a fresh random number (`Journal.begin_new_incarnation`).
The hospital's tally of records comes along, also from outside the folder (`tally_copy`).
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.private_files import make_private_folder, read_private_file, sync_folder
from federation.gate.records.store import RecordStore
from federation.gate.tally_copy import ARCHIVED, place_tally, tally_outside

MAGIC = b"assent-backup-1\n"
SCRYPT = {"n": 2**17, "r": 8, "p": 1}  # OWASP Password Storage Cheat Sheet; 128 MiB of memory
SHORTEST_PASSPHRASE = 12
_TAG_BYTES = 16
_LONGEST_HEADER = 4096
_CHUNK = 1 << 20
# What a running site writes for itself; and Flower's own files, made anew at the next start.
_LEFT_OUT = frozenset({"logs", "run", "supernode/flower", "supernode/tls"})
_SQLITE_SIDE_FILES = ("-wal", "-shm", "-journal")
_SQLITE_HEADER = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, section 1.3


class BackupUnusable(Exception):
    """A backup cannot be written or read. The message names the file and says what to do."""


@dataclass(frozen=True)
class Restored:
    """What a restore found: the site's account, and (study, round) that it had to end.

    `record_tally` is where the backup's tally of records was put; None when there is one already.
    """

    account: str
    rounds_ended: tuple[tuple[int, int], ...]
    record_tally: Path | None = None


def read_passphrase(path: Path) -> bytes:
    """The first line of a private file.

    Raises:
        PrivateFileUnsafe: the file is open to others.
        BackupUnusable: the passphrase is shorter than SHORTEST_PASSPHRASE bytes.
    """
    line = read_private_file(path).split(b"\n", 1)[0].rstrip(b"\r")
    if len(line) < SHORTEST_PASSPHRASE:
        raise BackupUnusable(
            f"{path}: the passphrase in its first line has fewer than {SHORTEST_PASSPHRASE}"
            " characters; a backup holds every secret of the site, so choose a longer one"
        )
    return line


def write_backup(folder: Path, target: Path, passphrase: bytes) -> int:
    """Writes a site's folder to a new file of mode 0600; returns its size in bytes.

    Args:
        folder: a site folder, running or not.
        target: must not exist; appears only when it is whole.

    Raises:
        FileExistsError, OSError
    """
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists; a backup never overwrites a file")
    salt, nonce = os.urandom(16), os.urandom(12)
    header = json.dumps({"scrypt": SCRYPT, "salt": salt.hex(), "nonce": nonce.hex()}).encode()
    front = MAGIC + struct.pack(">I", len(header)) + header
    encryptor = Cipher(AES256(_key(passphrase, salt, SCRYPT)), GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(front)
    fresh = target.with_name(f".{target.name}.part")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file, _snapshot(folder) as archive:
            file.write(front)
            while chunk := archive.read(_CHUNK):
                file.write(encryptor.update(chunk))
            file.write(encryptor.finalize() + encryptor.tag)
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, target)  # never replaces a file that was made meanwhile
    finally:
        fresh.unlink()
    sync_folder(target.parent)
    return target.stat().st_size


def restore_backup(source: Path, folder: Path, passphrase: bytes) -> Restored:
    """Makes a site's folder from a backup, all of it or nothing.

    The site that was backed up must never run again: two copies would share one account.

    Args:
        folder: must not exist; its parent must.

    Raises:
        FileExistsError: there is something at `folder`.
        BackupUnusable: the file is no backup, is damaged, or the passphrase is wrong.
        PrivateFileUnsafe, KeyFolderInvalid, RecordsError, DatabaseUnusable: what it holds is not a
            usable site.
    """
    if os.path.lexists(folder):
        raise FileExistsError(f"{folder} exists; a restore never overwrites. Name another folder")
    making = folder.with_name(f".{folder.name}.{os.urandom(8).hex()}.part")
    make_private_folder(making)
    try:
        with tempfile.TemporaryFile(dir=making) as archive:
            _decrypt(source, passphrase, archive)
            archive.seek(0)
            _unpack(source, archive, making)
        for name in ("logs", "run"):
            make_private_folder(making / name)
        restored = replace(_reopen(making), record_tally=place_tally(making, folder))
        making.rename(folder)
    except BaseException:
        shutil.rmtree(making)
        raise
    sync_folder(folder.parent)
    return restored


def _reopen(folder: Path) -> Restored:
    with closing(SiteKeys.open(folder / "keys")) as keys:
        account = keys.public.account
    RecordStore.open(folder / "records.db").close()
    # Also when the backup has no journal yet: rounds may have been run since.
    with closing(Journal.open(folder / "state.db")) as journal:
        return Restored(account, tuple(journal.begin_new_incarnation()))


def _key(passphrase: bytes, salt: bytes, scrypt: dict[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, **scrypt).derive(passphrase)


# -- out -----------------------------------------------------------------------------------------


def _snapshot(folder: Path) -> IO[bytes]:
    """A tar archive of a consistent copy, in a file without a name in the site's own folder."""
    archive: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the caller's
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, name in _named_files(folder):
            with (
                _copied_database(path, folder)
                if _is_database(path, name)
                else path.open("rb") as file
            ):
                _add(tar, file, name)
    archive.seek(0)
    return archive


def _named_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file that a backup holds, with its name in it."""
    for path in _files(folder):
        yield path, path.relative_to(folder).as_posix()
    tally = tally_outside(folder)
    if tally is not None:
        yield tally, ARCHIVED


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        kept = "/".join(parts[:1]) not in _LEFT_OUT and "/".join(parts[:2]) not in _LEFT_OUT
        hidden = any(part.startswith(".") or part.endswith(".part") for part in parts)
        side = path.name.endswith(_SQLITE_SIDE_FILES)
        if kept and not hidden and not side and path.is_file() and not path.is_symlink():
            yield path


def _is_database(path: Path, name: str) -> bool:
    """By its name or its first bytes: a hospital may give its tally of records any name."""
    if name.endswith(".db"):
        return True  # also a damaged one, which then cannot be copied, and says so
    with path.open("rb") as file:
        return file.read(len(_SQLITE_HEADER)) == _SQLITE_HEADER


def _copied_database(path: Path, folder: Path) -> IO[bytes]:
    """A copy in a file that has lost its name before anything is in it: when this process is
    killed nothing stays of it, such as the salt of a record that is erased later.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".backup-") as place:
        copy = Path(place) / path.name
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            target.execute("PRAGMA journal_mode = OFF")  # opens the file; nothing to go back to
            file = copy.open("rb")
            try:
                copy.unlink()
                source.backup(target)
            except BaseException:
                file.close()
                raise
    return file


def _add(tar: tarfile.TarFile, file: IO[bytes], name: str) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = os.fstat(file.fileno()).st_size, 0o600
    tar.addfile(member, file)


# -- in ------------------------------------------------------------------------------------------


def _decrypt(source: Path, passphrase: bytes, archive: IO[bytes]) -> None:
    """Writes the archive out; none of it is read before its tag has been checked."""
    with source.open("rb") as file:
        header, front = _read_front(source, file)
        length = os.fstat(file.fileno()).st_size - len(front) - _TAG_BYTES
        if length < 0:
            raise _damaged(source)
        key = _key(passphrase, bytes.fromhex(header["salt"]), SCRYPT)
        decryptor = Cipher(AES256(key), GCM(bytes.fromhex(header["nonce"]))).decryptor()
        decryptor.authenticate_additional_data(front)
        while length:
            chunk = file.read(min(_CHUNK, length))
            if not chunk:
                raise _damaged(source)
            length -= len(chunk)
            archive.write(decryptor.update(chunk))
        try:
            decryptor.finalize_with_tag(file.read(_TAG_BYTES))
        except InvalidTag:
            raise BackupUnusable(
                f"{source}: the passphrase is wrong, or the file was changed or damaged. Nothing"
                " was restored"
            ) from None


def _read_front(source: Path, file: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    front = file.read(len(MAGIC) + 4)
    if not front.startswith(MAGIC) or len(front) < len(MAGIC) + 4:
        raise BackupUnusable(f"{source} is not a backup that `assent site backup` wrote")
    (length,) = struct.unpack(">I", front[len(MAGIC) :])
    if length > _LONGEST_HEADER:
        raise _damaged(source)
    raw = file.read(length)
    try:
        header = json.loads(raw)
        # Fixed for this form, so that a file cannot make us spend memory at its will.
        if header["scrypt"] != SCRYPT or len(bytes.fromhex(header["salt"])) != 16:
            raise _damaged(source)
        if len(bytes.fromhex(header["nonce"])) != 12:
            raise _damaged(source)
    except (ValueError, KeyError, TypeError):
        raise _damaged(source) from None
    return header, front + raw


def _unpack(source: Path, archive: IO[bytes], folder: Path) -> None:
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            for member in tar:
                if not member.isfile():
                    raise _damaged(source)
                for above in reversed(Path(member.name).parents[:-1]):
                    (folder / above).mkdir(mode=0o700, exist_ok=True)  # `parents` ignores the mode
                tar.extract(member, folder, filter="data")
                (folder / member.name).chmod(0o600)
    except tarfile.TarError:
        raise _damaged(source) from None


def _damaged(source: Path) -> BackupUnusable:
    return BackupUnusable(f"{source} is damaged or was cut short; use another backup")
