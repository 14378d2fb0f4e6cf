"""docs/sickle-cell.md: what it shows runs, and its table says what the code does."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import pytest

from scripts.main import call
from tests.docs.page import blocks, console_lines, page
from twin.sickle_cell import figures as f
from twin.sickle_cell.physiology import PARAMETERS

NAME = "sickle-cell.md"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = blocks(NAME, "python")
    exec(compile(shown, NAME, "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) >= 2


def test_the_command_makes_every_file_that_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = console_lines(NAME)
    words = shlex.split(line.removeprefix("$ "))
    assert words[0] == "assent"
    assert call([*words[1:], "--patients-per-site", "1"]) == 0
    for name in ("observations.csv", "doses.csv", "patients.csv", "truth.csv", "DATASHEET.md"):
        assert f"`{name}`" in page(NAME)
        assert (tmp_path / "cohort" / name).is_file()
    with (tmp_path / "cohort" / "doses.csv").open(encoding="utf-8", newline="") as file:
        assert {row["code"] for row in csv.DictReader(file)} == {"rxnorm-5552"}


def test_the_table_names_every_parameter_and_its_figures() -> None:
    text = page(NAME)
    assert all(f"| `{name}` |" in text for name in PARAMETERS)
    for shown in (
        f"{f.CLEARANCE:g} L/h",
        f"{f.HBF_KIN:g} %/d",
        f"{f.HBF_KOUT:g} /d",
        f"{f.MCV_KIN / f.MCV_KOUT:.1f} fL",
        f"{f.HAEMOGLOBIN_GAIN:.4f}",
        f"{f.MARROW_EFFECT:.4f} L/mg",
    ):
        assert shown in text, shown
