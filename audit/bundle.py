"""The folder that holds everything needed to verify a study offline, and its strict reader.

bundle.json names the chain id, contracts, study and block, and every other file with size and
SHA-256. It does not name the genesis block: nothing in a bundle could prove it.
chain/ holds the evidence of the chain, documents/<version>/ what terms fix by hash, objects/<cid>
manifests, masked vectors and checkpoints.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from audit import canonical_json, fields
from audit.cid import MAX_OBJECT_BYTES, cid_of, sha256
from audit.errors import AuditError, BundleUnusable
from audit.manifest import Contracts
from chain.events import ContractName

SCHEMA = "assent-bundle-1"
INDEX = "bundle.json"
EVIDENCE_FILES = ("chain/code.json", "chain/events.json", "chain/header.rlp", "chain/proofs.json")
DOCUMENT_NAMES = ("app.fab", "consent-text.json", "dpia", "protocol", "recipe.json")
MAX_FILES = 100_000
MAX_FILE_BYTES = 256 << 20
MAX_TOTAL_BYTES = 1 << 30

_PATHS = re.compile(
    r"chain/(?:code\.json|events\.json|header\.rlp|proofs\.json)"
    r"|documents/[1-9][0-9]{0,9}/(?:app\.fab|consent-text\.json|dpia|protocol|recipe\.json)"
    r"|objects/b[a-z2-7]{58}"
)


@dataclass(frozen=True)
class FileEntry:
    """What bundle.json says of one file."""

    sha256: bytes
    bytes: int


@dataclass(frozen=True)
class Bundle:
    """A bundle as read; nothing in it is verified but its shape.

    ``listed``: what bundle.json says of each path. ``files``: what the folder holds, by path. The
    two may differ, which the verifier reports.
    """

    contracts: Contracts
    study: int
    block_number: int
    block_hash: bytes
    listed: dict[str, FileEntry]
    files: dict[str, bytes]

    def object(self, digest_cid: str) -> bytes | None:
        """An object's bytes by its CID; None when the bundle lacks it."""
        return self.files.get(f"objects/{digest_cid}")

    def document(self, version: int, name: str) -> bytes | None:
        """A document's bytes by version and name; None when the bundle lacks it."""
        return self.files.get(f"documents/{version}/{name}")


class NamedBlock(Protocol):
    """A block by number and hash."""

    @property
    def number(self) -> int: ...

    @property
    def hash(self) -> bytes: ...


class NamedAccount(Protocol):
    """A contract by name and EIP-55 address."""

    @property
    def contract(self) -> ContractName: ...

    @property
    def address(self) -> str: ...


class EvidenceSource(Protocol):
    """What `chain.evidence.collect` gathers."""

    @property
    def chain_id(self) -> int: ...

    @property
    def study_id(self) -> int: ...

    @property
    def block(self) -> NamedBlock: ...

    @property
    def accounts(self) -> Sequence[NamedAccount]: ...

    def to_files(self) -> dict[str, bytes]: ...


