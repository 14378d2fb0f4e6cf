"""`assent study rounds`, `abort` and `bundle`, and a token's part in rounds."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import randbytes

from tests.desk import Desk


def test_a_bundle_gathered_by_command_verifies_with_the_hash_that_it_prints(
    desk: Desk, tmp_path: Path
) -> None:
    study = desk.real_study()
    sites = desk.world.sites
    patients = [study.patient(site) for site in sites for _ in range(2)]
    study.round()
    desk.publish(study)
    study.revoke(patients[0])
    study.patient(sites[0])
    study.open()

    bundle = tmp_path / "bundle"
    gathered = desk.must(f"study bundle {study.number} {bundle} --json").json
    verified = desk.must(f"verify {bundle} --trust-block {gathered['block_hash']} --json").json
    assert verified["ok"]
    assert [one["state"] for one in verified["rounds"]] == ["closed", "open"]
    # The same without a hash from elsewhere: the anchor fails, and the exit code says so.
    untrusted = desk.assent(f"verify {bundle} --json")
    assert untrusted.code == 1
    assert {one["name"] for one in untrusted.json["checks"] if not one["ok"]} == {"anchor"}

    rounds = desk.must(f"study rounds {study.number} --json").json["rounds"]
    assert [one["state"] for one in rounds] == ["closed", "open"]
    assert set(rounds[0]["cohorts"].values()) == {2}
    shown = desk.must(f"study show {study.number} --json").json
    assert shown["rounds"] == 2
    assert shown["privacy"]["charged"] == 1
    assert shown["privacy"]["rho_spent"] == rounds[0]["rho"]

    first, second = (str(token) for token, _ in patients[:2])
    gone = desk.must(f"patient status {first} --json").json
    assert gone["active"] is False
    assert gone["revoked_at"] is not None
    assert gone["rounds"] == [
        {"round": 1, "state": "closed", "used": True},
        {"round": 2, "state": "open", "used": None},
    ]
    stays = desk.must(f"patient status {second} --json").json
    assert stays["active"] is True
    assert "may have used it" in desk.must(f"patient status {second}").words

    other = desk.assent(f"study bundle {study.number} {bundle}")
    assert other.code == 2
    assert "not an empty folder" in other.words
    shutil.rmtree(bundle)


def test_terms_that_nobody_approved_keep_nobody_from_the_evidence(
    desk: Desk, tmp_path: Path
) -> None:
    """A sponsor proposes what it likes, and need publish nothing of it."""
    study = desk.real_study()
    desk.publish(study)
    chain = desk.world.chain(desk.world.sponsor)
    terms = chain.registry.terms(study.number, 1)
    unpublished = replace(terms, dpia_hash=randbytes(32), initial_checkpoint=randbytes(32))
    chain.registry.propose_version(study.number, unpublished)

    bundle = tmp_path / "bundle"
    gathered = desk.must(f"study bundle {study.number} {bundle} --json").json
    desk.must(f"verify {bundle} --trust-block {gathered['block_hash']}")
    assert sorted(path.name for path in (bundle / "documents").iterdir()) == ["1"]


def test_a_round_that_did_not_seal_in_time_is_ended_by_anyone(desk: Desk) -> None:
    early = desk.real_study()
    refused = desk.assent(f"study abort {early.number} {early.open()} --key carrier.key")
    assert (refused.code, "cannot be aborted" in refused.words) == (1, True), refused

    study = desk.real_study(commit_seconds=1, seal_seconds=1)
    number = study.open()
    for _ in range(50):
        study.patient(desk.world.sites[0])  # so that chain time moves on
        late = desk.assent(f"study abort {study.number} {number} --key carrier.key --json")
        if late.code == 0:
            break
    assert json.loads(late.out)["reason"] == "seal deadline passed"
    rounds = desk.must(f"study rounds {study.number} --json").json["rounds"]
    assert (rounds[0]["state"], rounds[0]["rho"]) == ("aborted", "0")


def test_running_refuses_an_app_that_is_not_the_approved_one(desk: Desk, tmp_path: Path) -> None:
    from federation.app.coordinator import CoordinatorConfig
    from federation.app.package import stage_app

    study = desk.approved()
    coordinator = tmp_path / "coordinator"
    coordinator.mkdir()
    (tmp_path / "superlink" / "flower").mkdir(parents=True)
    (tmp_path / "superlink" / "flower" / "config.toml").write_text("")
    CoordinatorConfig(study, desk.world.rpc_url, str(desk.deployment), desk.ipfs).save(coordinator)
    app = stage_app(tmp_path / "assent-app")
    (app / "federation" / "app" / "client.py").open("a").write("\n# altered\n")
    refused = desk.assent(f"study run {study} --coordinator {coordinator} --app {app}")
    assert refused.code == 1, refused
    assert "every site would refuse it" in refused.words

    desk.must(f"irb suspend {study} --key reviewer-3.key --yes")
    refused = desk.assent(f"study run {study} --coordinator {coordinator}")
    assert (refused.code, "is suspended" in refused.words) == (1, True), refused

    wrong = desk.assent(f"study run {study + 1} --coordinator {coordinator}")
    assert (wrong.code, f"runs study {study}" in wrong.words) == (2, True), wrong
