"""`assent patient`: reading, granting, revoking, and what was done with a consent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chain.messages import Grant, Purpose
from chain.signed_act import read_typed_data
from scripts.keys import read_key
from tests.desk import Desk


@pytest.fixture(scope="module")
def study(desk: Desk) -> int:
    return desk.approved()


def test_a_key_is_private_and_never_overwritten(desk: Desk) -> None:
    address = desk.patient("anna")
    path = desk.folder / "anna.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path).address == address
    again = desk.assent("patient key anna.key")
    assert (again.code, "never overwritten" in again.words) == (2, True)
    secret = path.read_text().strip()
    path.chmod(0o644)
    open_to_all = desk.assent("patient sign-revocation 1 out.json --key anna.key")
    assert open_to_all.code in (1, 2)
    refused = desk.assent("irb suspend 1 --key anna.key --yes")
    assert (refused.code, "chmod 600" in refused.words) == (2, True), refused
    assert secret not in refused.words
    path.chmod(0o600)
    path.write_text(secret[:-1])
    malformed = desk.assent("irb suspend 1 --key anna.key --yes")
    assert (malformed.code, secret[2:20] in malformed.words) == (2, False), malformed


def test_reading_says_what_a_grant_would_say_and_signs_nothing(desk: Desk, study: int) -> None:
    desk.write_enrolment(study, desk.patient("berta"), "berta")
    read = desk.must("patient read berta.enrolment.json --days 90 --language de").words
    assert "Ich erlaube diese Studie." in read
    assert "disease specific research (DUO:0000007), training" in read
    assert desk.world.sites[0].address in read
    typed = desk.must("patient read berta.enrolment.json --purpose evaluation --json").json
    domain, grant = read_typed_data(typed, Grant)
    assert domain == desk.world.chain().consent.domain
    assert grant.purposes == Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.EVALUATION
    assert desk.world.chain().consent.minted_count(study, desk.world.sites[0].address) == 0
    absent = desk.assent("patient read berta.enrolment.json --language fr")
    assert (absent.code, "no text in 'fr', but de, en" in absent.words) == (2, True), absent
    unknown = desk.assent("patient read berta.enrolment.json --purpose profit")
    assert (unknown.code, "no purpose 'profit'" in unknown.words) == (2, True), unknown


def test_a_grant_is_active_until_it_is_revoked(desk: Desk, study: int) -> None:
    token = desk.granted(study, "carla", "--purpose training --days 30")
    found = desk.must(f"patient status {token} --json").json
    assert (found["active"], found["rounds_may_use_it"]) == (True, True)
    assert found["disease"] == "primary biliary cholangitis (MONDO:0005388)"
    assert found["conditions"] == []
    assert found["use_end"] - found["use_start"] == 30 * 86_400
    assert found["purposes"] == ["disease specific research (DUO:0000007)", "training"]
    desk.must(f"patient revoke {token} --key carla.key --carrier-key carrier.key --yes")
    found = desk.must(f"patient status {token} --json").json
    assert (found["active"], found["rounds_may_use_it"]) == (False, False)
    assert found["revoked_at"] is not None
    again = desk.assent(f"patient revoke {token} --key carla.key --carrier-key carrier.key --yes")
    assert again.code == 1


def test_a_grant_signed_before_a_revocation_never_revives_the_token(
    desk: Desk, study: int, tmp_path: Path
) -> None:
    holder = desk.patient("dora")
    for name in ("dora-1", "dora-2"):
        desk.write_enrolment(study, holder, name)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for name, out in (("dora-1", first), ("dora-2", second)):
        desk.must(f"patient grant {name}.enrolment.json --key dora.key --offline {out} --yes")
    granted = desk.must(f"patient submit {first} --key carrier.key --json").json
    desk.must(f"patient revoke {granted['token']} --key dora.key --carrier-key carrier.key --yes")
    late = desk.assent(f"patient submit {second} --key carrier.key")
    assert late.code == 1
    replayed = desk.assent(f"patient submit {first} --key carrier.key")
    assert replayed.code == 1


def test_a_revocation_signed_in_advance_is_carried_by_somebody_else(
    desk: Desk, study: int, tmp_path: Path
) -> None:
    token = desk.granted(study, "emma")
    out = tmp_path / "revocation.json"
    desk.must(f"patient sign-revocation {token} {out} --key emma.key")
    assert out.stat().st_mode & 0o777 == 0o600
    (desk.folder / "emma.key").unlink()
    assert desk.must(f"patient status {token} --json").json["active"] is True
    # Also while the study is suspended: nothing pauses a revocation.
    desk.must(f"irb suspend {study} --key reviewer-1.key --yes")
    assert desk.must(f"patient status {token} --json").json["active"] is False
    done = desk.must(f"patient submit {out} --key carrier.key --json").json
    assert done == {"act": "revocation", "token": str(token)}
    for number in (1, 2):
        desk.must(
            f"irb sign-resume {study} {tmp_path}/r{number}.json --key reviewer-{number}.key --yes"
        )
    desk.must(f"irb resume {study} {tmp_path}/r1.json {tmp_path}/r2.json --key carrier.key")
    assert desk.must(f"patient status {token} --json").json["revoked_at"] is not None


def test_an_enrolment_is_for_its_holder_and_by_the_registered_hospital(
    desk: Desk, study: int
) -> None:
    desk.patient("frida")
    desk.write_enrolment(study, desk.patient("gerda"), "gerda")
    other = desk.assent(
        "patient grant gerda.enrolment.json --key frida.key --carrier-key carrier.key --yes"
    )
    assert (other.code, "enrol your address" in other.words) == (2, True), other

    site = desk.world.sites[0].address
    key = desk.world.enrolment_keys[site]
    desk.world.enrolment_keys[site] = desk.world.carrier
    path = desk.write_enrolment(study, read_key(desk.folder / "gerda.key").address, "gerda")
    desk.world.enrolment_keys[site] = key
    forged = desk.assent(f"patient read {path}")
    assert (forged.code, "not signed by the key" in forged.words) == (1, True), forged

    value = json.loads(path.read_text())
    value["enrolment"]["study_id"] = "1"
    path.write_text(json.dumps(value))
    malformed = desk.assent(f"patient read {path}")
    assert (malformed.code, "study_id" in malformed.words) == (2, True), malformed


def test_one_record_has_one_consent(desk: Desk, study: int) -> None:
    token = desk.granted(study, "hanna")
    desk.write_enrolment(study, read_key(desk.folder / "hanna.key").address, "hanna")
    second = desk.assent("patient read hanna.enrolment.json")
    assert (second.code, str(token) in second.words) == (1, True), second


def test_an_address_without_ether_is_told_to_have_a_carrier(desk: Desk, study: int) -> None:
    desk.write_enrolment(study, desk.patient("ida"), "ida")
    refused = desk.assent("patient grant ida.enrolment.json --key ida.key --yes")
    assert (refused.code, "--carrier-key" in refused.words) == (2, True), refused


def test_a_token_that_is_none_is_a_clear_error(desk: Desk, study: int) -> None:
    unknown = desk.assent(f"patient status {study << 192}")
    assert unknown.code == 1
    assert "Traceback" not in unknown.err
    text = desk.assent("patient status my-token")
    assert (text.code, "not a token's number" in text.words) == (2, True)
    reviewers_act = desk.assent("patient submit plan.yaml --key carrier.key")
    assert reviewers_act.code == 2


def test_a_patients_condition_counts_only_where_the_study_undertakes_it(desk: Desk) -> None:
    study = desk.approved(design={"undertakings": ["not_for_profit"]})
    desk.write_enrolment(study, desk.patient("jana"), "jana")
    read = "patient read jana.enrolment.json --condition"
    kept = desk.must(f"{read} not-for-profit").words
    assert "only by organisations that are not for profit (DUO:0000045)" in kept
    assert "rounds may use the record" in kept
    broken = desk.must(f"{read} collaboration-required").words
    assert "no round will use the record" in broken
    use = desk.assent(f"{read} general-research")
    assert (use.code, "is a purpose, not a condition" in use.words) == (2, True), use

    token = desk.granted(study, "jana", "--condition not-for-profit")
    found = desk.must(f"patient status {token} --json").json
    assert found["conditions"] == ["only by organisations that are not for profit (DUO:0000045)"]
    assert found["rounds_may_use_it"] is True
    unmet = desk.granted(study, "karin", "--condition collaboration-required")
    found = desk.must(f"patient status {unmet} --json").json
    assert (found["active"], found["rounds_may_use_it"]) == (True, False)


def test_after_a_revocation_a_record_waits_and_needs_a_new_enrolment(desk: Desk) -> None:
    study = desk.real_study(waiting_rounds=1)
    token = desk.granted(study.number, "lena")
    enrolment = "patient grant lena.enrolment.json --key lena.key --carrier-key carrier.key --yes"
    desk.must(f"patient revoke {token} --key lena.key --carrier-key carrier.key --yes")
    replayed = desk.assent(enrolment)
    assert replayed.code == 1, replayed
    holder = read_key(desk.folder / "lena.key").address
    desk.world.wait(1)
    desk.write_enrolment(study.number, holder, "lena")
    early = desk.assent(enrolment)
    assert (early.code, "round" in early.words) == (1, True), early
    study.chain.ledger.abort(study.number, study.open())
    desk.must(enrolment)


def test_a_holder_asks_for_a_receipt_also_after_revoking(desk: Desk, tmp_path: Path) -> None:
    study = desk.real_study(answer_seconds=1)
    token = desk.granted(study.number, "maria")
    for site in desk.world.sites:
        for _ in range(2):
            study.patient(site)
    number = study.round()
    ask = f"patient challenge {token} {number} --key maria.key"
    early = desk.assent(f"{ask} --carrier-key carrier.key --yes".replace(f" {number} ", " 9 "))
    assert early.code == 1, early
    desk.must(f"patient revoke {token} --key maria.key --carrier-key carrier.key --yes")
    other = desk.assent(f"patient challenge {token} {number} --key sponsor.key --yes")
    assert (other.code, "belongs to" in other.words) == (2, True), other
    out = tmp_path / "question.json"
    desk.must(f"{ask} --yes --offline {out}")
    done = desk.must(f"patient submit {out} --key carrier.key --json").json
    assert done == {"act": "challenge", "token": str(token)}
    (asked,) = desk.must(f"study show {study.number} --json").json["challenges"]
    assert (asked["round"], asked["token"]) == (number, str(token))

    site = desk.world.sites[0].address
    desk.world.wait(1)
    fault = f"study fault {study.number} {number} {site} --key carrier.key"
    mistaken = desk.assent(fault)  # nobody asked for a replay
    assert mistaken.code == 1, mistaken
    desk.must(f"{fault} --token {token}")
    shown = desk.must(f"study show {study.number} --json").json
    assert shown["challenges"][0]["state"] == "not answered"
    assert shown["barred"] == {site: number}