def write_bundle(
    folder: Path,
    evidence: EvidenceSource,
    documents: Mapping[str, bytes],
    objects: Mapping[str, bytes],
) -> None:
    """Write a bundle into an absent or empty folder.

    ``documents``: by path, documents/<version>/<name>; ``objects``: by CID.
    Raises AuditError when a path is not a bundle's, an object is too large or not the one that its
    CID names, or the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise AuditError(f"the bundle folder {folder} is not empty; give an absent or empty one")
    files = {**evidence.to_files(), **documents}
    for cid, data in objects.items():
        if cid_of(data) != cid:
            raise AuditError(f"object {cid} holds other bytes than its CID names")
        files[f"objects/{cid}"] = data
    for path, data in files.items():
        if not _PATHS.fullmatch(path) or len(data) > MAX_FILE_BYTES:
            raise AuditError(f"a bundle cannot hold {path!r} of {len(data)} bytes")
    files[INDEX] = _index(evidence, files)
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _index(evidence: EvidenceSource, files: Mapping[str, bytes]) -> bytes:
    addresses = {account.contract: account.address for account in evidence.accounts}
    index = {
        "schema": SCHEMA,
        "chain_id": evidence.chain_id,
        "contracts": {
            "registry": addresses["StudyRegistry"],
            "consent_token": addresses["ConsentToken"],
            "ledger": addresses["RoundLedger"],
        },
        "study": evidence.study_id,
        "block": {"number": evidence.block.number, "hash": fields.hex_of(evidence.block.hash)},
        "files": {
            path: {"sha256": fields.hex_of(sha256(data)), "bytes": len(data)}
            for path, data in files.items()
        },
    }
    return canonical_json.dumps(index)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle folder.

    Raises BundleUnusable when it is no folder, bundle.json is missing or not a bundle's index, a
    name in it is not a bundle's, something in it is not a plain file, or sizes exceed the limits.
    """
    try:
        files = _read_files(folder)
    except OSError as error:
        raise BundleUnusable(f"cannot read {folder}: {error.strerror}") from error
    if INDEX not in files:
        raise BundleUnusable(f"{folder} holds no {INDEX}: it is not a bundle")
    try:
        index = canonical_json.loads(files.pop(INDEX), INDEX)
        return _from_index(index, files)
    except (fields.FieldInvalid, AuditError) as error:
        raise BundleUnusable(f"{INDEX}: {error}") from error


def _read_files(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise BundleUnusable(f"{folder} is not a folder")
    files: dict[str, bytes] = {}
    total = 0
    pending = [folder]
    while pending:
        for entry in os.scandir(pending.pop()):
            path = Path(entry.path)
            name = path.relative_to(folder).as_posix()
            if entry.is_dir(follow_symlinks=False) and name.count("/") < 2:
                pending.append(path)
                continue
            if name != INDEX and not _PATHS.fullmatch(name):
                raise BundleUnusable(f"{name!r} has no place in a bundle; remove it")
            files[name] = _read_plain(path, name)
            total += len(files[name])
            if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES:
                raise BundleUnusable(
                    f"a bundle has at most {MAX_FILES} files and {MAX_TOTAL_BYTES} bytes"
                )
    return files


def _read_plain(path: Path, name: str) -> bytes:
    limit = MAX_OBJECT_BYTES if name.startswith("objects/") else MAX_FILE_BYTES
    # no symbolic link, and no waiting on a pipe that somebody put there
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BundleUnusable(f"{name!r} is not a plain file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BundleUnusable(f"{name!r} is larger than {limit} bytes")
    return data


def _from_index(index: Any, files: dict[str, bytes]) -> Bundle:
    names = ("schema", "chain_id", "contracts", "study", "block", "files")
    fields.members(index, names, "the index")
    if index["schema"] != SCHEMA:
        raise BundleUnusable(f"unknown schema {index['schema']!r}")
    contracts = fields.members(
        index["contracts"], ("registry", "consent_token", "ledger"), "contracts"
    )
    block = fields.members(index["block"], ("number", "hash"), "block")
    if not isinstance(index["files"], dict) or len(index["files"]) > MAX_FILES:
        raise BundleUnusable(f"files must be an object of at most {MAX_FILES} members")
    return Bundle(
        contracts=Contracts(
            fields.integer(index["chain_id"], "chain_id", 1),
            fields.address(contracts["registry"], "contracts.registry"),
            fields.address(contracts["consent_token"], "contracts.consent_token"),
            fields.address(contracts["ledger"], "contracts.ledger"),
        ),
        study=fields.integer(index["study"], "study", 1),
        block_number=fields.integer(block["number"], "block.number"),
        block_hash=fields.bytes32(block["hash"], "block.hash"),
        listed={path: _entry(path, value) for path, value in index["files"].items()},
        files=files,
    )


def _entry(path: str, value: Any) -> FileEntry:
    if not _PATHS.fullmatch(path):
        raise fields.FieldInvalid(f"{path!r} has no place in a bundle")
    fields.members(value, ("sha256", "bytes"), f"files[{path!r}]")
    return FileEntry(
        fields.bytes32(value["sha256"], f"files[{path!r}].sha256"),
        fields.integer(value["bytes"], f"files[{path!r}].bytes", 0, MAX_FILE_BYTES),
    )
