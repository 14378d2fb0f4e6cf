"""CIDs: SHA-256 and CID name each other, and nothing else is taken for a CID."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import cid
from audit.errors import AuditError
from audit.unixfs import BLOCK_BYTES, root_of


def test_the_known_cid_of_a_raw_block():
    # the usual example of a raw CIDv1, as `printf 'hello world' | ipfs block put` also names it
    expected = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
    assert cid.cid_of(b"hello world") == expected


@given(st.binary(max_size=300))
def test_a_cid_gives_back_the_hash(data):
    name = cid.cid_of(data)
    assert name.startswith("bafkrei")
    assert cid.sha256_of_cid(name) == hashlib.sha256(data).digest()


@given(st.binary(max_size=20), st.integers(0, 58), st.sampled_from("abcxyz234567BZ0189-/ é="))
def test_no_other_spelling_of_a_cid_is_read_as_the_same_hash(data, where, letter):
    name = cid.cid_of(data)
    changed = name[:where] + letter + name[where + 1 :]
    if changed == name:
        return
    with contextlib.suppress(AuditError):
        assert cid.sha256_of_cid(changed) != hashlib.sha256(data).digest()


@pytest.mark.parametrize("name", ["", "b", "Qm" + "a" * 44, "../etc/passwd", "b" + "a" * 58])
def test_other_names_are_refused(name):
    with pytest.raises(AuditError):
        cid.sha256_of_cid(name)


@pytest.mark.parametrize("size", [BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES - 5])
def test_an_object_over_a_mebibyte_is_named_by_its_root(size):
    data = bytes(size)
    name = cid.cid_of(data)
    assert name.startswith("bafybei")
    assert cid.is_cid_of_large(name)
    assert not cid.is_cid_of_large(cid.cid_of(b""))
    assert cid.sha256_of_cid(name) == cid.digest_of(data) == hashlib.sha256(root_of(data)).digest()
    assert cid.cid_of_large(cid.digest_of(data)) == name


def test_a_root_is_no_object_since_two_would_have_one_name():
    with pytest.raises(AuditError, match="root of a large object"):
        cid.digest_of(root_of(bytes(BLOCK_BYTES + 1)))


def test_an_object_over_the_limit_has_no_cid():
    cid.cid_of(bytes(cid.MAX_OBJECT_BYTES))
    with pytest.raises(AuditError):
        cid.cid_of(bytes(cid.MAX_OBJECT_BYTES + 1))
