"""Flower App Bundles (FABs): build one, and name the one that a folder on disk is.

Flower names a FAB by the SHA-256 of its bytes, installs it once under a name that holds only eight
hex digits of that hash, and never looks at the installed files again. `read_fab_folder` closes
that gap: Flower's builder is deterministic (fixed dates, sorted names, entries stored without
compression), so the folder's own bytes give back the archive, and its hash. A file added, changed,
renamed or deleted gives another hash.

The format is that of `flwr.cli.build.build_fab_from_files` in flwr 1.41.0; `libraries.py` refuses
any other version.
"""

import hashlib
import io
import os
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from flwr.cli.build import build_fab_from_disk, write_to_zip
from flwr.common.constant import FAB_CONFIG_FILE, FAB_HASH_TRUNCATION, FAB_MAX_SIZE

CONTENT_FILE = ".info/CONTENT"


class FabError(Exception):
    """A folder is not an installed FAB, or not the one it should be. The message names the file."""


@dataclass(frozen=True)
class FolderFab:
    """What a folder on disk is, as a FAB.

    Attributes
    ----------
    fab_hash: SHA-256 of the canonical FAB, 64 lower-case hex digits.
    file_hashes: SHA-256 (hex) of every file, by POSIX path relative to the folder.
    """

    fab_hash: str
    file_hashes: dict[str, str]


def build_fab(project_dir: Path) -> tuple[bytes, str]:
    """Build the FAB of a Flower project: the bytes, and the hash that reviewers approve.

    Raises
    ------
    FabError: Flower's builder refused the project; its reason is kept.
    """
    try:
        fab = build_fab_from_disk(project_dir)
    except (ValueError, OSError) as error:
        raise FabError(f"{project_dir} cannot be built as a Flower app: {error}") from error
    return fab, hashlib.sha256(fab).hexdigest()


def read_fab_folder(app_dir: Path) -> FolderFab:
    """Read every file of an installed FAB once, and name the FAB that they make.

    Raises
    ------
    FabError: a symbolic or hard link, a device, an empty folder (Python would import it as a
        namespace package, and no hash would show it), a name that is not UTF-8, too many bytes, or
        no `pyproject.toml`.
    """
    contents = _read_files(app_dir)
    if FAB_CONFIG_FILE not in contents:
        raise FabError(f"{app_dir} holds no {FAB_CONFIG_FILE}: it is not an installed Flower app")
    ordered = [FAB_CONFIG_FILE, *sorted(name for name in contents if name != FAB_CONFIG_FILE)]
    hashes = {name: hashlib.sha256(contents[name]).hexdigest() for name in ordered}
    lines = [f"{name},{hashes[name]},{len(contents[name]) * 8}" for name in ordered]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as fab:
        for name in ordered:
            write_to_zip(fab, name, contents[name])
        write_to_zip(fab, CONTENT_FILE, "\n".join(lines))
    return FolderFab(hashlib.sha256(archive.getvalue()).hexdigest(), hashes)


def check_folder_name(app_dir: Path, fab_hash: str) -> None:
    """Refuse a folder that Flower would have named for another FAB (it is tampered or stale).

    Raises
    ------
    FabError: the name does not end in the hash's first eight hex digits.
    """
    if app_dir.name.rpartition(".")[2] != fab_hash[:FAB_HASH_TRUNCATION]:
        raise FabError(
            f"{app_dir} was installed under another hash than its files make ({fab_hash}): a file "
            "was added, changed or removed, or the installation was cut short. Delete the folder; "
            "Flower installs the app again with the next message"
        )


def _read_files(app_dir: Path) -> dict[str, bytes]:
    """Read all regular files under the folder, never through a link."""
    if app_dir.is_symlink() or not app_dir.is_dir():
        raise FabError(f"{app_dir} is not a folder of its own (missing, or a symbolic link)")
    contents: dict[str, bytes] = {}
    total = 0
    # plain strings: paths as objects would cost as much as the reading, for every message
    start = len(os.path.join(app_dir, ""))  # noqa: PTH118
    for folder, subfolders, names in os.walk(str(app_dir), followlinks=False, onerror=_raise):
        if not subfolders and not names:
            raise FabError(f"{folder} is an empty folder: no app bundle holds one")
        for name in subfolders:
            if os.path.islink(f"{folder}/{name}"):  # noqa: PTH114
                raise FabError(f"{Path(folder, name)} is a symbolic link")
        for name in names:
            path = f"{folder}/{name}"
            relative = path[start:]
            if relative == CONTENT_FILE:
                raise FabError(
                    f"{path} was added, changed or removed: Flower installs no such file"
                )
            try:
                relative.encode("utf-8")
            except UnicodeEncodeError as error:
                raise FabError(f"{path!r} has a name that is not UTF-8") from error
            content = _read_regular_file(path, FAB_MAX_SIZE - total)
            total += len(content)
            contents[relative] = content
    return contents


def _read_regular_file(path: str, at_most: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FabError(f"{path} cannot be read as a plain file: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise FabError(f"{path} is not a plain file with one name")
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise FabError(f"{path} makes the app larger than Flower's limit of {FAB_MAX_SIZE} bytes")
    return content


def _raise(error: OSError) -> None:
    raise FabError(f"{error.filename} cannot be read: {error.strerror}") from error
