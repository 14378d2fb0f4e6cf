"""The cohort tree: a proof shows one leaf, at one index, among one count, and no other."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import cohort
from audit.errors import CohortInvalid

LEDGER = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SITE = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"


def leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(b"leaf %d" % index).digest() for index in range(count)]


@given(st.integers(1, 70), st.data())
def test_every_leaf_has_a_proof_that_shows_it_and_nothing_else(count, data):
    tree = leaves(count)
    root = cohort.root(tree)
    index = data.draw(st.integers(0, count - 1))
    path = cohort.proof(tree, index)
    assert len(path) <= (count - 1).bit_length()
    assert cohort.verify_proof(root, count, index, tree[index], path)

    other_index = data.draw(st.integers(-1, count + 3).filter(lambda other: other != index))
    assert not cohort.verify_proof(root, count, other_index, tree[index], path)
    other_count = data.draw(st.integers(0, 2 * count + 2).filter(lambda other: other != count))
    assert not cohort.verify_proof(root, other_count, index, tree[index], path)
    other_leaf = data.draw(st.binary(min_size=32, max_size=32))
    assert not cohort.verify_proof(root, count, index, other_leaf, path)
    assert not cohort.verify_proof(other_leaf, count, index, tree[index], path)
    assert not cohort.verify_proof(root, count, index, tree[index], (*path, other_leaf))
    for position in range(len(path)):
        shorter = path[:position] + path[position + 1 :]
        assert not cohort.verify_proof(root, count, index, tree[index], shorter)
        changed = (*path[:position], other_leaf, *path[position + 1 :])
        assert not cohort.verify_proof(root, count, index, tree[index], changed)


def test_the_head_is_that_of_rfc_6962():
    """Test vectors of RFC 6962's reference tree: eight leaves, of which the first seven and all."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    inputs.append("606162636465666768696a6b6c6d6e6f")
    tree = [hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest() for text in inputs]
    head = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert cohort.root(tree) == hashlib.sha256(b"\x02\0\0\0\x08" + bytes.fromhex(head)).digest()
    head7 = "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"
    assert cohort.root(tree[:7]) == hashlib.sha256(b"\x02\0\0\0\7" + bytes.fromhex(head7)).digest()


def test_a_site_without_tokens_has_a_root_and_no_proofs():
    root = cohort.root([])
    assert root != cohort.root(leaves(1))
    with pytest.raises(CohortInvalid):
        cohort.proof([], 0)
    assert not cohort.verify_proof(root, 0, 0, bytes(32), ())


FIELDS = {
    "chain_id": 31337,
    "ledger": LEDGER,
    "study_id": 1,
    "site": SITE,
    "round_number": 2,
    "index": 3,
    "token_id": (1 << 192) + 3,
    "status": cohort.Status.ADMITTED,
    "salt": bytes(range(32)),
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chain_id", 31338),
        ("ledger", SITE),
        ("study_id", 2),
        ("site", LEDGER),
        ("round_number", 3),
        ("index", 4),
        ("token_id", (1 << 192) + 4),
        ("status", cohort.Status.REVOKED),
        ("salt", bytes(32)),
    ],
)
def test_a_leaf_binds_each_of_its_fields(field, value):
    assert cohort.leaf(**FIELDS) != cohort.leaf(**{**FIELDS, field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chain_id", -1),
        ("ledger", LEDGER.lower()),
        ("study_id", 2**64),
        ("round_number", 2**32),
        ("index", 2**32),
        ("token_id", 2**256),
        ("status", 0),
        ("salt", bytes(31)),
    ],
)
def test_a_leaf_with_a_field_out_of_range_is_refused(field, value):
    with pytest.raises(CohortInvalid):
        cohort.leaf(**{**FIELDS, field: value})


def test_the_vector_hash_binds_salt_and_vector():
    one = cohort.vector_hash(bytes(32), b"12345678")
    assert one == hashlib.sha256(b"assent/vector/1" + bytes(32) + b"12345678").digest()
    with pytest.raises(CohortInvalid):
        cohort.vector_hash(bytes(33), b"2345678")
