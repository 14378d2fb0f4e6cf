"""`assent study propose`, `show`, `diff` and `documents`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from audit.checkpoint import read as read_checkpoint
from audit.recipe import parse as parse_recipe
from federation.planning.app_bundle import installed_app
from tests.desk import Desk


def test_a_proposed_study_names_documents_that_ipfs_holds_and_needs_its_reviewers(
    desk: Desk, tmp_path: Path
) -> None:
    study = desk.proposed(design={"epsilon": "6", "delta": "1e-5", "rounds": "8"})
    out = tmp_path / "documents"
    desk.must(f"study documents {study} {out}")
    terms = desk.world.chain().registry.terms(study, 1)
    assert (out / "protocol").read_text().startswith("# Protocol")
    assert hashlib.sha256((out / "app.fab").read_bytes()).digest() == terms.app_hash
    assert (out / "app.fab").read_bytes() == installed_app()
    assert hashlib.sha256((out / "dpia").read_bytes()).digest() == terms.dpia_hash
    recipe = parse_recipe((out / "recipe.json").read_bytes())
    first = read_checkpoint((out / "checkpoint-0.safetensors").read_bytes())
    assert recipe.size == terms.vector_length == len(first.prior)

    shown = desk.must(f"study show {study} --json").json
    assert shown["status"] == "not approved yet"
    assert shown["approved_by"] == []
    assert shown["privacy"]["rounds_left"] == 8
    assert shown["privacy"]["epsilon"] == 0
    assert 5.9 < shown["privacy"]["epsilon_ceiling"] <= 6.0 + 1e-6
    words = desk.must(f"study show {study}").words
    assert "needs 2 more" in words
    assert "is abandoned and run again" in words


def test_an_approved_study_is_in_force(desk: Desk) -> None:
    study = desk.approved()
    shown = desk.must(f"study show {study} --json").json
    assert shown["status"] == "in force, version 1"
    assert shown["approved_by"] == [one.address for one in desk.world.reviewers[:2]]
    assert "no round yet" in desk.must(f"study rounds {study}").words


def test_a_new_version_is_compared_with_the_one_before(desk: Desk) -> None:
    study = desk.approved(design={"min_cohort": "5"})
    desk.write_plan("tighter.yaml", committee=None, design={"min_cohort": "7"})
    desk.must(f"study propose tighter.yaml --key sponsor.key --new-version {study}")
    found = desk.must(f"study diff {study} 1 2 --json").json
    assert found["differences"] == {"min_cohort": ["5", "7"]}
    assert found["fresh_consent"] is False
    assert "carries over" in desk.must(f"study diff {study} 1 2").words

    desk.write_plan("looser.yaml", committee=None, design={"epsilon": "9"})
    desk.must(f"study propose looser.yaml --key sponsor.key --new-version {study}")
    assert desk.must(f"study diff {study} 1 3 --json").json["fresh_consent"] is True
    assert "grant anew" in desk.must(f"study diff {study} 1 3").words


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"protocol": "absent.md"}, "protocol: "),
        ({"consent_texts": {"en": "absent.txt"}}, "consent_texts.en: "),
        ({"dpia": None}, "dpia: "),
        ({"dpia": "absent.md"}, "dpia: "),
        ({"consent_texts": {"very-long-tag": "consent.en.txt"}}, "consent_texts: "),
        ({"colour": "red"}, "colour: "),
        ({"model": "unknown-1"}, "model: "),
        ({"recipe": "protocol.md"}, "recipe: "),
        ({"coordinator": "0x1234"}, "coordinator: "),
        ({"committee": None}, "committee: "),
        ({"design": {"epsilon": "-1"}}, "design.epsilon: "),
        ({"design": {"delta": "1.5"}}, "design.delta: "),
        ({"design": {"purposes": ["disease_specific_research"]}}, "design.purposes: "),
        ({"design": {"purposes": ["training", "profit"]}}, "design.purposes.1: "),
        ({"design": {"purposes": ["training", "not_for_profit"]}}, "is a condition, not a use"),
        ({"design": {"undertakings": ["clinical_care"]}}, "design.undertakings.0: "),
        ({"design": {"undertakings": ["time_limit"]}}, "design.undertakings.0: "),
        ({"design": {"disease": "5388"}}, "design.disease: "),
        ({"design": {"disease": None}}, "names its disease"),
        ({"design": {"purposes": ["training", "general_research"]}}, "only a study for disease"),
        ({"design": {"max_charged_aborts": "0"}}, "design.max_charged_aborts: "),
        ({"design": {"answer_seconds": "0"}}, "design.answer_seconds: "),
        ({"design": {"late_revocation": "never"}}, "design.late_revocation: "),
        ({"design": {"min_sites": "4", "tolerated_colluders": "3"}}, "tolerated_colluders: "),
        ({"design": {"min_sites": "6"}}, "min_sites is 6"),
        ({"format": "assent-plan-9"}, "format: "),
    ],
)
def test_a_plan_that_cannot_be_used_names_the_member(
    desk: Desk, changes: dict[str, Any], named: str
) -> None:
    before = desk.world.chain().registry.study_count()
    desk.write_plan(**changes)
    refused = desk.assent("study propose plan.yaml --key sponsor.key")
    assert refused.code == 2, refused
    assert named in refused.err
    assert "Loading libraries" in refused.err
    assert desk.world.chain().registry.study_count() == before


def test_committees_that_cannot_work_are_refused(desk: Desk) -> None:
    reviewers = [one.address for one in desk.world.reviewers]
    for committee, told in (
        ({"reviewers": reviewers, "threshold": 4}, "4 of 3"),
        ({"reviewers": reviewers, "threshold": 1}, "at least 2"),
        ({"reviewers": reviewers[:1], "threshold": 1}, "committee.reviewers"),
        ({"reviewers": [reviewers[0]] * 2, "threshold": 2}, "named twice"),
    ):
        desk.write_plan(committee=committee)
        refused = desk.assent("study propose plan.yaml --key sponsor.key")
        assert (refused.code, told in refused.words) == (2, True), refused


def test_a_site_that_is_not_registered_is_named_before_anything_is_published(desk: Desk) -> None:
    stranger = desk.world.carrier.address
    desk.write_plan(sites=[stranger, *(site.address for site in desk.world.sites)])
    refused = desk.assent("study propose plan.yaml --key sponsor.key")
    assert refused.code == 2
    assert f"sites: {stranger}" in refused.words


def test_a_sponsor_who_reviews_is_refused_by_the_chain(desk: Desk) -> None:
    desk.write_plan()
    refused = desk.assent("study propose plan.yaml --key reviewer-1.key")
    assert refused.code == 1
    assert "cannot review its own study" in refused.words


def test_equal_keys_and_unquoted_addresses_mean_what_they_say(desk: Desk) -> None:
    text = desk.write_plan().read_text()
    (desk.folder / "plan.yaml").write_text(text + "\nprotocol: other.md\n")
    assert "twice" in desk.assent("study propose plan.yaml --key sponsor.key").words
    plan = yaml.safe_load(text)
    bare = text.replace(f"'{plan['coordinator']}'", plan["coordinator"])
    assert bare != text
    (desk.folder / "plan.yaml").write_text(bare)
    desk.must("study propose plan.yaml --key sponsor.key")


@pytest.mark.parametrize(
    "line",
    [
        "study show 9999",
        "study rounds 9999",
        "study diff 9999 1 2",
        "study documents 9999 never",
        "study bundle 9999 never",
        "irb show 9999",
        "irb suspend 9999 --key reviewer-1.key --yes",
        "irb renew 9999 --key reviewer-1.key --yes",
    ],
)
def test_an_unknown_study_is_a_refusal_with_its_number(desk: Desk, line: str) -> None:
    refused = desk.assent(line)
    assert refused.code == 1, refused
    assert "There is no study 9999" in refused.words
    assert not (desk.folder / "never").exists()
