"""What is known of each contract without a compiler: its ABI, its code and where its proofs look.

The three contracts that evidence proves are `chain.events.CONTRACT_NAMES`; beside them a deployment
has `FURTHER_NAMES`; an `Origin` makes the three, and `GuardianAccounts` `GuardianAccount`s.

The files `chain/abi/<Contract>.json` are written by `python -m chain.compile --write`, committed.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chain.events import CONTRACT_NAMES, ContractName
from chain.light_dataclass import light_dataclass

FurtherName = Literal[
    "ERC7913P256Verifier",
    "ERC7913WebAuthnVerifier",
    "Consortium",
    "AccessManager",
    "GuardianAccounts",
]
AnyName = ContractName | FurtherName | Literal["GuardianAccount", "Origin"]

FURTHER_NAMES: tuple[FurtherName, ...] = (
    "ERC7913P256Verifier",
    "ERC7913WebAuthnVerifier",
    "Consortium",
    "AccessManager",
    "GuardianAccounts",
)
DEPLOYED_NAMES: tuple[ContractName | FurtherName, ...] = (*CONTRACT_NAMES, *FURTHER_NAMES)
ALL_NAMES: tuple[AnyName, ...] = (*DEPLOYED_NAMES, "GuardianAccount", "Origin")

FOLDER = Path(__file__).resolve().parent / "abi"


@light_dataclass(frozen=True)
class Artifact:
    """One contract.

    `runtime` is its code with zeros where constructors write immutables, at the (start, length)
    places of `immutable_references`, in bytes. `storage` maps the name of an ERC-7201 namespace to
    its 32-byte location. `creation_hash` is keccak256 of the code that creates it, without
    arguments; `creation` is that code, kept of the Origin alone, whose address is a hash of it.
    """

    contract: AnyName
    abi: list[dict[str, Any]]
    runtime: bytes
    immutable_references: tuple[tuple[int, int], ...]
    storage: dict[str, bytes]
    creation_hash: bytes
    creation: bytes | None

    @property
    def code_hash(self) -> bytes:
        """keccak256 of the code with its immutables zeroed."""
        return self.hash_of(self.runtime)

    def hash_of(self, code: bytes) -> bytes:
        """keccak256 of some deployed code with this contract's immutables zeroed."""
        return keccak(self.zeroed(code))

    def zeroed(self, code: bytes) -> bytes:
        """Some deployed code with this contract's immutables zeroed; of its own code, `runtime`."""
        zeroed = bytearray(code)
        for start, length in self.immutable_references:
            zeroed[start : start + length] = bytes(len(zeroed[start : start + length]))
        return bytes(zeroed)

    def to_text(self) -> str:
        """The file's content: an entry of the ABI a line, for these files travel in the app."""
        value = {
            "contract": self.contract,
            "abi": self.abi,
            "runtime": "0x" + self.runtime.hex(),
            "immutable_references": [list(place) for place in self.immutable_references],
            "code_hash": "0x" + self.code_hash.hex(),
            "storage": {name: "0x" + slot.hex() for name, slot in self.storage.items()},
            "creation_hash": "0x" + self.creation_hash.hex(),
            "creation": None if self.creation is None else "0x" + self.creation.hex(),
        }
        entries = ",\n".join(_compact(entry) for entry in self.abi)
        rest = [f"{_compact(name)}:{_compact(one)}" for name, one in value.items() if name != "abi"]
        return "{" + ",\n".join([*rest, f'"abi":[\n{entries}\n]']) + "}\n"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


@cache
def artifact(contract: AnyName) -> Artifact:
    """The committed artifact. Raises FileNotFoundError when it was never written."""
    value = json.loads((FOLDER / f"{contract}.json").read_text(encoding="utf-8"))
    return Artifact(
        value["contract"],
        value["abi"],
        bytes.fromhex(value["runtime"][2:]),
        tuple((start, length) for start, length in value["immutable_references"]),
        {name: bytes.fromhex(slot[2:]) for name, slot in value["storage"].items()},
        bytes.fromhex(value["creation_hash"][2:]),
        None if value["creation"] is None else bytes.fromhex(value["creation"][2:]),
    )


def storage_location(namespace: str) -> bytes:
    """ERC-7201: keccak256(keccak256(namespace) - 1) with the last byte cleared."""
    inner = int.from_bytes(keccak(text=namespace)) - 1
    return keccak(inner.to_bytes(32))[:31] + b"\0"


def storage_locations(contract: AnyName) -> dict[str, bytes]:
    """The namespaces of a contract that evidence proves (contracts/interfaces)."""
    names = ["assent.storage.RunningHash"] if contract in CONTRACT_NAMES else []
    if contract == "RoundLedger":
        names.append("assent.storage.Budget")
    return {name: storage_location(name) for name in names}


def mapping_slot(study_id: int, location: bytes) -> bytes:
    """The 32-byte slot of `mapping(uint64 => ...)[study_id]` at a location (Solidity's layout)."""
    return keccak(encode(["uint64", "bytes32"], [study_id, location]))
