"""Merkle-Patricia proofs: they show what a trie holds, and no other node or value passes."""

from __future__ import annotations

import pytest
import rlp
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from audit.errors import ProofInvalid
from audit.proofs import parse_header, prove_account, prove_storage


def trie_of(entries: dict[bytes, bytes]) -> HexaryTrie:
    trie = HexaryTrie({})
    for key, value in entries.items():
        trie[keccak(key)] = value
    return trie


def nodes(trie: HexaryTrie, key: bytes) -> list[bytes]:
    """The nodes of a proof as a node's eth_getProof gives them: those that a hash refers to."""
    way = [rlp.encode(node) for node in trie.get_proof(keccak(key))]
    return [node for number, node in enumerate(way) if number == 0 or len(node) >= 32]


def slot(number: int) -> bytes:
    return number.to_bytes(32, "big")


words = st.dictionaries(st.integers(0, 2**256 - 1), st.integers(1, 2**256 - 1), min_size=1)


@given(words, st.integers(0, 2**256 - 1))
def test_a_storage_proof_shows_the_word_or_that_there_is_none(
    storage: dict[int, int], other: int
) -> None:
    trie = trie_of({slot(k): rlp.encode(v) for k, v in storage.items()})
    for key in [*storage, other]:
        shown = prove_storage(trie.root_hash, slot(key), nodes(trie, slot(key)))
        assert int.from_bytes(shown, "big") == storage.get(key, 0)


@given(words, st.data())
def test_a_changed_missing_or_spare_node_is_refused(
    storage: dict[int, int], data: st.DataObject
) -> None:
    trie = trie_of({slot(k): rlp.encode(v) for k, v in storage.items()})
    key = data.draw(st.sampled_from(sorted(storage)))
    proof = nodes(trie, slot(key))
    number = data.draw(st.integers(0, len(proof) - 1))
    position = data.draw(st.integers(0, len(proof[number]) - 1))
    node = bytearray(proof[number])
    node[position] ^= 1 << data.draw(st.integers(0, 7))
    variants = [
        [*proof[:number], bytes(node), *proof[number + 1 :]],
        proof[:number] + proof[number + 1 :],
        [*proof, rlp.encode([b"spare" * 10, b"node"])],
        [*proof, proof[-1]],
    ]
    for variant in variants:
        with pytest.raises(ProofInvalid):
            prove_storage(trie.root_hash, slot(key), variant)
    with pytest.raises(ProofInvalid):
        prove_storage(keccak(b"another root"), slot(key), proof)


def test_an_empty_storage_needs_no_proof() -> None:
    assert prove_storage(HexaryTrie({}).root_hash, slot(1), []) == bytes(32)


@given(st.lists(st.binary(max_size=80), max_size=4))
def test_arbitrary_nodes_are_refused(proof: list[bytes]) -> None:
    with pytest.raises(ProofInvalid):
        prove_storage(keccak(b"root"), slot(0), proof)
    if proof:
        with pytest.raises(ProofInvalid):
            prove_account(keccak(proof[0]), to_checksum_address("0x" + "11" * 20), proof)


def test_an_account_proof_shows_its_four_fields() -> None:
    addresses = [to_checksum_address(keccak(bytes((n,)))[:20]) for n in range(20)]
    accounts = {
        bytes.fromhex(a[2:]): rlp.encode([n, 10**18 + n, keccak(b"s%d" % n), keccak(b"c%d" % n)])
        for n, a in enumerate(addresses)
    }
    trie = trie_of(accounts)
    for n, address in enumerate(addresses):
        key = bytes.fromhex(address[2:])
        account = prove_account(trie.root_hash, address, nodes(trie, key))
        assert (account.nonce, account.balance) == (n, 10**18 + n)
        assert (account.storage_root, account.code_hash) == (keccak(b"s%d" % n), keccak(b"c%d" % n))
    stranger = to_checksum_address("0x" + "22" * 20)
    with pytest.raises(ProofInvalid, match="no account"):
        prove_account(trie.root_hash, stranger, nodes(trie, bytes.fromhex(stranger[2:])))


def test_a_header_gives_its_hash_number_time_and_state_root() -> None:
    fields = [keccak(b"parent"), keccak(b""), b"\x01" * 20, keccak(b"state"), keccak(b"tx")]
    fields += [keccak(b"receipts"), bytes(256), b"", b"\x07", b"\x01\x00", b"", b"\x65\x00", b""]
    fields += [bytes(32), bytes(8)]
    data = rlp.encode(fields)
    header = parse_header(data)
    assert (header.hash, header.parent_hash) == (keccak(data), keccak(b"parent"))
    assert (header.number, header.timestamp) == (7, 0x6500)
    assert header.state_root == keccak(b"state")


@pytest.mark.parametrize(
    "data", [b"", b"\xc0", b"\xff", rlp.encode([b"x"] * 15), rlp.encode([[]] * 16)]
)
def test_other_bytes_are_no_header(data: bytes) -> None:
    with pytest.raises(ProofInvalid):
        parse_header(data)


def test_a_long_list_is_refused_before_it_is_decoded() -> None:
    """Decoding takes time by the square of a list's length: one of 10 MB never ended."""
    long = rlp.encode([b"\0" * 100] * 100_000)
    with pytest.raises(ProofInvalid, match="at most 4096 bytes"):
        parse_header(long)
    with pytest.raises(ProofInvalid, match="at most 1024 bytes"):
        prove_storage(keccak(long), bytes(32), [long])
