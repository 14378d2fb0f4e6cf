"""A bundle as one file: a tar archive (POSIX ustar) that can only be written in one way.

Its entries are the bundle's files below `bundle/`, in the order of their names, owned by nobody
and as old as 1970, uncompressed: `tar xf` unpacks it anywhere, the same bundle always makes the
same file, and the reader compares every byte around the contents with what the writer would have
written. So it holds no link, no folder, no odd path, no name twice and nothing that grows.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from pathlib import Path
from typing import BinaryIO

from audit.bundle_index import (
    INDEX,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    OBJECTS,
    PATHS,
    limit_of,
)
from audit.car import CarObjects
from audit.errors import AuditError, BundleUnusable

_TOP = "bundle/"
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
MAX_OBJECTS_BYTES = (8 << 30) - 1
"""ustar writes a size in eleven octal digits."""


def write_archive(bundle: Path, target: Path) -> None:
    """Pack a bundle's folder into a new file.

    Raises AuditError when the folder holds something that is no bundle's or objects.car has more
    than 8 GiB, FileExistsError, OSError.
    """
    paths = {path.relative_to(bundle).as_posix(): path for path in bundle.rglob("*")}
    names = sorted(name for name, path in paths.items() if not path.is_dir() or path.is_symlink())
    with target.open("xb") as out:
        for name in names:
            size = paths[name].lstat().st_size
            _check_name(name)
            if size > _limit(name):
                raise AuditError(f"{name} has {size} bytes: too many for a bundle in one file")
            out.write(_header(name, size))
            with paths[name].open("rb") as file:
                shutil.copyfileobj(file, out)
            out.write(bytes(-size % _BLOCK))
        out.write(_END)


def read_archive(path: Path) -> tuple[dict[str, bytes], CarObjects | None]:
    """The files of an archive by path, and its objects, which are read from it when asked for.

    Raises BundleUnusable when it is not what `write_archive` makes of some folder, OSError.
    """
    with open(path, "rb", opener=_open_plain) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BundleUnusable(f"{path} is neither a folder nor a plain file")
        files: dict[str, bytes] = {}
        objects = None
        last, total = "", 0
        while (entry := _next_entry(file, path)) is not None:
            name, size = entry
            if name <= last:
                raise _unusable(path, f"{name!r} is out of order or there twice")
            last = name
            if name == OBJECTS:
                objects = _open_objects(path, file.tell(), size)
                file.seek(size, os.SEEK_CUR)
            else:
                total += size
                if total > MAX_TOTAL_BYTES or len(files) == MAX_FILES:
                    raise _unusable(path, "it holds more than a bundle may")
                files[name] = _read(file, size, path)
            if any(_read(file, -size % _BLOCK, path)):
                raise _unusable(path, f"something stands between {name!r} and what follows it")
        return files, objects


def _next_entry(file: BinaryIO, path: Path) -> tuple[str, int] | None:
    """An entry's name below bundle/ and its size; None at the end of the archive."""
    position = file.tell()
    block = file.read(_BLOCK)
    if position > 0 and len(block) < _BLOCK:
        raise _unusable(path, "it is cut off: its end is missing")
    if block == _END[:_BLOCK] and position > 0:
        rest = file.read(_BLOCK + 1)
        if len(rest) < _BLOCK:
            raise _unusable(path, "it is cut off: its end is missing")
        if rest != _END[_BLOCK:]:
            raise _unusable(path, "something follows its end")
        return None
    try:
        name = block[:100].rstrip(b"\0").decode("ascii").removeprefix(_TOP)
        size = int(block[124:135].decode("ascii"), 8)
        _check_name(name)
    except (AuditError, ValueError):
        raise _unusable(path, f"byte {position} does not begin a file of a bundle") from None
    if block != _header(name, size):
        raise _unusable(path, f"the entry of {name!r} is not as it is written here")
    if size > _limit(name):
        raise BundleUnusable(f"{name!r} in {path} is larger than {_limit(name)} bytes")
    if size > os.fstat(file.fileno()).st_size - file.tell():
        raise _unusable(path, f"it ends too early, within {name!r}")
    return name, size


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(_TOP + name)
    entry.size = size
    return entry.tobuf(tarfile.USTAR_FORMAT)


def _check_name(name: str) -> None:
    if name not in (INDEX, OBJECTS) and not PATHS.fullmatch(name):
        raise AuditError(f"{name!r} has no place in a bundle; remove it")


def _limit(name: str) -> int:
    return MAX_OBJECTS_BYTES if name == OBJECTS else limit_of(name)


def _read(file: BinaryIO, size: int, path: Path) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise _unusable(path, "it ends too early")
    return data


def _open_objects(path: Path, start: int, length: int) -> CarObjects:
    try:
        return CarObjects(path, start, length)
    except AuditError as error:
        raise BundleUnusable(f"{OBJECTS} in {path}: {error}") from error


def _open_plain(path: str, flags: int) -> int:
    # no symbolic link, and no waiting on a pipe that somebody put there
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _unusable(path: Path, why: str) -> BundleUnusable:
    return BundleUnusable(
        f"{path} is no bundle in one file as `assent study bundle --archive` writes it: {why}."
        " If you packed it yourself, unpack it and verify the folder"
    )
