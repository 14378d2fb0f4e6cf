"""A bundle's folder: what the writer refuses to write, and the reader to read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from audit import canonical_json
from audit.bundle import read_bundle
from audit.bundle_index import ABOUT, INDEX, OBJECTS, SCHEMA
from audit.bundle_writer import write_bundle
from audit.car import CarObjects
from audit.cid import cid_of
from audit.errors import AuditError, BundleUnusable
from tests.audit.conftest import Written


class NoEvidence:
    """The least that the writer asks of evidence."""

    chain_id, study_id, block, accounts = 1, 1, None, ()

    def to_files(self) -> dict[str, bytes]:
        return {}


def test_what_was_written_is_read(written: Written) -> None:
    bundle = read_bundle(written.folder)
    assert bundle.block_hash == written.trust_block
    assert set(bundle.listed) == set(bundle.files)
    assert bundle.document(1, "protocol") == b"A protocol, as plain text."
    assert bundle.root == CarObjects(written.folder / OBJECTS).root
    assert all(cid_of(data) == cid for cid, data in bundle.objects.items())
    assert "b" + "a" * 58 not in bundle.objects


def test_the_writer_refuses_wrong_objects_odd_paths_and_a_full_folder(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="other bytes"):
        write_bundle(tmp_path, NoEvidence(), {}, {cid_of(b"one"): b"other"})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    for path in ("documents/../x", "documents/0/protocol", "/etc/passwd", "objects.car", "Chain/x"):
        with pytest.raises(AuditError, match="cannot hold"):
            write_bundle(tmp_path, NoEvidence(), {path: b""}, {})  # type: ignore[arg-type]
    (tmp_path / "something").write_bytes(b"")
    with pytest.raises(AuditError, match="not empty"):
        write_bundle(tmp_path, NoEvidence(), {}, {})  # type: ignore[arg-type]


def test_no_folder_and_an_empty_folder_are_unusable(tmp_path: Path) -> None:
    with pytest.raises(BundleUnusable, match="No such file"):
        read_bundle(tmp_path / "absent")
    with pytest.raises(BundleUnusable, match=INDEX):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    "name", ["readme.txt", "chain/extra.json", "objects/.hidden", "a/b/c/d", "Chain/code.json"]
)
def test_a_name_that_has_no_place_in_a_bundle_is_unusable(
    written: Written, tmp_path: Path, name: str
) -> None:
    folder = written.copy(tmp_path / "bundle")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(BundleUnusable, match="no place"):
        read_bundle(folder)


@pytest.mark.parametrize("kind", ["file link", "folder link", "pipe"])
def test_links_and_pipes_are_unusable(written: Written, tmp_path: Path, kind: str) -> None:
    folder = written.copy(tmp_path / "bundle")
    if kind == "file link":
        (folder / "chain/code.json").rename(tmp_path / "code.json")
        (folder / "chain/code.json").symlink_to(tmp_path / "code.json")
    elif kind == "folder link":
        (folder / "chain").rename(tmp_path / "chain")
        (folder / "chain").symlink_to(tmp_path / "chain")
    else:
        (folder / "chain/code.json").unlink()
        os.mkfifo(folder / "chain/code.json")
    with pytest.raises(BundleUnusable):
        read_bundle(folder)


def test_objects_that_are_no_car_or_absent_are_unusable(written: Written, tmp_path: Path) -> None:
    folder = written.copy(tmp_path / "bundle")
    with (folder / OBJECTS).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BundleUnusable, match=OBJECTS):
        read_bundle(folder)
    (folder / OBJECTS).unlink()
    with pytest.raises(BundleUnusable, match=OBJECTS):
        read_bundle(folder)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"schema":"assent-bundle-3"}']
)
def test_an_index_that_is_none_is_unusable(written: Written, tmp_path: Path, data: bytes) -> None:
    folder = written.copy(tmp_path / "bundle")
    (folder / INDEX).write_bytes(data)
    with pytest.raises(BundleUnusable, match=INDEX):
        read_bundle(folder)


def test_each_missing_unknown_or_mistyped_member_of_the_index_is_unusable(
    written: Written, tmp_path: Path
) -> None:
    folder = written.copy(tmp_path / "bundle")
    index = json.loads((folder / INDEX).read_bytes())
    assert index["about"] == ABOUT
    variants = [{**index, "surprise": 1}]
    for name in index:
        variants.append({key: value for key, value in index.items() if key != name})
        variants += [{**index, name: wrong} for wrong in (None, True, -1, "x", [])]
    for variant in variants:
        (folder / INDEX).write_bytes(canonical_json.dumps(variant))
        with pytest.raises(BundleUnusable, match=INDEX):
            read_bundle(folder)


@pytest.mark.parametrize("schema", ["assent-bundle-2", "assent-bundle-4"])
def test_a_bundle_of_another_schema_says_what_to_do(
    written: Written, tmp_path: Path, schema: str
) -> None:
    folder = written.copy(tmp_path / "bundle")
    (folder / INDEX).write_bytes(canonical_json.dumps({"schema": schema, "files": {}}))
    (folder / "of-that-schema").write_bytes(b"whatever it keeps where")
    with pytest.raises(BundleUnusable, match=f"{schema}, this release reads {SCHEMA}.*gather it"):
        read_bundle(folder)
