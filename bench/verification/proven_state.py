"""Evidence of a chain that never was: a state of three contracts, whatever events they emitted.

The trie, the proofs, the header and the running hashes are real ones (yellow paper, section 4.3 and
appendix D; EIP-1186); only no validator ever agreed to the block. So whoever trusts its hash, as a
bench or a test of lies does, finds everything proven that was put in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import rlp
from eth_utils.crypto import keccak
from trie.constants import BLANK_NODE_HASH
from trie.hexary import HexaryTrie

from audit import canonical_json
from audit.bundle import Bundle
from audit.fields import hex_of
from audit.known_code import known_code
from audit.manifest import Contracts
from audit.proofs import parse_header
from chain.events import CONTRACT_NAMES, NOTHING_YET, ContractName, EventRecord, advance

RUNNING_HASH, BUDGET = "assent.storage.RunningHash", "assent.storage.Budget"
_EMPTY_LIST = keccak(rlp.encode([]))

Slot = tuple[ContractName, str, int]
"""A contract, a namespace of its storage, and the study whose entry it is."""


@dataclass(frozen=True)
class Block:
    """The block that the evidence is of; ``timestamp`` in seconds."""

    number: int
    timestamp: int
    parent_hash: bytes = bytes(32)


@dataclass
class ProvenState:
    """What three contracts hold: their code, and the slots that a bundle proves.

    ``slots``: values (32 bytes) that are to be other than what the events make them.
    """

    contracts: Contracts
    study: int
    code: Mapping[ContractName, bytes]
    block: Block
    slots: dict[Slot, bytes] = field(default_factory=dict)

    def address(self, contract: ContractName) -> str:
        deployed = self.contracts
        return dict(
            zip(
                CONTRACT_NAMES,
                (deployed.registry, deployed.consent_token, deployed.ledger),
                strict=True,
            )
        )[contract]

    def evidence(self, records: Sequence[EventRecord], rho_spent: int) -> dict[str, bytes]:
        """The chain/ files of a bundle that proves these events and this budget (1e-18)."""
        values = running_hashes(records, self.study)
        values["RoundLedger", BUDGET, self.study] = rho_spent.to_bytes(32, "big")
        values |= self.slots
        tries = {name: self._storage(name, values) for name in CONTRACT_NAMES}
        state = HexaryTrie({})
        accounts = {}
        for name in CONTRACT_NAMES:
            accounts[name] = (1, 0, tries[name].root_hash, keccak(self.code[name]))
            state[_key_of(self.address(name))] = rlp.encode(list(accounts[name]))
        proofs = []
        for name in CONTRACT_NAMES:
            nonce, balance, storage_root, code_hash = accounts[name]
            proofs.append(
                {
                    "contract": name,
                    "address": self.address(name),
                    "nonce": str(nonce),
                    "balance": str(balance),
                    "storage_hash": hex_of(storage_root),
                    "code_hash": hex_of(code_hash),
                    "account_proof": _proof(state, _key_of(self.address(name))),
                    "storage": [
                        self._slot_json(slot, values[slot], tries[name])
                        for slot in values
                        if slot[0] == name
                    ],
                }
            )
        code = {name: hex_of(data) for name, data in self.code.items()}
        return {
            "chain/header.rlp": self._header(state.root_hash),
            "chain/proofs.json": canonical_json.dumps(proofs),
            "chain/code.json": canonical_json.dumps(code),
            "chain/events.json": canonical_json.dumps([record.to_json() for record in records]),
        }

    def _storage(self, contract: ContractName, values: Mapping[Slot, bytes]) -> HexaryTrie:
        trie = HexaryTrie({})
        for (name, namespace, study), value in values.items():
            if name == contract and any(value):
                slot = known_code(contract).mapping_slot(namespace, study)
                trie[keccak(slot)] = rlp.encode(value.lstrip(b"\0"))
        return trie

    def _slot_json(self, slot: Slot, value: bytes, trie: HexaryTrie) -> dict[str, object]:
        contract, namespace, study = slot
        key = known_code(contract).mapping_slot(namespace, study)
        return {
            "namespace": namespace,
            "study": study,
            "key": hex_of(key),
            "value": hex_of(value),
            "proof": _proof(trie, keccak(key)),
        }

    def _header(self, state_root: bytes) -> bytes:
        block = self.block
        fields: list[bytes | int] = [
            block.parent_hash,
            _EMPTY_LIST,
            bytes(20),
            state_root,
            BLANK_NODE_HASH,
            BLANK_NODE_HASH,
            bytes(256),
            0,
            block.number,
            30_000_000,
            0,
            block.timestamp,
            b"",
            bytes(32),
            bytes(8),
            10**9,
        ]
        header: bytes = rlp.encode(fields)
        return header


def running_hashes(records: Sequence[EventRecord], study: int) -> dict[Slot, bytes]:
    """The slots of the running hashes after these events, by slot."""
    latest: dict[tuple[ContractName, int], bytes] = {
        (name, study): NOTHING_YET for name in CONTRACT_NAMES
    }
    latest["StudyRegistry", 0] = NOTHING_YET
    for record in records:
        key = (record.contract, record.study_id)
        latest[key] = advance(latest.get(key, NOTHING_YET), record)
    return {(name, RUNNING_HASH, number): value for (name, number), value in latest.items()}


def state_of(bundle: Bundle, code: Mapping[ContractName, bytes]) -> ProvenState:
    """A state like the one that a bundle proves, at a block of the same number, time and parent."""
    header = parse_header(bundle.files["chain/header.rlp"])
    block = Block(header.number, header.timestamp, header.parent_hash)
    return ProvenState(bundle.contracts, bundle.study, code, block)


def _key_of(address: str) -> bytes:
    return keccak(bytes.fromhex(address[2:]))


def _proof(trie: HexaryTrie, key: bytes) -> list[str]:
    """The nodes on the way to a key; those shorter than a hash lie within their parent."""
    if trie.root_hash == BLANK_NODE_HASH:
        return []
    nodes = [rlp.encode(node) for node in trie.get_proof(key)]
    return [hex_of(node) for place, node in enumerate(nodes) if place == 0 or len(node) >= 32]
