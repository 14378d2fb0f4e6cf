"""The wheel holds everything that the packages need, not only their Python files."""

import zipfile
from pathlib import Path

import pytest

from stack.binaries import ROOT
from tests.wheel import PACKAGES, build_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_every_file_of_the_packages_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    here = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "chain/abi/RoundLedger.json" in here
    assert here - packed == set()


def test_what_flower_starts_can_be_executed(wheel: Path) -> None:
    """Without it Flower would run its own program of that name, and apps without the gate."""
    with zipfile.ZipFile(wheel) as archive:
        mode = archive.getinfo("federation/gate/bin/flwr-clientapp").external_attr >> 16
    assert mode & 0o111 == 0o111
