"""The folder on disk is the approved FAB, byte for byte, or it is refused."""

import os
import shutil
from pathlib import Path

import pytest
from flwr.cli.install import install_from_fab
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.small_federation import write_app
from federation.gate.fork_server.fab import (
    FabError,
    build_fab,
    check_folder_name,
    read_fab_folder,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    others = {"audit/__init__.py": "ONE = 1\n", "notes.json": "[]", "é.py": ""}
    return build_fab(write_app(tmp_path_factory.mktemp("app") / "probe", "x = 1\n", others))


@pytest.fixture
def installed(bundle: tuple[bytes, str], tmp_path: Path) -> Path:
    """The folder that Flower itself installs the FAB into."""
    return install_from_fab(bundle[0], tmp_path, skip_prompt=True)


def hash_of(folder: Path) -> str:
    """As the gate finds it, before it compares it with the one that was approved."""
    found = read_fab_folder(folder).fab_hash
    check_folder_name(folder, found)
    return found


def test_the_hash_of_what_flower_installed_is_the_hash_of_the_fab(
    bundle: tuple[bytes, str], installed: Path
) -> None:
    assert hash_of(installed) == bundle[1]


def test_a_project_builds_to_the_same_fab_every_time(tmp_path: Path) -> None:
    first = build_fab(write_app(tmp_path / "probe", "x = 1\n"))
    again = build_fab(write_app(tmp_path / "elsewhere" / "probe", "x = 1\n"))
    assert first == again


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_byte_or_size_of_any_file_is_refused(
    bundle: tuple[bytes, str],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    folder = install_from_fab(bundle[0], tmp_path_factory.mktemp("home"), skip_prompt=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content)))
    if position < len(content) and data.draw(st.booleans()):
        content[position] ^= data.draw(st.integers(1, 255))
    else:
        content.insert(position, data.draw(st.integers(0, 255)))
    path.write_bytes(content)
    with pytest.raises(FabError):
        hash_of(folder)
    shutil.rmtree(folder.parent)


@pytest.mark.parametrize(
    "planted",
    [
        "extra.py",
        "__pycache__/client.cpython-311.pyc",
        "audit/__init__.cpython-311-x86_64-linux-gnu.so",
        ".hidden",
        ".info/CONTENT",
    ],
)
def test_an_added_file_is_refused(installed: Path, planted: str) -> None:
    (installed / planted).parent.mkdir(exist_ok=True)
    (installed / planted).write_bytes(b"")
    with pytest.raises(FabError, match="added, changed or removed"):
        hash_of(installed)


def test_a_deleted_and_a_renamed_file_are_refused(installed: Path) -> None:
    (installed / "notes.json").rename(installed / "note.json")
    with pytest.raises(FabError, match="added, changed or removed"):
        hash_of(installed)
    (installed / "note.json").unlink()
    with pytest.raises(FabError, match="added, changed or removed"):
        hash_of(installed)


def test_links_devices_and_empty_folders_are_refused_by_name(
    installed: Path, tmp_path: Path
) -> None:
    notes = installed / "notes.json"
    kept = tmp_path / "kept.json"
    notes.rename(kept)
    for make in (notes.symlink_to, notes.hardlink_to):
        make(kept)
        with pytest.raises(FabError, match=r"notes\.json"):
            read_fab_folder(installed)
        notes.unlink()
    os.mkfifo(notes)
    with pytest.raises(FabError, match=r"notes\.json"):
        read_fab_folder(installed)
    notes.unlink()
    kept.rename(notes)
    (installed / "linked").symlink_to(tmp_path)
    with pytest.raises(FabError, match="linked is a symbolic link"):
        read_fab_folder(installed)
    (installed / "linked").unlink()
    (installed / "torch").mkdir()
    with pytest.raises(FabError, match="torch is an empty folder"):
        read_fab_folder(installed)


def test_a_folder_that_is_a_link_missing_or_no_app_is_refused(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(installed)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.py").write_text("")
    for name in ("link", "missing", "other"):
        with pytest.raises(FabError, match=name):
            read_fab_folder(tmp_path / name)


def test_a_folder_named_for_another_fab_is_refused(
    bundle: tuple[bytes, str], installed: Path
) -> None:
    moved = installed.rename(installed.with_name("assent.probe.1.0.0.00000000"))
    with pytest.raises(FabError, match="under another hash"):
        check_folder_name(moved, bundle[1])


def test_more_than_flowers_limit_is_refused(installed: Path) -> None:
    with (installed / "big.json").open("wb") as big:
        big.truncate(11 * 1024 * 1024)
    with pytest.raises(FabError, match="limit"):
        read_fab_folder(installed)


def test_a_project_that_flower_cannot_build_is_named(tmp_path: Path) -> None:
    with pytest.raises(FabError, match=str(tmp_path)):
        build_fab(tmp_path)
