"""What a verifier without a network needs of the chain: one block's header, proofs, code, events.

The storage proofs show each contract's running hash for the study (and, in the registry, for study
0) and the rho that the ledger charged, so that no event can have been left out. What is gathered
is checked against itself here; `audit` checks the proofs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785
from eth_utils.crypto import keccak
from web3 import Web3

from chain.artifacts import artifact, mapping_slot
from chain.blocks import Block, block_of, header_rlp, raw_block
from chain.chain import Chain
from chain.errors import ArchiveMissing, BadEvidence, RpcRefused
from chain.events import CONTRACT_NAMES, NOTHING_YET, ContractName, EventRecord, advance
from chain.origin import Origin

RUNNING_HASH, BUDGET = "assent.storage.RunningHash", "assent.storage.Budget"


@dataclass(frozen=True)
class StorageProof:
    """One slot: `namespace` and `study_id` say which mapping entry; `value` is its integer."""

    namespace: str
    study_id: int
    key: bytes
    value: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class AccountProof:
    """A contract's account under the block's state root, and slots under its storage root.

    Proofs are lists of RLP trie nodes from the root down (eth_getProof, EIP-1186).
    """

    contract: ContractName
    address: str
    nonce: int
    balance: int
    storage_hash: bytes
    code_hash: bytes
    account_proof: tuple[bytes, ...]
    storage: tuple[StorageProof, ...]


@dataclass(frozen=True)
class Evidence:
    """Everything about one study up to and including one block; keccak256(header) is its hash."""

    chain_id: int
    genesis_hash: bytes
    origin: Origin
    study_id: int
    block: Block
    header: bytes
    accounts: tuple[AccountProof, ...]
    code: Mapping[ContractName, bytes]
    events: tuple[EventRecord, ...]

    def to_files(self) -> dict[str, bytes]:
        """The `chain/` files of a bundle; JSON is canonical (RFC 8785)."""
        return {
            "chain/header.rlp": self.header,
            "chain/proofs.json": rfc8785.dumps([_account_json(a) for a in self.accounts]),
            "chain/code.json": rfc8785.dumps({n: _hex(code) for n, code in self.code.items()}),
            "chain/events.json": rfc8785.dumps([event.to_json() for event in self.events]),
        }


def collect(chain: Chain, study_id: int, block_number: int) -> Evidence:
    """The evidence of a study at a block. Events are those of study 0 and of the study.

    Raises ChainBehind when the node has no such block, ArchiveMissing when it no longer has its
    state, BadEvidence when header, proofs, code and events do not fit each other.
    """
    raw = raw_block(chain.w3, block_number)
    block, header = block_of(raw), header_rlp(raw)
    events = chain.events_of((0, study_id), 0, block_number)
    accounts = tuple(_account(chain, name, study_id, block_number) for name in CONTRACT_NAMES)
    code = {
        account.contract: bytes(
            chain.w3.eth.get_code(Web3.to_checksum_address(account.address), block_number)
        )
        for account in accounts
    }
    evidence = Evidence(
        chain.deployment.chain_id,
        chain.deployment.genesis_hash,
        chain.deployment.origin,
        study_id,
        block,
        header,
        accounts,
        code,
        tuple(events),
    )
    _check(evidence)
    if chain.block(block_number) != block:
        raise BadEvidence(f"Block {block_number} changed while its evidence was gathered; retry.")
    return evidence


def _account(chain: Chain, name: ContractName, study_id: int, number: int) -> AccountProof:
    wanted = [(RUNNING_HASH, study_id)]
    if name == "StudyRegistry":
        wanted.append((RUNNING_HASH, 0))
    if name == "RoundLedger":
        wanted.append((BUDGET, study_id))
    locations = artifact(name).storage
    keys = [mapping_slot(study, locations[namespace]) for namespace, study in wanted]
    address = chain.deployment.address(name)
    try:
        # Not web3's get_proof: it shortens keys, which Hardhat refuses.
        answer = chain.w3.provider.make_request(
            "eth_getProof",  # type: ignore[arg-type]
            [address, [_hex(key) for key in keys], hex(number)],
        )["result"]
    except RpcRefused as error:
        raise ArchiveMissing(number, error.reason) from error
    slots = answer["storageProof"]
    if len(slots) != len(keys):
        raise BadEvidence(f"The node proves {len(slots)} slots of {name}, not {len(keys)}.")
    return AccountProof(
        name,
        address,
        int(answer["nonce"], 16),
        int(answer["balance"], 16),
        _bytes(answer["storageHash"]),
        _bytes(answer["codeHash"]),
        tuple(_bytes(node) for node in answer["accountProof"]),
        tuple(
            StorageProof(
                namespace,
                study,
                key,
                int(slot["value"], 16),
                tuple(_bytes(node) for node in slot["proof"]),
            )
            for (namespace, study), key, slot in zip(wanted, keys, slots, strict=True)
        ),
    )


def _check(evidence: Evidence) -> None:
    for account in evidence.accounts:
        if keccak(evidence.code[account.contract]) != account.code_hash:
            raise BadEvidence(f"The code of {account.contract} is not the one that is proven.")
        for slot in account.storage:
            if slot.namespace != RUNNING_HASH:
                continue
            latest = NOTHING_YET
            for event in evidence.events:
                if (event.contract, event.study_id) == (account.contract, slot.study_id):
                    latest = advance(latest, event)
            if int.from_bytes(latest) != slot.value:
                raise BadEvidence(
                    f"The events that the node gives of {account.contract} for study "
                    f"{slot.study_id} are not all there are up to block {evidence.block.number}."
                )


def _account_json(account: AccountProof) -> dict[str, Any]:
    return {
        "contract": account.contract,
        "address": account.address,
        "nonce": str(account.nonce),
        "balance": str(account.balance),
        "storage_hash": _hex(account.storage_hash),
        "code_hash": _hex(account.code_hash),
        "account_proof": [_hex(node) for node in account.account_proof],
        "storage": [
            {
                "namespace": slot.namespace,
                "study": slot.study_id,
                "key": _hex(slot.key),
                "value": _hex(slot.value.to_bytes(32)),
                "proof": [_hex(node) for node in slot.proof],
            }
            for slot in account.storage
        ],
    }


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))
