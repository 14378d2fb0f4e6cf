"""Files that somebody else made, and odd paths: told as unusable, never as a defect."""

from __future__ import annotations

from pathlib import Path

import pytest

from federation.planning.plan import PlanInvalid, read_plan
from scripts.console import BadInput
from scripts.json_file import read_json
from tests.hospital import assent


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """More levels than any parser follows."""
    path = tmp_path / "deep"
    path.write_text("[" * 3_000)
    return path


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A link to itself."""
    path = tmp_path / "loop"
    path.symlink_to("loop")
    return path


def test_deep_nesting_is_no_json(deep: Path) -> None:
    with pytest.raises(BadInput, match="is not JSON"):
        read_json(deep)
    node = ("--rpc", "http://127.0.0.1:9", "--deployment", deep)
    shown = assent("study", "show", "1", *node)
    assert (shown.code, "is not a deployment file" in shown.words) == (2, True)


def test_deep_nesting_is_no_plan(deep: Path) -> None:
    with pytest.raises(PlanInvalid, match="is not YAML"):
        read_plan(deep)


def test_a_plan_that_is_not_there_is_not_said_to_be_wrongly_encoded(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid, match="plan cannot be read: No such file or directory"):
        read_plan(tmp_path / "plan")
    (tmp_path / "plan").write_bytes(b"format: \xff")
    with pytest.raises(PlanInvalid, match="plan is not UTF-8 text"):
        read_plan(tmp_path / "plan")


@pytest.mark.parametrize("command", ["report", "export"])
def test_a_link_to_itself_is_no_bundle(loop: Path, tmp_path: Path, command: str) -> None:
    assert assent("study", command, loop, "--deployment", loop, "--out", tmp_path / "out").code == 2
    assert assent("demo", "--out", loop).code == 2


def test_a_link_into_a_bundle_leads_into_it(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (tmp_path / "link").symlink_to(bundle)
    command = ("study", "report", bundle, "--deployment", tmp_path / "deployment.json")
    refused = assent(*command, "--out", tmp_path / "link" / "report")
    assert (refused.code, "lies in the bundle" in refused.words) == (2, True)
