"""Folders and files that nobody but the site's own user may read; everything looser is refused."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

_MAX_BYTES = 1 << 20


class PrivateFileUnsafe(Exception):
    """A secret's file or folder could be read or replaced by somebody else. Names it."""


def leave_no_core() -> None:
    """From here on neither this process nor one that it starts leaves a core file, which would hold
    keys and records, at modes and places that the machine's settings choose. May be repeated.
    """
    import resource  # here, so that a laptop without it can still import what only names a file

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def require_private_folder(folder: Path) -> None:
    """Refuse a folder that is missing, a symbolic link, another user's or open to others.

    Raises:
        PrivateFileUnsafe: it names the folder and says what to do.
    """
    try:
        status = folder.lstat()
    except FileNotFoundError:
        raise _missing(folder) from None
    if not stat.S_ISDIR(status.st_mode):
        raise PrivateFileUnsafe(f"{folder} is not a folder itself (symbolic links are refused)")
    _require_own(folder, status, "700")


def require_private_file(path: Path) -> None:
    """As `require_private_folder`, for a regular file.

    Raises:
        PrivateFileUnsafe: it names the file and says what to do.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise _missing(path) from None
    _require_file(path, status)


def make_private_folder(folder: Path) -> None:
    """Make a folder of mode 0700.

    Raises:
        FileExistsError: there is one.
    """
    folder.mkdir(mode=0o700)
    folder.chmod(0o700)  # mkdir's mode is subject to the umask


def read_private_file(path: Path) -> bytes:
    """The bytes of a private file of at most 1 MiB.

    Raises:
        PrivateFileUnsafe: as `require_private_file`, or the file is larger.
    """
    leave_no_core()
    require_private_file(path)
    # Checked again on the open file: the path could have been replaced in between.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
        _require_file(path, os.fstat(file.fileno()))
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise PrivateFileUnsafe(f"{path} is larger than {_MAX_BYTES} bytes")
    return data


def write_private_file(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600, durable when this returns.

    Raises:
        FileExistsError: there is one; secrets are never overwritten.
        OSError: it could not be written, on a full disk for instance; there is no file.
    """
    # As chain.new_file does, which an app that was approved earlier may lack: a message takes
    # chain from its app, and this from the site.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()  # else it would be taken for a secret, and be in the way of the next one
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's list of names durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _missing(path: Path) -> PrivateFileUnsafe:
    return PrivateFileUnsafe(f"{path} does not exist; check the path, or restore a backup")


def _require_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileUnsafe(f"{path} is not a plain file itself (symbolic links are refused)")
    _require_own(path, status, "600")


def _require_own(path: Path, status: os.stat_result, mode: str) -> None:
    if status.st_uid != os.geteuid():
        raise PrivateFileUnsafe(f"{path} belongs to another user; give it to the site's user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        command = f"chmod {mode} {shlex.quote(str(path))}"
        raise PrivateFileUnsafe(f"{path} is open to other users; run: {command}")
