"""Writes a bundle's folder, one object at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from audit import canonical_json
from audit.bundle_index import INDEX, OBJECTS, PATHS, FileEntry, Index, limit_of
from audit.car import write_car
from audit.cid import sha256
from audit.errors import AuditError
from audit.known_code import known_code
from audit.manifest import Contracts
from chain.events import CONTRACT_NAMES, ContractName
from chain.origin import Origin

ABI = "chain/abi.json"


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
    def origin(self) -> Origin: ...

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

    ``documents``: by path, documents/<version>/<name>; ``objects``: by CID, each asked for once,
    when it is written. The folder is there whole or not at all.
    Raises AuditError when a path is not a bundle's, an object is too large or not the one that its
    CID names, or the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise AuditError(f"the bundle folder {folder} is not empty; give an absent or empty one")
    files = {**evidence.to_files(), ABI: interfaces(), **documents}
    for path, data in files.items():
        if not PATHS.fullmatch(path) or len(data) > limit_of(path):
            raise AuditError(f"a bundle cannot hold {path!r} of {len(data)} bytes")
    target = folder.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as beside:
        work = Path(beside, "bundle")
        work.mkdir()
        with (work / OBJECTS).open("xb") as file:
            root = write_car(file, objects)
        files[INDEX] = _index(evidence, files, root).to_bytes()
        for path, data in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(data)
        work.replace(target)


@cache
def interfaces() -> bytes:
    """chain/abi.json: by contract what Solidity says of its functions, events and errors, so that
    the bundle's events can be read without this release.
    """
    return canonical_json.dumps({name: known_code(name).abi for name in CONTRACT_NAMES})


def _index(evidence: EvidenceSource, files: Mapping[str, bytes], root: str) -> Index:
    addresses = {account.contract: account.address for account in evidence.accounts}
    return Index(
        contracts=Contracts(
            evidence.chain_id,
            addresses["StudyRegistry"],
            addresses["ConsentToken"],
            addresses["RoundLedger"],
        ),
        origin=evidence.origin,
        study=evidence.study_id,
        block_number=evidence.block.number,
        block_hash=evidence.block.hash,
        listed={path: FileEntry(sha256(data), len(data)) for path, data in files.items()},
        root=root,
    )
