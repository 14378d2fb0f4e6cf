"""`assent study simulate`: with a plan alone, no node anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from federation.planning.simulating import CAVEAT
from scripts.exit_codes import UNUSABLE
from tests.hospital import assent

PLAN = {
    "format": "assent-plan-1",
    "protocol": "not-written-yet.md",
    "consent_texts": {"en": "not-written-yet.txt"},
    "dpia": "not-written-yet.md",
    "coordinator": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "sites": [
        "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
        "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
        "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
        "0xBcd4042DE499D14e55001CcbB24a551F3b954096",
    ],
    "design": {"disease": "MONDO:0005388", "clipping_norm": "0.25"},
}
SMALL = ("--patients", "8", "--patients", "16", "--worlds", "2", "--rounds", "2", "--jobs", "1")


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN))
    return path


def test_it_tells_and_writes_what_it_foresees_and_that_nobody_is_real(
    plan: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told = assent("study", "simulate", str(plan), *SMALL, "--quick", "--out", str(out))
    assert told.code == 0
    assert CAVEAT in told.words
    for words in ("2 closed rounds", "left for abandoned rounds", "as planned", "private is lower"):
        assert words in told.words
    page = (out / "simulation.html").read_text()
    assert CAVEAT in page
    assert "<svg" in page
    for loading in ("src=", "<link", "<script", "url(http"):
        assert loading not in page
    assert (out / "simulation.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((out / "simulation.json").read_text())
    assert [one["patients"] for one in found["by_patients"]] == [8, 16]
    assert found["note"] == CAVEAT
    assert found["privacy"]["rounds_to_spare"] == 8

    again = assent("study", "simulate", str(plan), *SMALL, "--quick", "--json")
    assert json.loads(again.out) == found


@pytest.mark.parametrize(
    ("change", "arguments", "named"),
    [
        ({"model": "no-such-model"}, (), "no-such-model"),
        ({"recipe": "absent.json"}, (), "absent.json"),
        ({}, ("--rounds", "11"), "room for 10 rounds, not 11"),
        ({}, ("--out", "{plan}"), "is not a folder"),
        ({"sites": []}, (), "sites"),
    ],
)
def test_a_plan_that_cannot_be_simulated_is_named(
    plan: Path, change: dict[str, object], arguments: tuple[str, ...], named: str
) -> None:
    plan.write_text(yaml.safe_dump(PLAN | change))
    given = [one.format(plan=plan) for one in arguments]
    answer = assent("study", "simulate", str(plan), "--quick", *given)
    assert answer.code == UNUSABLE
    assert named in answer.words
