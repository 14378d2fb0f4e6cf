"""What a reviewer is asked to sign is what the contracts take, and only what holds."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eth_account import Account

from api.outbox.starting import start_relayer
from chain.messages import (
    Approval,
    Challenge,
    Replacement,
    Resumption,
    Rollback,
    Suspension,
    approval_for,
)
from tests.api.review.conftest import Reviewed
from tests.api.review.serving import signed
from tests.audit.real_study import RealStudy


def words(draft: dict[str, Any]) -> dict[str, str]:
    return {one["subject"]: one["words"] for one in draft["summary"]}


@pytest.fixture
def other(reviewed: Reviewed) -> RealStudy:
    """A study of the same documents, for a test that stops it."""
    made = RealStudy(reviewed.study.world)
    reviewed.served.index()
    return made


def test_an_approval_signs_the_terms_hash_until_the_date_that_was_named(
    reviewed: Reviewed,
) -> None:
    world, served = reviewed.study.world, reviewed.served
    late = world.reviewers[2]  # has not approved yet
    until = (datetime.now(UTC) + timedelta(days=200)).date()
    draft = served.draft(reviewed.number, late, act="approve", version=1, expires=str(until))
    terms = world.chain().registry.terms(reviewed.number, 1)
    second = int(datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp())
    wanted = approval_for(reviewed.number, 1, terms, second)
    assert draft["typed_data"] == wanted.typed_data(world.chain().registry.domain)
    assert words(draft)["terms hash"] == "0x" + wanted.terms_hash.hex()
    assert draft["signatures_needed"] == 1


def test_without_a_date_an_approval_holds_a_year_less_a_day(reviewed: Reviewed) -> None:
    late = reviewed.study.world.reviewers[2]
    draft = reviewed.served.draft(reviewed.number, late, act="approve", version=1)
    left = int(draft["typed_data"]["message"]["expiresAt"]) - datetime.now(UTC).timestamp()
    assert 363 * 86_400 < left <= 365 * 86_400


@pytest.mark.parametrize("expires", ["2020-01-01", "2y", "367d", "soon", "0d", "9999-12-31"])
def test_no_approval_holds_for_ever_or_is_over_already(reviewed: Reviewed, expires: str) -> None:
    late = reviewed.study.world.reviewers[2]
    wanted = {"act": "approve", "version": 1, "expires": expires}
    answer = reviewed.served.post(f"/v1/studies/{reviewed.number}/drafts", late, wanted)
    assert (answer.status_code, answer.json()["code"]) == (422, "approval-expiry-invalid")


def test_an_approval_is_not_shortened(reviewed: Reviewed) -> None:
    first = reviewed.study.world.reviewers[0]  # approved for a year
    wanted = {"act": "renew", "expires": "30d"}
    answer = reviewed.served.post(f"/v1/studies/{reviewed.number}/drafts", first, wanted)
    assert "already" in answer.json()["detail"]


def test_a_renewal_shows_what_the_study_has_done(reviewed: Reviewed) -> None:
    first = reviewed.study.world.reviewers[0]
    draft = reviewed.served.draft(reviewed.number, first, act="renew", expires="366d")
    shown = words(draft)
    assert shown["rounds opened"] == "1"
    assert shown["privacy spent"].startswith("rho 0.5")
    assert shown["barred sites"] == "none"


def test_nothing_is_drafted_whose_documents_do_not_hold(reviewed: Reviewed) -> None:
    world, served = reviewed.study.world, reviewed.served
    terms = world.chain().registry.terms(reviewed.number, 1)
    nowhere = dataclasses.replace(terms, protocol_hash=b"\x11" * 32)
    world.chain(world.sponsor).registry.propose_version(reviewed.number, nowhere)
    wanted = {"act": "approve", "version": 2}
    answer = served.post(f"/v1/studies/{reviewed.number}/drafts", world.reviewers[0], wanted)
    assert (answer.status_code, answer.json()["code"]) == (409, "documents-do-not-hold")
    assert [one["name"] for one in answer.json()["findings"]] == ["protocol"]


@pytest.mark.parametrize("who", ["sponsor", "coordinator", "carrier"])
def test_who_has_no_seat_is_told_that_there_is_nothing(reviewed: Reviewed, who: str) -> None:
    account = getattr(reviewed.study.world, who)
    for body in ({"act": "suspend"}, {"act": "approve", "version": 1}):
        answer = reviewed.served.post(f"/v1/studies/{reviewed.number}/drafts", account, body)
        assert answer.status_code == 404
    unsigned = reviewed.served.post(
        f"/v1/studies/{reviewed.number}/drafts", None, {"act": "suspend"}
    )
    assert unsigned.status_code == 401


def test_a_study_is_stopped_by_one_and_goes_on_by_two(reviewed: Reviewed, other: RealStudy) -> None:
    world, served = other.world, reviewed.served
    first, second, third = world.reviewers
    relayer = start_relayer(served.service)
    assert relayer is not None
    stopped = served.sign_and_hand_in(other.number, first, Suspension, act="suspend")
    assert stopped.status_code == 202, stopped.text
    assert stopped.headers["location"] == stopped.json()["path"]
    relayer.run_once()
    assert world.chain().registry.study(other.number).suspended
    again = served.post(f"/v1/studies/{other.number}/drafts", second, {"act": "suspend"})
    assert again.json()["code"] == "study-already-suspended"

    alone = served.sign_and_hand_in(other.number, second, Resumption, act="resume")
    assert alone.json()["state"] == "waiting"
    relayer.run_once()
    assert world.chain().registry.study(other.number).suspended
    last = served.sign_and_hand_in(other.number, third, Resumption, act="resume")
    while served.get(last.json()["path"])["state"] not in ("confirmed", "failed"):
        relayer.run_once()
    assert not world.chain().registry.study(other.number).suspended
    none = served.post(f"/v1/studies/{other.number}/drafts", second, {"act": "resume"})
    assert none.json()["code"] == "study-not-suspended"


def test_a_signed_approval_counts_on_the_chain(reviewed: Reviewed, other: RealStudy) -> None:
    world, late = other.world, other.world.reviewers[2]
    done = reviewed.served.sign_and_hand_in(
        other.number, late, Approval, act="approve", version=1, expires="90d"
    )
    assert done.status_code == 202, done.text
    relayer = start_relayer(reviewed.served.service)
    assert relayer is not None
    relayer.run_once()
    assert world.chain().registry.approval_of(other.number, 1, late.address) > world.now


def test_only_what_the_caller_signed_for_this_study_is_taken(
    reviewed: Reviewed, other: RealStudy
) -> None:
    world, served = other.world, reviewed.served
    first, second, _ = world.reviewers
    draft = served.draft(other.number, first, act="suspend")["typed_data"]
    act = signed(draft, Suspension, second).to_json()
    path = f"/v1/studies/{other.number}/review-acts"
    assert served.post(path, first, act).json()["code"] == "act-not-yours"
    elsewhere = served.post(f"/v1/studies/{reviewed.number}/review-acts", second, act)
    assert elsewhere.json()["code"] == "act-not-for-review"
    assert served.post(path, world.sponsor, act).status_code == 404
    broken = act | {"typed_data": {**act["typed_data"], "primaryType": "Approval"}}
    assert served.post(path, second, broken).json()["code"] == "act-invalid"
    forged = act | {"signature": "0x" + "01" * 65}
    assert served.post(path, second, forged).json()["code"] == "contract-refuses"
    patients = Challenge(other.number, 1, world.sites[0].address, 7)
    asked = signed(patients.typed_data(world.chain().ledger.domain), Challenge, second).to_json()
    assert served.post(path, second, asked).json()["code"] == "act-not-for-review"


def test_a_seat_goes_only_to_who_gains_nothing_from_the_study(reviewed: Reviewed) -> None:
    world, served = reviewed.study.world, reviewed.served
    leaving, staying, _ = world.reviewers
    newcomer = Account.create().address
    draft = served.draft(
        reviewed.number,
        staying,
        act="replace-reviewer",
        outgoing=leaving.address,
        incoming=newcomer,
    )
    assert draft["signatures_needed"] == 2
    message = signed(draft["typed_data"], Replacement, staying).message
    assert isinstance(message, Replacement)
    assert (message.outgoing, message.incoming) == (leaving.address, newcomer)
    for incoming in (world.sponsor, world.coordinator, staying):
        wanted = {
            "act": "replace-reviewer",
            "outgoing": leaving.address,
            "incoming": incoming.address,
        }
        answer = served.post(f"/v1/studies/{reviewed.number}/drafts", staying, wanted)
        assert answer.json()["code"] == "seat-cannot-be-given"


def test_a_site_is_asked_once_about_a_round_that_is_over(reviewed: Reviewed) -> None:
    world, served = reviewed.study.world, reviewed.served
    reviewer, site = world.reviewers[0], world.sites[0].address
    path = f"/v1/studies/{reviewed.number}/drafts"
    for number, account in ((1, world.carrier.address), (9, site)):
        wanted = {"act": "challenge", "round": number, "site": account}
        assert served.post(path, reviewer, wanted).json()["code"] == "round-not-askable"
    wanted = {"act": "challenge", "round": 1, "site": site}
    draft = served.draft(reviewed.number, reviewer, **wanted)
    signed(draft["typed_data"], Challenge, reviewer).carry(world.chain())
    assert "already" in served.post(path, reviewer, wanted).json()["detail"]


def test_a_study_goes_back_to_a_round_that_the_next_one_descends_from(reviewed: Reviewed) -> None:
    world, served = reviewed.study.world, reviewed.served
    reviewer, path = world.reviewers[0], f"/v1/studies/{reviewed.number}/drafts"
    newest = world.chain().ledger.last_closed(reviewed.number)
    draft = served.draft(reviewed.number, reviewer, act="rollback", to_round=0)
    act = signed(draft["typed_data"], Rollback, reviewer)
    assert act.message == Rollback(reviewed.number, 0, 0)
    act.require_for(world.chain())
    assert draft["signatures_needed"] == 2
    assert str(newest) in words(draft)["retired for good"]
    wanted = {"act": "rollback", "to_round": newest}
    answer = served.post(path, reviewer, wanted).json()
    assert (answer["code"], answer["refusal"]) == ("contract-refuses", "rollback-not-ancestor")


def test_only_a_barred_site_is_readmitted(reviewed: Reviewed) -> None:
    world = reviewed.study.world
    wanted = {"act": "readmit", "site": world.sites[0].address}
    answer = reviewed.served.post(
        f"/v1/studies/{reviewed.number}/drafts", world.reviewers[0], wanted
    )
    assert answer.json()["code"] == "site-not-barred"
