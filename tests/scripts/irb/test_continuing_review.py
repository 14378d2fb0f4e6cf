"""`assent irb`: approvals that expire and are renewed, seats that change, and what sites answer."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from eth_account import Account

from chain.messages import approval_for
from chain.signed_act import SignedAct
from study.approving import DAY, LONGEST_SECONDS, USUAL_SECONDS, expiry
from tests.desk import Desk

NOW = 1_800_000_000  # 2027-01-15 08:00 UTC


def test_an_expiry_is_a_date_or_a_length_of_time_of_at_most_366_days() -> None:
    assert expiry(None, NOW) == NOW + USUAL_SECONDS == NOW + 364 * DAY
    assert expiry("90d", NOW) == NOW + 90 * DAY
    assert expiry("1y", NOW) == NOW + 365 * DAY
    assert expiry("2027-02-01", NOW) == 1_801_440_000
    assert expiry("366d", NOW) == NOW + LONGEST_SECONDS
    for wrong in ("367d", "2y", "2027-01-15", "2026-12-31", "0d", "soon", "2027-02-30", "-1d"):
        with pytest.raises(ValueError):
            expiry(wrong, NOW)


def test_an_approval_says_until_when_and_the_study_shows_it(desk: Desk) -> None:
    study = desk.proposed()
    far = desk.assent(f"irb approve {study} --key reviewer-1.key --no-compare-app --expires 2y")
    assert (far.code, "--expires" in far.words) == (2, True), far
    for number, when in ((1, "30d"), (2, "90d")):
        done = desk.must(
            f"irb approve {study} --key reviewer-{number}.key --no-compare-app --expires {when}"
            " --yes --json"
        ).json
    assert done["in_force"] is True
    shown = desk.must(f"study show {study} --json").json
    first, second = (shown["approvals"][one.address] for one in desk.world.reviewers[:2])
    assert second - first > 59 * DAY
    assert done["approved_until"] == shown["approved_until"] == first
    assert shown["approvals"][desk.world.reviewers[2].address] is None
    assert "until" in desk.must(f"study show {study}").words


def test_continuing_review_extends_the_approval_once_enough_have_renewed(desk: Desk) -> None:
    study = desk.proposed()
    early = desk.assent(f"irb renew {study} --key reviewer-1.key --yes")
    assert (early.code, "no version in force" in early.words) == (2, True), early
    day = datetime.fromtimestamp(desk.world.now + 30 * DAY, UTC).date()
    for number in (1, 2):
        approve = f"irb approve {study} --key reviewer-{number}.key --no-compare-app --yes"
        desk.must(f"{approve} --expires {day}")
    until = desk.must(f"study show {study} --json").json["approved_until"]
    first = desk.must(f"irb renew {study} --key reviewer-1.key --yes")
    assert "What the study has done" in first.words
    assert desk.must(f"study show {study} --json").json["approved_until"] == until
    again = desk.assent(f"irb renew {study} --key reviewer-1.key --expires 30d --yes")
    assert again.code == 1, again
    # Who had not approved before may renew as well.
    second = desk.must(f"irb renew {study} --key reviewer-3.key --yes --json").json
    assert second["approved_until"] > until + 300 * DAY


def test_a_study_whose_approval_has_expired_says_so_and_takes_no_consent(desk: Desk) -> None:
    study, world = desk.proposed(), desk.world
    chain = world.chain()
    terms, domain = chain.registry.terms(study, 1), chain.registry.domain
    desk.write_enrolment(study, desk.patient("nora"), "nora")
    # The other reviewer's lasts, which is one too few: only the last signature is in a hurry.
    lasting = approval_for(study, 1, terms, chain.head().timestamp + USUAL_SECONDS)
    SignedAct.sign(lasting, domain, world.reviewers[0]).carry(chain)
    soon = chain.head().timestamp + 8
    SignedAct.sign(approval_for(study, 1, terms, soon), domain, world.reviewers[1]).carry(chain)
    while max(chain.head().timestamp, time.time()) < soon:
        time.sleep(0.5)
    assert desk.must(f"study show {study} --json").json["status"] == "approval expired, version 1"
    refused = desk.assent("patient read nora.enrolment.json")
    assert (refused.code, "has expired" in refused.words) == (1, True), refused


def test_a_seat_changes_hands_with_the_signatures_of_two(desk: Desk, tmp_path: Path) -> None:
    study = desk.approved()
    outgoing, incoming = desk.world.reviewers[0].address, Account.create()
    desk.write_key("incoming", incoming)
    change = f"--outgoing {outgoing} --incoming {incoming.address}"
    files = [tmp_path / f"{n}.json" for n in (2, 3)]
    for number, file in zip((2, 3), files, strict=True):
        desk.must(f"irb sign-replacement {study} {file} {change} --key reviewer-{number}.key --yes")
    stranger = desk.assent(
        f"irb sign-replacement {study} {tmp_path}/x.json {change} --key carrier.key --yes"
    )
    assert (stranger.code, "not a reviewer" in stranger.words) == (1, True), stranger
    alone = desk.assent(f"irb replace-reviewer {study} {files[0]} --key carrier.key")
    assert alone.code == 1, alone
    together = desk.assent(f"irb submit {files[0]} --key carrier.key")
    assert (together.code, "replace-reviewer" in together.words) == (2, True), together
    desk.must(f"irb replace-reviewer {study} {files[0]} {files[1]} --key carrier.key")

    shown = desk.must(f"study show {study} --json").json
    assert incoming.address in shown["approvals"]
    assert outgoing not in shown["approvals"]
    # What the committee approved stands.
    assert shown["status"] == "in force, version 1"
    gone = desk.assent(f"irb suspend {study} --key reviewer-1.key --yes")
    assert gone.code == 1, gone
    desk.must(f"irb suspend {study} --key incoming.key --carrier-key carrier.key --yes")
    replayed = desk.assent(f"irb replace-reviewer {study} {files[0]} {files[1]} --key carrier.key")
    assert replayed.code == 1, replayed


def test_a_site_that_does_not_answer_a_reviewer_is_barred_until_one_readmits_it(desk: Desk) -> None:
    study = desk.real_study(answer_seconds=1)
    for one in desk.world.sites:
        for _ in range(2):
            study.patient(one)
    number, site = study.round(), desk.world.sites[0].address
    ask = f"irb challenge {study.number} {number} {site} --key reviewer-1.key --yes"
    desk.must(ask)
    twice = desk.assent(ask)
    assert twice.code == 1, twice
    stranger = desk.assent(ask.replace("reviewer-1", "sponsor"))
    assert (stranger.code, "not a reviewer" in stranger.words) == (1, True), stranger
    desk.world.wait(1)
    assert (
        desk.must(f"study show {study.number} --json").json["challenges"][0]["state"] == "overdue"
    )
    early = desk.assent(f"irb readmit {study.number} {site} --key reviewer-1.key --yes")
    assert early.code == 1, early
    desk.must(f"study fault {study.number} {number} {site} --key carrier.key")
    assert f"{site}, for round {number}" in desk.must(f"study show {study.number}").words
    desk.must(
        f"irb readmit {study.number} {site} --key reviewer-2.key --carrier-key carrier.key --yes"
    )
    assert desk.must(f"study show {study.number} --json").json["barred"] == {}


def test_charged_aborts_are_counted_towards_the_pause(desk: Desk) -> None:
    study = desk.real_study(max_charged_aborts=2)
    for one in desk.world.sites:
        for _ in range(2):
            study.patient(one)
    before = desk.must(f"study show {study.number} --json").json
    assert (before["charged_aborts"], before["charged_aborts_left"]) == (0, 2)
    number = study.open()
    study.chain.ledger.abort(study.number, number)  # open: nothing was charged
    assert desk.must(f"study show {study.number} --json").json["charged_aborts_left"] == 2
    assert "with 2 more the study pauses" in desk.must(f"study show {study.number}").words
