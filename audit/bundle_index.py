"""bundle.json: what it says of everything else in a bundle, written and strictly read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit import canonical_json, fields
from audit.errors import AuditError, BundleUnusable
from audit.manifest import Contracts
from chain.origin import Origin

SCHEMA = "assent-bundle-3"
INDEX = "bundle.json"
OBJECTS = "objects.car"
ABOUT = (
    "Evidence of one study of Assent. Whoever gave you this need not be believed: ask two sites,"
    " over a channel that the coordinator does not control, which hash their own nodes have for"
    " the block named here (`assent study block NUMBER`). Then, on any machine and with no"
    " network: `assent verify THIS --trust-block HASH --deployment FILE`, with the deployment file"
    " as those sites have it."
)
"""The one text that `about` may hold: a text of the sender's own could name a hash to trust."""
MAX_FILES = 50_000
MAX_FILE_BYTES = 256 << 20
MAX_PARSED_BYTES = 8 << 20
"""Of a file that is one JSON value before it is anything else: a value of small parts takes fifty
times as many bytes in memory. An index of MAX_FILES has fewer, and proofs and code have far fewer.
"""
MAX_TOTAL_BYTES = 1 << 30
"""Of all files but objects.car: they stay in memory while a study is verified."""

PATHS = re.compile(
    r"chain/(?:abi\.json|code\.json|events\.json|header\.rlp|proofs\.json)"
    r"|documents/[1-9][0-9]{0,9}/(?:app\.fab|consent-text\.json|dpia|protocol|recipe\.json)"
)
"""Every file that a bundle may hold beside bundle.json and objects.car: all lower case, so that no
two are the same file on any file system.
"""


def limit_of(name: str) -> int:
    """How many bytes a file may have, by its path; objects.car has a limit of its own."""
    is_parsed = name == INDEX or (name.startswith("chain/") and name != "chain/events.json")
    return MAX_PARSED_BYTES if is_parsed else MAX_FILE_BYTES


@dataclass(frozen=True)
class FileEntry:
    """What bundle.json says of one file."""

    sha256: bytes
    bytes: int


@dataclass(frozen=True)
class Index:
    """bundle.json. ``listed``: its files by path; ``root``: the root of its objects, a CID."""

    contracts: Contracts
    origin: Origin
    study: int
    block_number: int
    block_hash: bytes
    listed: Mapping[str, FileEntry]
    root: str

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json.dumps(
            {
                "schema": SCHEMA,
                "about": ABOUT,
                "chain_id": self.contracts.chain_id,
                "contracts": {
                    "registry": self.contracts.registry,
                    "consent_token": self.contracts.consent_token,
                    "ledger": self.contracts.ledger,
                },
                "origin": {"maker": self.origin.maker, "authority": self.origin.authority},
                "study": self.study,
                "block": {"number": self.block_number, "hash": fields.hex_of(self.block_hash)},
                "files": {
                    path: {"sha256": fields.hex_of(entry.sha256), "bytes": entry.bytes}
                    for path, entry in self.listed.items()
                },
                "objects": self.root,
            }
        )


def parse_index(data: bytes) -> Index:
    """What `to_bytes` gave. Raises BundleUnusable for anything else."""
    try:
        return _index(canonical_json.loads(data, INDEX))
    except (fields.FieldInvalid, AuditError) as error:
        raise BundleUnusable(f"{INDEX}: {error}") from error


def _index(index: Any) -> Index:
    _check_schema(index)
    names = ("schema", "about", "chain_id", "contracts", "origin", "study", "block")
    fields.members(index, (*names, "files", "objects"), "the index")
    if index["about"] != ABOUT:
        raise fields.FieldInvalid("about is not the text that every bundle has")
    contracts = fields.members(
        index["contracts"], ("registry", "consent_token", "ledger"), "contracts"
    )
    origin = fields.members(index["origin"], ("maker", "authority"), "origin")
    block = fields.members(index["block"], ("number", "hash"), "block")
    if not isinstance(index["files"], dict) or len(index["files"]) > MAX_FILES:
        raise fields.FieldInvalid(f"files must be an object of at most {MAX_FILES} members")
    return Index(
        contracts=Contracts(
            fields.integer(index["chain_id"], "chain_id", 1),
            fields.address(contracts["registry"], "contracts.registry"),
            fields.address(contracts["consent_token"], "contracts.consent_token"),
            fields.address(contracts["ledger"], "contracts.ledger"),
        ),
        origin=Origin(
            fields.address(origin["maker"], "origin.maker"),
            fields.address(origin["authority"], "origin.authority"),
        ),
        study=fields.integer(index["study"], "study", 1),
        block_number=fields.integer(block["number"], "block.number"),
        block_hash=fields.bytes32(block["hash"], "block.hash"),
        listed={path: _entry(path, value) for path, value in index["files"].items()},
        root=_root(index["objects"]),
    )


def _check_schema(index: Any) -> None:
    schema = index.get("schema") if isinstance(index, dict) else None
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and re.fullmatch(r"assent-bundle-[0-9]{1,9}", schema):
        raise BundleUnusable(
            f"the bundle is of schema {schema}, this release reads {SCHEMA}: verify it with the"
            " release that wrote it, or gather it again with `assent study bundle`"
        )
    raise fields.FieldInvalid(f"schema must be {SCHEMA!r}")


def _entry(path: str, value: Any) -> FileEntry:
    if not PATHS.fullmatch(path):
        raise fields.FieldInvalid(f"{path!r} has no place in a bundle")
    fields.members(value, ("sha256", "bytes"), f"files[{path!r}]")
    return FileEntry(
        fields.bytes32(value["sha256"], f"files[{path!r}].sha256"),
        fields.integer(value["bytes"], f"files[{path!r}].bytes", 0, limit_of(path)),
    )


def _root(value: Any) -> str:
    found = fields.text(value, "objects")
    if not re.fullmatch("bafyrei[a-z2-7]{52}", found):
        raise fields.FieldInvalid(f"objects must be the root of {OBJECTS}, a CID in DAG-CBOR")
    return found
