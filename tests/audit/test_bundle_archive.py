"""A bundle as one file: unpacked by anything, read in place, and written in only one way."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from audit import bundle_archive
from audit.bundle import read_bundle
from audit.bundle_archive import write_archive
from audit.bundle_index import OBJECTS
from audit.errors import AuditError, BundleUnusable
from audit.verify import verify_folder
from tests.audit.conftest import Written


@pytest.fixture(scope="module")
def packed(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "study.tar"
    write_archive(written.folder, path)
    return path


def test_it_verifies_as_its_folder_does(written: Written, packed: Path) -> None:
    report = verify_folder(packed, written.trust_block)
    assert report.to_json() == verify_folder(written.folder, written.trust_block).to_json()
    assert report.ok


def test_tar_unpacks_it_into_the_folder_it_came_from(
    written: Written, packed: Path, tmp_path: Path
) -> None:
    subprocess.run(["tar", "xf", packed], cwd=tmp_path, check=True)
    write_archive(tmp_path / "bundle", tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()
    there = {path.relative_to(tmp_path / "bundle") for path in (tmp_path / "bundle").rglob("*")}
    assert there == {path.relative_to(written.folder) for path in written.folder.rglob("*")}


def test_no_file_is_written_over(written: Written, packed: Path) -> None:
    with pytest.raises(FileExistsError):
        write_archive(written.folder, packed)


def test_what_is_no_bundles_is_not_packed(written: Written, tmp_path: Path) -> None:
    folder = written.copy(tmp_path / "bundle")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(AuditError, match=r"notes\.txt"):
        write_archive(folder, tmp_path / "study.tar")


def entries(packed: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(packed) as archive:
        found = []
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            found.append((entry, file.read()))
        return found


def repacked(
    packed: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]
) -> io.BytesIO:
    found = entries(packed)
    change(found)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry, data in found:
            archive.addfile(entry, io.BytesIO(data) if entry.isreg() else None)
    end = out.getvalue().rstrip(b"\0")
    return io.BytesIO(end + bytes(-len(end) % 512) + bytes(1024))


def refused(packed: Path, tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "changed.tar"
    path.write_bytes(data)
    with pytest.raises(BundleUnusable, match=why):
        read_bundle(path)


def renamed(position: int, name: str) -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]:
    def change(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        found[position][0].name = name

    return change


def made(kind: bytes, target: str = "") -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]:
    def change(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        entry, data = found[1]
        entry.type, entry.linkname, entry.size = kind, target, 0
        found[1] = (entry, b"" if data else data)

    return change


def swapped(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    found[1], found[2] = found[2], found[1]


def twice(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    found.insert(2, found[1])


def executable(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    found[0][0].mode = 0o4755


TRICKS = {
    "out of the folder": renamed(1, "bundle/../chain/code.json"),
    "an absolute path": renamed(1, "/etc/passwd"),
    "a backslash": renamed(1, "bundle/chain\\code.json"),
    "another case": renamed(1, "bundle/Chain/code.json"),
    "a name of nothing": renamed(1, "bundle/"),
    "a name that is none of a bundle's": renamed(1, "bundle/chain/notes.txt"),
    "an order of its own": swapped,
    "a name twice": twice,
    "a mode of its own": executable,
    "a symbolic link": made(tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": made(tarfile.LNKTYPE, "bundle/bundle.json"),
    "a folder": made(tarfile.DIRTYPE),
    "a device": made(tarfile.CHRTYPE),
    "a pipe": made(tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_tricks_are_refused(
    packed: Path, tmp_path: Path, trick: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]
) -> None:
    honest = repacked(packed, lambda found: None).getvalue()
    assert honest == packed.read_bytes()
    data = repacked(packed, trick).getvalue()
    assert data != honest
    refused(packed, tmp_path, data, "is no bundle in one file")


def test_a_size_that_is_not_there_or_beyond_the_limits_is_refused(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bomb has to be as large as what it makes."""
    entry = tarfile.TarInfo("bundle/chain/events.json")
    entry.size = 200 << 20
    bomb = entry.tobuf(tarfile.USTAR_FORMAT) + b"{}"
    refused(packed, tmp_path, bomb, "ends too early")
    entry.size = 8 << 30
    refused(packed, tmp_path, entry.tobuf(tarfile.GNU_FORMAT), "does not begin a file")
    monkeypatch.setattr(bundle_archive, "limit_of", lambda name: 10)
    refused(packed, tmp_path, packed.read_bytes(), "larger than 10 bytes")
    monkeypatch.undo()
    monkeypatch.setattr(bundle_archive, "MAX_TOTAL_BYTES", 10_000)
    refused(packed, tmp_path, packed.read_bytes(), "more than a bundle may")


def test_what_is_no_bundle_in_one_file_is_refused(packed: Path, tmp_path: Path) -> None:
    good = packed.read_bytes()
    refused(packed, tmp_path, b"", "does not begin a file")
    refused(packed, tmp_path, bytes(1024), "does not begin a file")
    refused(packed, tmp_path, b"PK\x03\x04" + bytes(2000), "does not begin a file")
    refused(packed, tmp_path, good + b"\0", "follows its end")
    for missing in (1, 512, 1023, 1024, 1500):
        refused(packed, tmp_path, good[:-missing], "cut off|ends too early")
    refused(packed, tmp_path, good[: len(good) // 2], "ends too early|larger|objects")
    (tmp_path / "link.tar").symlink_to(packed)
    os.mkfifo(tmp_path / "pipe.tar")
    for name in ("link.tar", "pipe.tar", "absent.tar"):
        with pytest.raises(BundleUnusable):
            read_bundle(tmp_path / name)


def test_every_byte_around_the_contents_is_held(packed: Path, tmp_path: Path) -> None:
    """Headers, padding and end: each changed byte is refused. The contents have their own tests."""
    good = packed.read_bytes()
    path = tmp_path / "changed.tar"
    with tarfile.open(packed) as archive:
        inside = {
            position
            for entry in archive
            for position in range(entry.offset_data, entry.offset_data + entry.size)
        }
    around = [position for position in range(len(good)) if position not in inside]
    assert len(around) > 5000
    path.write_bytes(good)
    with path.open("r+b") as file:
        for position in around[::7]:
            file.seek(position)
            file.write(bytes((good[position] ^ 0x01,)))
            file.flush()
            with pytest.raises(BundleUnusable):
                read_bundle(path)
            file.seek(position)
            file.write(good[position : position + 1])


def test_objects_that_are_no_car_are_named(packed: Path, tmp_path: Path) -> None:
    with tarfile.open(packed) as archive:
        start = archive.getmember(f"bundle/{OBJECTS}").offset_data
    data = bytearray(packed.read_bytes())
    data[start + 20] ^= 1
    refused(packed, tmp_path, bytes(data), OBJECTS)
