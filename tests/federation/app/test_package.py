"""The app that reviewers approve: small enough to travel, and whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.unixfs import BLOCK_BYTES
from federation.app.package import PARTS, stage_app
from federation.planning.app_bundle import installed_app

OURS = ("api", "audit", "chain", "federation", "ipfs", "scripts", "stack", "study", "twin")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage_app(tmp_path_factory.mktemp("staged") / "assent")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_module_that_it_imports_is_in_it_or_in_the_gate(staged: Path) -> None:
    here = {
        path.relative_to(staged).with_suffix("").as_posix().replace("/", ".")
        for path in staged.rglob("*.py")
    }
    folders = {name.removesuffix(".__init__") for name in here}
    missing = [
        f"{path.relative_to(staged)} imports {name}"
        for path in staged.rglob("*.py")
        for name in imported(path)
        if name.partition(".")[0] in OURS
        and not name.startswith("federation.gate")
        and name not in folders
        and name.rpartition(".")[0] not in folders
    ]
    assert missing == []
    assert {part.partition("/")[0] for part in PARTS} == {
        path.name for path in staged.iterdir() if path.is_dir()
    }


def test_the_verifier_is_no_part_of_it(staged: Path) -> None:
    assert not (staged / "audit/verify.py").exists()
    assert not (staged / "audit/checks").exists()


def test_it_is_one_block_with_room_to_grow() -> None:
    assert len(installed_app()) < 0.95 * BLOCK_BYTES
