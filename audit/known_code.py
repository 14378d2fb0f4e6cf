"""The contracts of this release as data: code hash, places of immutables, storage locations.

Read from chain/abi/<Contract>.json, which a test of chain/ holds equal to a fresh compile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chain.events import ContractName


@dataclass(frozen=True)
class KnownCode:
    """``code_hash``: keccak256 of the runtime code with immutables zeroed. ``places``: (start,
    length) of each immutable in it, bytes. ``storage``: ERC-7201 namespace to 32-byte location.
    ``abi``: its interface as Solidity's compiler gives it.
    """

    code_hash: bytes
    length: int
    places: tuple[tuple[int, int], ...]
    storage: dict[str, bytes]
    abi: list[Any]

    def masked_hash(self, code: bytes) -> bytes:
        """keccak256 of deployed code with the immutables zeroed."""
        masked = bytearray(code)
        for start, length in self.places:
            masked[start : start + length] = bytes(len(masked[start : start + length]))
        return keccak(bytes(masked))

    def immutables(self, code: bytes) -> set[bytes]:
        """The distinct values that the constructor wrote."""
        return {code[start : start + length] for start, length in self.places}

    def mapping_slot(self, namespace: str, study_id: int) -> bytes:
        """The slot of `mapping(uint64 => ...)[study_id]` at a namespace's location (Solidity's
        storage layout: keccak256 of key and location).
        """
        return keccak(encode(["uint64", "bytes32"], [study_id, self.storage[namespace]]))


@cache
def known_code(contract: ContractName) -> KnownCode:
    """What this release knows of a contract."""
    value = json.loads((files("chain") / "abi" / f"{contract}.json").read_text(encoding="utf-8"))
    runtime = bytes.fromhex(value["runtime"][2:])
    known = KnownCode(
        bytes.fromhex(value["code_hash"][2:]),
        len(runtime),
        tuple((start, length) for start, length in value["immutable_references"]),
        {name: bytes.fromhex(slot[2:]) for name, slot in value["storage"].items()},
        value["abi"],
    )
    if known.masked_hash(runtime) != known.code_hash:
        raise ValueError(f"chain/abi/{contract}.json does not agree with itself: run `make setup`")
    return known
