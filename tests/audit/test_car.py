"""The CAR file of a bundle's objects: what Kubo makes of it, and what the reader refuses."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import car
from audit.car import CarObjects, root_of, write_car
from audit.cid import MAX_OBJECT_BYTES, cid_of
from audit.errors import AuditError, CarInvalid
from audit.unixfs import BLOCK_BYTES
from audit.unixfs import root_of as file_root_of
from tests.audit.real_ipfs import Ipfs


def by_cid(*data: bytes) -> dict[str, bytes]:
    return {cid_of(one): one for one in data}


def car_of(objects: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    assert write_car(file, objects) == root_of(objects)
    return file.getvalue()


def opened(folder: Path, data: bytes) -> CarObjects:
    path = folder / "objects.car"
    path.write_bytes(data)
    return CarObjects(path)


SOME = by_cid(b"", b"one", b"two" * 1000, bytes(BLOCK_BYTES))
BLOCKS = [bytes((number,)) * BLOCK_BYTES for number in range(3)]
LARGE = by_cid(
    b"one",
    bytes(BLOCK_BYTES),  # an object, and a block of others
    b"".join(BLOCKS),
    b"".join((BLOCKS[1], BLOCKS[1], BLOCKS[2], b"the end")),  # a block twice, and another's
    bytes(5 * BLOCK_BYTES),
)
SMALL = by_cid(b"", b"one", b"two")


@pytest.fixture(scope="module")
def ipfs(tmp_path_factory: pytest.TempPathFactory) -> Ipfs:
    return Ipfs(tmp_path_factory.mktemp("repository"))


MANY = by_cid(*(b"object %d" % number for number in range(car.PAGE + 5)))


@pytest.mark.parametrize(
    "objects", [{}, SOME, MANY, LARGE], ids=["none", "some", "more than a page", "large"]
)
def test_kubo_imports_it_pins_all_of_it_and_exports_the_same_bytes(
    ipfs: Ipfs, tmp_path: Path, objects: dict[str, bytes]
) -> None:
    path = tmp_path / "objects.car"
    path.write_bytes(car_of(objects))
    root = root_of(objects)
    imported = ipfs("dag", "import", "--stats", str(path)).decode()
    assert f"Pinned root\t{root}\tsuccess" in imported
    assert ipfs("dag", "export", root) == path.read_bytes()
    for cid, data in list(objects.items())[:4]:
        assert ipfs("cat", cid) == data
        assert ipfs("pin", "ls", cid).startswith(cid.encode())


def test_what_was_written_is_read_in_any_order_and_one_object_at_a_time(tmp_path: Path) -> None:
    read = opened(tmp_path, car_of(SOME))
    assert read.root == root_of(SOME)
    assert dict(read) == SOME
    assert len(read) == len(SOME)
    for absent in (cid_of(b"absent"), "no CID", ""):
        with pytest.raises(KeyError):
            read[absent]


def test_large_objects_are_read_whole_and_each_block_of_theirs_is_there_once(
    tmp_path: Path,
) -> None:
    data = car_of(LARGE)
    read = opened(tmp_path, data)
    assert dict(read) == LARGE
    distinct = 1 + 3  # zeros, two more blocks, and what ends an object is short
    assert len(data) < distinct * BLOCK_BYTES
    buffer = bytearray(4)
    for cid, whole in LARGE.items():
        view = read.read_into(cid, buffer)
        assert view is not None and bytes(view) == whole
        assert isinstance(view.obj, bytearray)
        buffer = view.obj
    assert len(buffer) == 5 * BLOCK_BYTES
    assert read.read_into(cid_of(b"absent"), buffer) is None
    assert list(LARGE)[-1] in read and cid_of(b"absent") not in read


def test_a_large_object_of_another_shape_is_refused(tmp_path: Path) -> None:
    whole = b"".join((BLOCKS[1], b"more"))
    good = car_of(by_cid(whole))
    root = file_root_of(whole)
    at = good.index(root)
    for position in range(at, at + len(root)):
        changed = bytearray(good)
        changed[position] ^= 0x01
        with pytest.raises(CarInvalid):
            opened(tmp_path, bytes(changed))
    first, last = good[: at + len(root)], good[-(4 + 36 + 1) :]
    with pytest.raises(CarInvalid, match="stands where"):  # its blocks in another order
        opened(tmp_path, first + last + good[len(first) : -len(last)])


def test_a_small_file_of_very_much_is_refused(tmp_path: Path) -> None:
    """Roots that all link to the same block, each in another number."""
    objects = by_cid(*(b"\x05" * (BLOCK_BYTES * count) for count in range(2, 17)))
    data = car_of(objects)
    assert len(data) < 2 * BLOCK_BYTES < MAX_OBJECT_BYTES * 4 < sum(map(len, objects.values()))
    with pytest.raises(CarInvalid, match="four times"):
        opened(tmp_path, data)


def test_each_object_is_asked_for_once_and_none_is_kept() -> None:
    asked: list[str] = []

    class Source(dict[str, bytes]):
        def __getitem__(self, cid: str) -> bytes:
            asked.append(cid)
            return super().__getitem__(cid)

        def __iter__(self) -> Iterator[str]:
            return iter(reversed(list(super().__iter__())))

    write_car(io.BytesIO(), Source(SMALL))
    assert sorted(asked) == sorted(SMALL)


def test_equal_objects_make_equal_files_in_whatever_order_they_come() -> None:
    backwards = dict(reversed(SMALL.items()))
    assert car_of(backwards) == car_of(SMALL)
    assert root_of(backwards) != root_of(by_cid(b"", b"one"))


def test_the_writer_refuses_what_its_cid_does_not_name() -> None:
    with pytest.raises(AuditError, match="other bytes"):
        write_car(io.BytesIO(), {cid_of(b"one"): b"other"})
    with pytest.raises(AuditError, match="not a CID"):
        write_car(io.BytesIO(), {"../one": b"one"})
    too_large = bytes(MAX_OBJECT_BYTES + 1)
    with pytest.raises(AuditError, match="at most"):
        write_car(io.BytesIO(), {cid_of(b"one"): too_large})


def test_more_objects_than_a_bundle_may_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = car_of(SMALL)
    monkeypatch.setattr(car, "MAX_OBJECTS", 2)
    with pytest.raises(AuditError, match="at most 2"):
        car_of(SMALL)
    with pytest.raises(AuditError, match="2 objects"):
        opened(tmp_path, data)


def test_every_changed_byte_is_refused_or_is_an_objects_own(tmp_path: Path) -> None:
    """Whatever the form does not hold, the hash of one object does."""
    good = car_of(SMALL)
    for position in range(len(good)):
        for bit in (0x01, 0x80):
            changed = bytearray(good)
            changed[position] ^= bit
            try:
                read = opened(tmp_path, bytes(changed))
            except CarInvalid:
                continue
            wrong = [cid for cid in read if cid_of(read[cid]) != cid]
            assert len(wrong) == 1, position


def test_every_truncation_and_whatever_follows_the_end_is_refused(tmp_path: Path) -> None:
    good = car_of(SMALL)
    for end in range(len(good)):
        with pytest.raises(CarInvalid):
            opened(tmp_path, good[:end])
    for more in (b"\x00", b"\n", good, good[-40:]):
        with pytest.raises(CarInvalid):
            opened(tmp_path, good + more)


def sections(data: bytes) -> list[bytes]:
    """Header and blocks of a file whose blocks are all shorter than 128 bytes, or two bytes long
    in their length.
    """
    found, position = [], 0
    while position < len(data):
        size, used = data[position], 1
        if size >= 0x80:
            size, used = (size & 0x7F) | data[position + 1] << 7, 2
        found.append(data[position : position + used + size])
        position += used + size
    return found


def test_blocks_left_out_repeated_or_moved_are_refused(tmp_path: Path) -> None:
    parts = sections(car_of(SMALL))
    assert len(parts) == 1 + 2 + 3
    for position in range(len(parts)):
        left_out = parts[:position] + parts[position + 1 :]
        repeated = parts[: position + 1] + parts[position:]
        moved = [*left_out, parts[position]]
        for variant in (left_out, repeated, moved):
            if variant != parts:
                with pytest.raises(CarInvalid):
                    opened(tmp_path, b"".join(variant))


def test_a_length_in_more_bytes_than_it_takes_is_refused(tmp_path: Path) -> None:
    *before, last = sections(car_of(SMALL))
    longer = bytes((last[0] | 0x80, 0)) + last[1:]
    with pytest.raises(CarInvalid, match="does not begin a block"):
        opened(tmp_path, b"".join([*before, longer]))


def test_links_and_pipes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real.car").write_bytes(car_of(SMALL))
    (tmp_path / "link.car").symlink_to("real.car")
    os.mkfifo(tmp_path / "pipe.car")
    for name in ("link.car", "pipe.car", "."):
        with pytest.raises((CarInvalid, OSError)):
            CarObjects(tmp_path / name)


class Generated(Mapping[str, bytes]):
    """Objects of 2 MiB that are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self._numbers = {cid_of(self._data(number)): number for number in range(count)}

    def _data(self, number: int) -> bytes:
        return bytes((number,)) * BLOCK_BYTES + bytes((number + 100,)) * BLOCK_BYTES

    def __getitem__(self, cid: str) -> bytes:
        return self._data(self._numbers[cid])

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def test_no_more_than_two_objects_are_in_memory_at_a_time(tmp_path: Path) -> None:
    """An object and its section while it is written; one while all are read."""
    objects, path = Generated(32), tmp_path / "objects.car"
    tracemalloc.start()
    try:
        with path.open("xb") as file:
            write_car(file, objects)
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        read = CarObjects(path)
        assert all(cid_of(read[cid]) == cid for cid in read)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 64 << 20
    assert max(written, taken) < 8 << 20


@given(st.binary(max_size=400))
def test_whatever_the_bytes_are_they_are_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    with pytest.raises(CarInvalid):
        opened(tmp_path_factory.getbasetemp(), data)
