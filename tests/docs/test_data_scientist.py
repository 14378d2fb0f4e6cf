"""Every command and every line of Python of docs/data-scientist.md, run in its order."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from audit.recipe import Recipe, parse
from federation.app.learning.recipe import recommended_recipe
from federation.planning.design import StudyDesign
from federation.planning.foreseen_privacy import foresee_privacy
from federation.planning.plan import DesignPlan, Plan, read_plan
from tests.desk import Answer, Desk, desk
from tests.docs.page import Reader, blocks, page
from twin.log_linear import LogLinearModel

__all__ = ["desk"]

NAME = "data-scientist.md"


def test_the_commands_and_the_code_of_the_page_work_in_their_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = desk.proposed()

    def run_the_code(_: Answer) -> None:
        names: dict[str, Any] = {}
        monkeypatch.chdir(desk.folder)
        for block in blocks(NAME, "python"):
            exec(compile(block, NAME, "exec"), names)
        assert set(names["prior"]) == {"mean", "log_sd", "correlation", "log_noise"}
        assert (names["ahead"].mean > 0).all()
        assert parse((desk.folder / "recipe.json").read_bytes()).support_visits == 3
        assert "numbers instead of 50" in capsys.readouterr().out
        # The plan of the page, for the people who are here.
        plan = yaml.safe_load(blocks(NAME, "yaml")[0])
        world = desk.world
        plan["coordinator"] = world.coordinator.address
        plan["sites"] = [site.address for site in world.sites]
        plan["committee"]["reviewers"] = [one.address for one in world.reviewers]
        (desk.folder / "plan.yaml").write_text(yaml.safe_dump(plan))

    def proposed(answer: Answer) -> None:
        assert "support" not in answer.err

    Reader(
        desk,
        NAME,
        means={"STUDY": str(study)},
        then={"checkpoint get": run_the_code, "study propose": proposed},
    ).follow()
    (desk.folder / "prior.safetensors").unlink()
    shutil.rmtree(desk.folder / "simulation")


def test_the_plan_shown_has_every_member_with_its_default(desk: Desk) -> None:
    (shown,) = blocks(NAME, "yaml")
    path = desk.folder / "shown.yaml"
    path.write_text(shown)
    plan = read_plan(path)
    assert plan.model_fields_set == set(Plan.model_fields)
    assert plan.design.model_fields_set == set(DesignPlan.model_fields)
    assert plan.design.design() == StudyDesign()
    assert {field.name for field in fields(StudyDesign)} == set(DesignPlan.model_fields)


def test_the_noise_told_is_that_of_the_plan_shown(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(blocks(NAME, "yaml")[0])
    plan = read_plan(tmp_path / "plan.yaml")
    privacy = foresee_privacy(plan, recommended_recipe(LogLinearModel()), plan.design.rounds)
    for numbers, told in (10, "0.049"), (60, "0.12"), (1000, "0.49"), (10_000, "1.55"):
        length = replace(privacy, size=numbers).noise_norm(150)
        assert f"{length:.{len(told) - 2}f}" == told
        assert re.search(rf"{re.escape(told)}\s[\w\s]*at {numbers:,}\b", page(NAME))


def test_the_table_explains_every_member_of_a_recipe() -> None:
    for field in fields(Recipe):
        assert f"`{field.name}`" in page(NAME)
