"""Large objects are kept as IPFS itself keeps files, and as nothing else that it knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import unixfs
from audit.cid import cid_of, cid_of_large, digest_of
from audit.errors import AuditError
from audit.unixfs import BLOCK_BYTES, MAX_OBJECT_BYTES, Leaf, leaves_of, root_of, root_of_leaves
from tests.audit.real_ipfs import Ipfs

OURS = ("--cid-version=1", "--raw-leaves", f"--chunker=size-{BLOCK_BYTES}")


@pytest.fixture(scope="module")
def ipfs(tmp_path_factory: pytest.TempPathFactory) -> Ipfs:
    return Ipfs(tmp_path_factory.mktemp("repository"))


def content(size: int) -> bytes:
    """Blocks that differ."""
    block = bytes(range(256)) * (BLOCK_BYTES // 256)
    count = -(-size // BLOCK_BYTES)
    return b"".join(bytes((number,)) + block[1:] for number in range(count))[:size]


SIZES = [BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES + 4711, MAX_OBJECT_BYTES]


@pytest.mark.parametrize("size", SIZES)
def test_kubo_names_the_same_bytes_alike_and_makes_the_same_root(
    ipfs: Ipfs, tmp_path: Path, size: int
) -> None:
    data = content(size)
    (tmp_path / "file").write_bytes(data)
    cid = ipfs("add", "--quieter", *OURS, str(tmp_path / "file")).decode().strip()
    assert cid_of(data) == cid
    root = ipfs("block", "get", cid)
    assert root_of(data) == root
    assert len(root) <= unixfs.MAX_ROOT_BYTES
    leaves = leaves_of(root) or ()
    assert sum(leaf.size for leaf in leaves) == size
    assert [leaf.sha256 for leaf in leaves] == [digest_of(b) for b in unixfs.blocks_of(data)]


OTHER_WAYS = [
    ("--cid-version=1", "--raw-leaves", "--chunker=size-262144"),
    ("--cid-version=1", "--raw-leaves=false", OURS[2]),
    ("--cid-version=0", OURS[2]),
    (*OURS, "--hash=sha2-512"),
    (*OURS, "--wrap-with-directory"),
    ("--cid-version=1", "--raw-leaves", "--trickle", "--chunker=size-4096"),
]


@pytest.mark.parametrize("options", OTHER_WAYS, ids=" ".join)
def test_a_file_that_ipfs_keeps_in_another_way_is_not_read(
    ipfs: Ipfs, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_bytes(content(2 * BLOCK_BYTES + 5))
    cid = ipfs("add", "--quieter", *options, str(tmp_path / "file")).decode().strip()
    assert leaves_of(ipfs("block", "get", cid)) is None


digests = st.binary(min_size=32, max_size=32)
shapes = st.builds(
    lambda whole, last, size: [*(Leaf(digest, BLOCK_BYTES) for digest in whole), Leaf(last, size)],
    st.lists(digests, min_size=1, max_size=unixfs.MAX_BLOCKS - 1),
    digests,
    st.integers(1, BLOCK_BYTES),
)


@given(shapes)
def test_what_is_written_is_read(leaves: list[Leaf]) -> None:
    assert list(leaves_of(root_of_leaves(leaves)) or ()) == leaves


@given(shapes, st.data())
def test_a_changed_root_names_other_blocks_or_is_none(
    leaves: list[Leaf], data: st.DataObject
) -> None:
    root = bytearray(root_of_leaves(leaves))
    root[data.draw(st.integers(0, len(root) - 1))] ^= data.draw(st.integers(1, 255))
    found = leaves_of(bytes(root))
    assert found is None or (list(found) != leaves and root_of_leaves(found) == root)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda more: b"\x12\x2d" + more))
def test_any_other_bytes_are_no_root(data: bytes) -> None:
    assert leaves_of(data) is None


WHOLE = Leaf(bytes(32), BLOCK_BYTES)


@pytest.mark.parametrize(
    "leaves",
    [
        [],
        [WHOLE],
        [Leaf(bytes(32), 5), WHOLE],
        [WHOLE, Leaf(bytes(32), 0)],
        [WHOLE, Leaf(bytes(32), BLOCK_BYTES + 1)],
        [WHOLE] * (unixfs.MAX_BLOCKS + 1),
    ],
    ids=["none", "one", "short first", "empty last", "long last", "too many"],
)
def test_a_root_of_another_shape_is_none(leaves: list[Leaf]) -> None:
    assert leaves_of(root_of_leaves(leaves)) is None


def test_only_so_large_an_object_has_blocks() -> None:
    assert not unixfs.is_large(BLOCK_BYTES)
    assert unixfs.is_large(BLOCK_BYTES + 1)
    with pytest.raises(AuditError, match="at most"):
        unixfs.is_large(MAX_OBJECT_BYTES + 1)
    assert cid_of(content(BLOCK_BYTES + 1)) == cid_of_large(digest_of(content(BLOCK_BYTES + 1)))
