"""Objects of any size on a real IPFS node, each found by the 32 bytes that are on chain."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.cid import cid_of, cid_of_large, cid_of_sha256, digest_of, sha256
from audit.unixfs import (
    BLOCK_BYTES,
    MAX_OBJECT_BYTES,
    Leaf,
    blocks_of,
    root_of,
    root_of_leaves,
)
from ipfs.objects import ObjectCorrupt, ObjectMissing, ObjectStore, ObjectStoreError
from stack.binaries import ipfs_binary
from tests.kubo import kubo_api

LARGE = bytes(BLOCK_BYTES) + b"\x01" * BLOCK_BYTES + b"the end"
SMALL = b"at most a mebibyte"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with kubo_api(tmp_path_factory.mktemp("ipfs")) as api:
        yield api


@pytest.fixture(scope="module")
def store(api: str) -> Iterator[ObjectStore]:
    with ObjectStore(api) as opened:
        yield opened


def command(api: str, *arguments: str) -> str:
    argv = [str(ipfs_binary()), f"--api={api}", *arguments]
    return subprocess.run(argv, capture_output=True, check=True, text=True).stdout.strip()


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_what_is_put_is_pinned_and_comes_back_by_its_cid_and_its_32_bytes(
    api: str, store: ObjectStore, data: bytes
) -> None:
    cid = store.put(data)
    assert cid == cid_of(data) == store.cid_of(digest_of(data))
    assert store.get(cid) == data
    assert store.get(cid_of_sha256(digest_of(data))) == data
    assert store.holds(cid)
    assert cid in command(api, "pin", "ls", cid)


def test_an_object_without_one_of_its_blocks_is_not_held(api: str, store: ObjectStore) -> None:
    data = b"\x02" * BLOCK_BYTES + b"\x03" * BLOCK_BYTES
    cid = store.put(data)
    missing = cid_of([*blocks_of(data)][1])
    command(api, "pin", "rm", cid)
    command(api, "block", "rm", missing)
    assert not store.holds(cid)
    with pytest.raises(ObjectMissing, match=missing):
        store.get(cid)


def test_an_object_that_is_not_there_is_said_to_be_missing(store: ObjectStore) -> None:
    absent = digest_of(b"absent")
    assert store.cid_of(absent) == cid_of(b"absent")
    for cid in (cid_of(b"absent"), cid_of_large(absent), "no CID"):
        with pytest.raises(ObjectMissing):
            store.get(cid)
    assert not store.holds(cid_of_large(absent))


def test_a_file_that_somebody_added_in_another_way_is_no_object(
    api: str, store: ObjectStore, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(LARGE)
    added = command(
        api,
        "add",
        "--quieter",
        "--cid-version=1",
        "--chunker=size-65536",
        "--raw-leaves",
        str(tmp_path / "file"),
    )
    with pytest.raises(ObjectCorrupt, match=added):
        store.get(added)


def test_the_root_of_an_object_is_not_taken_for_one(store: ObjectStore) -> None:
    with pytest.raises(ObjectStoreError, match="root of a large object"):
        store.put(root_of(LARGE))
    with pytest.raises(ObjectStoreError, match="at most"):
        store.put(bytes(MAX_OBJECT_BYTES + 1))


def test_a_root_that_says_other_sizes_than_its_blocks_have_is_of_no_object(
    api: str, store: ObjectStore, tmp_path: Path
) -> None:
    """Its 32 bytes would name what `digest_of` gives another name, and no bundle could hold it."""
    parts = [b"the beginning, ", b"and the end"]
    said = (BLOCK_BYTES, len(parts[1]))
    root = root_of_leaves(Leaf(sha256(part), size) for part, size in zip(parts, said, strict=True))
    for block in (*parts, root):
        put_block(api, tmp_path, block)
    for cid in (cid_of_sha256(sha256(root)), cid_of_large(sha256(root))):
        with pytest.raises(ObjectCorrupt, match="other sizes"):
            store.get(cid)


def test_a_raw_block_over_1_mib_is_no_object(api: str, store: ObjectStore, tmp_path: Path) -> None:
    block = bytes(BLOCK_BYTES + 1)
    put_block(api, tmp_path, block)
    with pytest.raises(ObjectCorrupt, match="no object is one"):
        store.get(cid_of_sha256(sha256(block)))


def put_block(api: str, folder: Path, block: bytes) -> None:
    """As whoever runs an IPFS node can."""
    (folder / "block").write_bytes(block)
    command(api, "block", "put", "--cid-codec=raw", "--allow-big-block", str(folder / "block"))
