"""Block headers, and Merkle-Patricia proofs of accounts and storage against a header's state root.

Sources: Ethereum yellow paper, section 4.3 (header) and appendix D (trie); EIP-1186 (proof form).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import rlp
from eth_utils.crypto import keccak
from trie.constants import BLANK_NODE_HASH
from trie.hexary import HexaryTrie

from audit.errors import ProofInvalid

MAX_HEADER_BYTES = 4096
"""A header has about 600; decoding RLP takes time by the square of a long list's length."""
MAX_NODE_BYTES = 1024
"""A branch of 16 hashes has 532, an account's leaf about 110."""
MAX_PROOF_NODES = 65
"""A path has at most 64 nibbles, so a proof has at most that many nodes and one value's."""


@dataclass(frozen=True)
class Header:
    """The fields of a block header that evidence needs; ``hash`` is keccak256 of its RLP."""

    hash: bytes
    parent_hash: bytes
    state_root: bytes
    number: int
    timestamp: int


@dataclass(frozen=True)
class Account:
    """An account as a state root holds it."""

    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes


def parse_header(data: bytes) -> Header:
    """The header of an RLP encoding. Raises ProofInvalid."""
    if len(data) > MAX_HEADER_BYTES:
        raise ProofInvalid(f"a block header has at most {MAX_HEADER_BYTES} bytes, not {len(data)}")
    fields = _decode(data, "the block header")
    if not isinstance(fields, list) or not 15 <= len(fields) <= 32:
        raise ProofInvalid("the block header is not an RLP list of 15 or more fields")
    if any(not isinstance(field, bytes) for field in fields):
        raise ProofInvalid("the block header holds a nested list")
    if len(fields[0]) != 32 or len(fields[3]) != 32:
        raise ProofInvalid("the block header's parent hash or state root has not 32 bytes")
    number, timestamp = _integer(fields[8]), _integer(fields[11])
    return Header(keccak(data), fields[0], fields[3], number, timestamp)


def prove_account(state_root: bytes, address: str, proof: Sequence[bytes]) -> Account:
    """The account that a proof (RLP nodes, root first) shows at an address. Raises ProofInvalid."""
    value = _prove(state_root, keccak(bytes.fromhex(address[2:])), proof)
    if not value:
        raise ProofInvalid(f"the state has no account {address}")
    fields = _decode(value, "the account")
    if not isinstance(fields, list) or len(fields) != 4:
        raise ProofInvalid("the account is not an RLP list of four fields")
    if any(not isinstance(field, bytes) for field in fields):
        raise ProofInvalid("the account holds a nested list")
    return Account(_integer(fields[0]), _integer(fields[1]), fields[2], fields[3])


def prove_storage(storage_root: bytes, slot: bytes, proof: Sequence[bytes]) -> bytes:
    """The 32 bytes that a proof shows in a storage slot; zeros where nothing was ever written.

    Raises ProofInvalid.
    """
    if storage_root == BLANK_NODE_HASH and not proof:
        return bytes(32)
    value = _prove(storage_root, keccak(slot), proof)
    if not value:
        return bytes(32)
    word = _decode(value, "the storage value")
    if not isinstance(word, bytes) or not 1 <= len(word) <= 32 or word[0] == 0:
        raise ProofInvalid("the storage value is not one word")
    return word.rjust(32, b"\0")


def _prove(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes:
    """The value at a key, empty when the proof shows that there is none.

    A proof must hold exactly the nodes on the way, in order: a node too many is refused, so that no
    byte of a proof is free.
    """
    if not 1 <= len(proof) <= MAX_PROOF_NODES:
        raise ProofInvalid(f"a proof has 1 to {MAX_PROOF_NODES} nodes, not {len(proof)}")
    if max(map(len, proof)) > MAX_NODE_BYTES:
        raise ProofInvalid(f"a proof's node has at most {MAX_NODE_BYTES} bytes")
    if keccak(proof[0]) != root:
        raise ProofInvalid("the proof starts at another root")
    try:
        trie = HexaryTrie({keccak(node): node for node in proof}, root)
        value: bytes = trie.get(key)
        way = [rlp.encode(node) for node in trie.get_proof(key)]  # type: ignore[no-untyped-call]
    except Exception as error:  # the library fails on hostile nodes in many ways
        raise ProofInvalid(f"the proof does not lead to its key: {type(error).__name__}") from error
    # nodes shorter than a hash are written inside their parent
    needed = [node for number, node in enumerate(way) if number == 0 or len(node) >= 32]
    if needed != list(proof):
        raise ProofInvalid("the proof holds other nodes than those on the way to its key")
    return value


def _decode(data: bytes, what: str) -> object:
    try:
        return rlp.decode(data)
    except (rlp.exceptions.RLPException, RecursionError) as error:
        raise ProofInvalid(f"{what} is not RLP: {error}") from error


def _integer(data: bytes) -> int:
    if data[:1] == b"\0" or len(data) > 32:
        raise ProofInvalid("an RLP integer has leading zeros or more than 32 bytes")
    return int.from_bytes(data, "big")
