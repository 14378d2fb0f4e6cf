"""`assent data synth-scd` writes a cohort, says where, and never over something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.exit_codes import UNUSABLE
from scripts.main import call


def test_a_cohort_is_written_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cohort"
    arguments = ["data", "synth-scd", "--out", str(out), "--patients-per-site", "1", "--json"]
    assert call([*arguments, "--format", "lis", "--seed", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["patients"] == {f"centre-{n}": 1 for n in range(1, 6)}
    assert found["seed"] == 3
    assert (out / "DATASHEET.md").is_file()
    assert (out / "centre-5" / "lis" / "mapping.yaml").is_file()
    assert not (out / "centre-5" / "fhir").exists()


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert call(["data", "synth-scd", "--out", str(tmp_path)]) == UNUSABLE
    assert "name a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_format_is_wrong_usage(tmp_path: Path) -> None:
    assert call(["data", "synth-scd", "--out", str(tmp_path / "x"), "--format", "xml"]) == UNUSABLE
