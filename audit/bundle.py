"""Everything needed to verify a study offline, as a folder or as one file, and its strict reader.

bundle.json names the chain id, contracts, what made them, study and block, every other file with
size and SHA-256, and the root of the objects. It does not name the genesis block: nothing in a
bundle could prove it. chain/ holds the evidence of the chain and the contracts' interfaces,
documents/<version>/ what terms fix by hash, objects.car manifests, masked vectors and checkpoints
(`audit.car`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audit.bundle_archive import read_archive
from audit.bundle_index import (
    INDEX,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    OBJECTS,
    PATHS,
    FileEntry,
    limit_of,
    parse_index,
)
from audit.car import CarObjects
from audit.errors import AuditError, BundleUnusable
from audit.manifest import Contracts
from chain.origin import Origin

EVIDENCE_FILES = (
    "chain/abi.json",
    "chain/code.json",
    "chain/events.json",
    "chain/header.rlp",
    "chain/proofs.json",
)
DOCUMENT_NAMES = ("app.fab", "consent-text.json", "dpia", "protocol", "recipe.json")


@dataclass(frozen=True)
class Bundle:
    """A bundle as read; nothing in it is verified but its shape.

    ``listed``: what bundle.json says of each path. ``files``: what is there, by path. ``objects``:
    what objects.car holds, by CID; one object is in memory at a time. ``root``: the root that
    bundle.json says it has. What is listed and what is there may differ, which the verifier
    reports.
    """

    contracts: Contracts
    origin: Origin
    study: int
    block_number: int
    block_hash: bytes
    listed: Mapping[str, FileEntry]
    files: Mapping[str, bytes]
    objects: Mapping[str, bytes]
    root: str

    def document(self, version: int, name: str) -> bytes | None:
        """A document's bytes by version and name; None when the bundle lacks it."""
        return self.files.get(f"documents/{version}/{name}")


def read_bundle(path: Path) -> Bundle:
    """Read a bundle's folder, or the one file that `write_archive` made of it.

    Raises BundleUnusable when it is neither, bundle.json is missing or not a bundle's index, a
    name in it is not a bundle's, something in it is not a plain file, objects.car is not what
    `audit.car` writes, or sizes exceed the limits.
    """
    try:
        if path.is_dir():
            # first, so that a bundle of another schema is called that
            index = parse_index(_read_index(path))
            files, objects = _read_folder(path)
        else:
            files, objects = read_archive(path)
            index = parse_index(files.pop(INDEX, b""))
    except OSError as error:
        raise BundleUnusable(f"cannot read {path}: {error.strerror}") from error
    if objects is None:
        raise BundleUnusable(f"{path} holds no {OBJECTS}, where a bundle keeps its objects")
    return Bundle(
        contracts=index.contracts,
        origin=index.origin,
        study=index.study,
        block_number=index.block_number,
        block_hash=index.block_hash,
        listed=index.listed,
        files=files,
        objects=objects,
        root=index.root,
    )


def _read_index(folder: Path) -> bytes:
    try:
        return _read_plain(folder / INDEX, INDEX)
    except FileNotFoundError:
        raise BundleUnusable(f"{folder} holds no {INDEX}: it is not a bundle") from None


def _read_folder(folder: Path) -> tuple[dict[str, bytes], CarObjects | None]:
    files: dict[str, bytes] = {}
    objects = None
    total = 0
    pending = [folder]
    while pending:
        for entry in os.scandir(pending.pop()):
            path = Path(entry.path)
            name = path.relative_to(folder).as_posix()
            if entry.is_dir(follow_symlinks=False) and name.count("/") < 2:
                pending.append(path)
            elif name == OBJECTS:
                objects = _open_objects(path)
            elif name == INDEX:
                continue
            elif not PATHS.fullmatch(name):
                raise BundleUnusable(f"{name!r} has no place in a bundle; remove it")
            else:
                files[name] = _read_plain(path, name)
                total += len(files[name])
            if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES:
                raise BundleUnusable(
                    f"a bundle has at most {MAX_FILES} files and, without its objects,"
                    f" {MAX_TOTAL_BYTES} bytes"
                )
    return files, objects


def _open_objects(path: Path) -> CarObjects:
    try:
        return CarObjects(path)
    except AuditError as error:
        raise BundleUnusable(f"{OBJECTS}: {error}") from error


def _read_plain(path: Path, name: str) -> bytes:
    # no symbolic link, and no waiting on a pipe that somebody put there
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BundleUnusable(f"{name!r} is not a plain file")
        data = file.read(min(status.st_size, limit_of(name)) + 1)
    if len(data) > limit_of(name):
        raise BundleUnusable(f"{name!r} is larger than {limit_of(name)} bytes")
    return data
