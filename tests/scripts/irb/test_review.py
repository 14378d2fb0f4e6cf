"""`assent irb`: what a reviewer sees, signs, and stops."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chain.messages import terms_hash
from chain.signed_act import SCHEMA
from tests.desk import Desk


def test_a_reviewer_sees_every_hash_computed_again_and_the_texts(desk: Desk) -> None:
    study = desk.proposed()
    found = desk.must(f"irb show {study} --json").json
    assert found["ok"]
    names = {one["name"] for one in found["findings"]}
    assert {"terms hash", "protocol", "dpia", "recipe.json", "app.fab, source"} <= names
    terms = desk.world.chain().registry.terms(study, 1)
    assert found["terms_hash"] == "0x" + terms_hash(terms).hex()
    words = desk.must(f"irb show {study}").words
    assert "Ich erlaube diese Studie." in words
    assert "exactly the app that this installation builds" in words
    assert "primary biliary cholangitis (MONDO:0005388)" in words
    assert "a record sits out one round" in words
    assert "for 30 days after a round's close deadline" in words


def test_an_approval_shows_what_is_signed_and_the_second_puts_it_in_force(desk: Desk) -> None:
    study = desk.proposed()
    first = desk.must(f"irb approve {study} --key reviewer-1.key --no-compare-app --yes")
    assert "You sign" in first.words
    terms = desk.world.chain().registry.terms(study, 1)
    for hashed in (terms_hash(terms), terms.protocol_hash, terms.dpia_hash):
        assert hashed.hex() in first.words
    assert "until" in first.words
    assert "not in force yet" in first.words
    second = desk.must(
        f"irb approve {study} --key reviewer-2.key --carrier-key carrier.key --no-compare-app --yes"
    )
    assert "Version 1 is in force" in second.words


def test_nothing_is_signed_when_a_document_is_missing(desk: Desk) -> None:
    study = desk.world.propose()  # its hashes are of nothing that IPFS holds
    shown = desk.assent(f"irb show {study} --json")
    assert shown.code == 1
    failed = {one["name"] for one in shown.json["findings"] if not one["ok"]}
    assert failed == {
        *("protocol", "consent-text.json", "dpia", "recipe.json", "app.fab", "checkpoint"),
    }
    refused = desk.assent(f"irb approve {study} --key reviewer-1.key --yes")
    assert (refused.code, "nothing was signed" in refused.words) == (2, True)
    assert desk.must(f"study show {study} --json").json["approved_by"] == []


def test_an_app_that_this_installation_does_not_build_is_named(desk: Desk) -> None:
    study = desk.real_study()  # its app is another one
    shown = desk.assent(f"irb show {study.number} --json")
    failed = {one["name"]: one["found"] for one in shown.json["findings"] if not one["ok"]}
    assert shown.code == 1
    assert list(failed) == ["app.fab, source"]
    assert "app/client.py" in failed["app.fab, source"]


def test_an_approval_signed_offline_is_carried_by_anyone(desk: Desk, tmp_path: Path) -> None:
    study = desk.proposed()
    out = tmp_path / "approval.json"
    sign = f"irb approve {study} --key reviewer-1.key --no-compare-app --yes --offline {out}"
    desk.must(sign)
    assert out.stat().st_mode & 0o777 == 0o600
    assert desk.must(f"study show {study} --json").json["approved_by"] == []
    again = desk.assent(sign)
    assert (again.code, "exists" in again.words) == (2, True)
    desk.must(f"irb submit {out} --key carrier.key")
    approved = desk.must(f"study show {study} --json").json["approved_by"]
    assert approved == [desk.world.reviewers[0].address]
    twice = desk.assent(f"irb submit {out} --key carrier.key")
    assert twice.code == 1


def test_an_altered_act_is_refused_naming_the_member(desk: Desk, tmp_path: Path) -> None:
    study = desk.proposed()
    out = tmp_path / "approval.json"
    desk.must(f"irb approve {study} --key reviewer-1.key --no-compare-app --yes --offline {out}")
    act = json.loads(out.read_text())
    assert act["schema"] == SCHEMA

    def refusal(code: int, told: str) -> None:
        path = tmp_path / "altered.json"
        path.write_text(json.dumps(altered))
        refused = desk.assent(f"irb submit {path} --key carrier.key")
        assert (refused.code, told in refused.words) == (code, True), refused

    altered = {**act, "colour": "red"}
    refusal(2, "the file must have the members")
    altered = {**act, "schema": "assent-signed-act-9"}
    refusal(2, "schema")
    altered = json.loads(out.read_text())
    altered["typed_data"]["types"]["Approval"][0]["type"] = "uint256"
    refusal(2, "typed_data.types")
    altered = json.loads(out.read_text())
    altered["typed_data"]["domain"]["chainId"] = 1
    refusal(2, "on chain 1, not for")
    altered = json.loads(out.read_text())
    altered["typed_data"]["message"]["version"] = "x"
    refusal(2, "version is not a whole number")
    altered = json.loads(out.read_text())
    altered["signature"] = "0x" + "00" * 65
    refusal(1, "")


def test_who_is_not_on_the_committee_signs_nothing(desk: Desk) -> None:
    study = desk.proposed()
    refused = desk.assent(f"irb approve {study} --key carrier.key --no-compare-app --yes")
    assert refused.code == 1
    assert "is not a reviewer" in refused.words


def test_without_a_yes_nothing_is_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    study = desk.approved()
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    refused = desk.assent(f"irb suspend {study} --key reviewer-1.key")
    assert (refused.code, "Nothing was signed" in refused.words) == (1, True), refused
    assert desk.must(f"study show {study} --json").json["status"] == "in force, version 1"


def test_one_reviewer_suspends_and_two_resume(desk: Desk, tmp_path: Path) -> None:
    study = desk.approved()
    early = desk.assent(f"irb sign-resume {study} {tmp_path}/early.json --key reviewer-1.key --yes")
    assert early.code == 1
    desk.must(f"irb suspend {study} --key reviewer-3.key --carrier-key carrier.key --yes")
    assert desk.must(f"study show {study} --json").json["status"] == "suspended by a reviewer"
    files = [tmp_path / f"{n}.json" for n in (1, 2)]
    for number, file in enumerate(files, start=1):
        desk.must(f"irb sign-resume {study} {file} --key reviewer-{number}.key --yes")
    alone = desk.assent(f"irb resume {study} {files[0]} {files[0]} --key carrier.key")
    assert alone.code == 1, alone
    desk.must(f"irb resume {study} {files[0]} {files[1]} --key carrier.key")
    assert desk.must(f"study show {study} --json").json["status"] == "in force, version 1"
    # The same signatures are void for the next suspension.
    desk.must(f"irb suspend {study} --key reviewer-3.key --yes")
    replayed = desk.assent(f"irb resume {study} {files[0]} {files[1]} --key carrier.key")
    assert replayed.code == 1
    other = desk.assent(f"irb resume {study + 1} {files[0]} --key carrier.key")
    assert other.code == 2


def test_an_ipfs_node_that_does_not_answer_is_no_finding_about_the_study(desk: Desk) -> None:
    study = desk.proposed()
    refused = desk.assent(f"irb show {study} --ipfs /ip4/127.0.0.1/tcp/1/http")
    assert (refused.code, "does not answer" in refused.words) == (3, True), refused
    bad = desk.assent(f"irb show {study} --ipfs nonsense")
    assert (bad.code, "--ipfs" in bad.words) == (2, True), bad
