"""What a site answers for: deliveries that did not come, questions without an answer; and what the
coordinator knows before it opens a round.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from flwr.serverapp import Grid

from chain.errors import (
    BarsDeliveryRecorded,
    BarsExcused,
    ChallengeTooLate,
    LedgerApprovalExpires,
    LedgerPausedByAborts,
)
from chain.messages import RoundState
from federation.app.barring import bar_undelivered
from federation.app.opening import (
    ApprovalExpires,
    CannotOpen,
    PausedByAborts,
    StudyNotInForce,
    TooManyBarred,
    refuse_unless_openable,
)
from federation.app.reply import WithheldCode
from federation.app.round_driver import RoundAborted
from federation.app.strategy import ConsentedRounds, Schedule
from federation.gate import deliveries
from federation.gate.challenges import (
    NothingToAnswer,
    OpenChallenge,
    answer_challenge,
    open_challenges,
)
from federation.gate.deliveries import NothingToRecord, record_delivery, record_from
from federation.gate.fork_server.verdict import GateRefused
from federation.gate.gate import check_study
from federation.gate.preflight import Preflight
from federation.gate.site import SITE_DIR, SiteConfig
from federation.gate.status import read_status
from stack import rpc
from tests.federation.app.undelivered import (
    SILENT,
    account,
    answer_of,
    barred_for,
    undelivered_round,
    until_too_late,
)
from tests.federation.processes import phases
from tests.small_federation import DESIGN, SmallFederation, small_federation, until


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """Three sites of which two make a round."""
    design = replace(DESIGN, min_sites=2, tolerated_colluders=0, rounds=30, answer_seconds=3600)
    folder = tmp_path_factory.mktemp("federation")
    with small_federation(folder, patients=4, granting=3, design=design) as running:
        yield running


def test_a_member_that_delivers_nothing_is_barred_until_a_reviewer_readmits_it(
    federation: SmallFederation,
) -> None:
    with undelivered_round(federation) as (number, driving):
        until(lambda: phases(federation, number).count("delivered") == 2)
        assert not driving.done()  # its delivery might still come
        federation.advance(until_too_late(federation, number))
        aborted = driving.exception()
    assert isinstance(aborted, RoundAborted) and aborted.reason == "DeliveryDeadlinePassed"
    assert federation.state(number) == RoundState.ABORTED
    assert barred_for(federation) == number
    assert "barred" in phases(federation, number)

    # The next round does not wait for it, and it computes nothing.
    following = federation.open_round()
    with federation.sites_at(following) as parts:
        federation.drive(following, parts)
    assert answer_of(parts[SILENT]) == WithheldCode.BARRED
    assert f"round {number}" in str(parts[SILENT].exception())
    assert federation.commitments(following)[SILENT].attempt == 0
    assert federation.state(following) == RoundState.CLOSED
    status = read_status(federation.folder(SILENT))
    assert status.barred_for == number and status.to_json()["barred_for"] == number
    assert any("readmit" in remedy for remedy in status.remedies)
    checks = {check.name: check for check in Preflight(federation.folder(SILENT)).run()}
    assert not checks["not barred"].ok and "readmit" in checks["not barred"].remedy

    federation.readmit(SILENT)
    assert read_status(federation.folder(SILENT)).remedies == []
    last = federation.run_round()
    members = federation.chain.ledger.members(federation.study_id, last)
    assert account(federation) in members


def test_who_says_no_early_is_waited_for_and_barred_when_the_deadline_has_come(
    federation: SmallFederation,
) -> None:
    """Ended before, the round could have nobody barred, and the next one would be spoiled alike."""
    coordinator, site = federation.coordinator(), account(federation)
    with undelivered_round(federation, WithheldCode.FAILED) as (number, driving):
        until(lambda: phases(federation, number).count("delivered") == 2)
        assert not bar_undelivered(coordinator, number, [site]), "too early, and not for good"
        assert federation.state(number) == RoundState.SEALED and not driving.done()
        federation.advance(until_too_late(federation, number))
        aborted = driving.exception()
    assert isinstance(aborted, RoundAborted) and f"{site}: FAILED" in str(aborted)
    assert barred_for(federation) == number
    federation.readmit(SILENT)
    assert bar_undelivered(coordinator, number, [site])  # once is all
    assert barred_for(federation) == 0


def test_who_ends_a_round_before_its_deliveries_are_due_can_have_nobody_barred_for_it(
    federation: SmallFederation,
) -> None:
    """The coordinator seals and aborts: nobody can deliver, nor put a delivery on record."""
    number = federation.open_round()
    ledger, study = federation.coordinator().chain.ledger, federation.study_id
    with federation.sites_at(number) as parts:
        federation.until_committed(number)
        ledger.seal(study, number)
        ledger.abort(study, number)
        for part in parts.values():
            part.exception()
    with pytest.raises(NothingToRecord, match="aborted"):
        record_delivery(federation.folder(SILENT), number)
    federation.advance(until_too_late(federation, number))
    with pytest.raises(BarsExcused):
        ledger.bar(study, number, account(federation))
    assert barred_for(federation) == 0


def test_who_withheld_because_a_consent_was_withdrawn_is_not_barred(
    federation: SmallFederation,
) -> None:
    holder = federation.holders[SILENT][0]
    with undelivered_round(federation, WithheldCode.CONSENT_CHANGED) as (number, driving):
        until(lambda: phases(federation, number).count("delivered") == 2)
        federation.revoke(holder)
        assert isinstance(aborted := driving.exception(), RoundAborted)
    try:
        assert aborted.reason == "ConsentChanged"
        federation.advance(until_too_late(federation, number))
        assert bar_undelivered(federation.coordinator(), number, [account(federation)])
        assert barred_for(federation) == 0
        assert phases(federation, number)[-1] == "not-barred"
    finally:
        federation.grant(SILENT, holder.record_id)


def test_nobody_is_barred_once_the_study_was_suspended_since_the_seal(
    federation: SmallFederation,
) -> None:
    with undelivered_round(federation) as (number, driving):
        until(lambda: phases(federation, number).count("delivered") == 2)
        federation.suspend()
        federation.resume()
        federation.advance(until_too_late(federation, number))
        assert isinstance(driving.exception(), RoundAborted)
    assert barred_for(federation) == 0
    assert "not-barred" in phases(federation, number)


def test_a_delivery_goes_on_record_shortly_before_the_deadline_and_saves_the_site(
    federation: SmallFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, study, folder = (
        federation.chain.ledger,
        federation.study_id,
        federation.folder(SILENT),
    )
    monkeypatch.setenv(SITE_DIR, str(folder))
    monkeypatch.setattr(deliveries, "_LONGEST_PAUSE", 0.1)
    looks = _count_looks(monkeypatch)
    with undelivered_round(federation) as (number, driving), ThreadPoolExecutor(1) as pool:
        watching = pool.submit(deliveries.watch)
        until(lambda: looks.is_set())
        assert not any(ledger.delivery_of(study, number, account(federation)))
        early = read_status(folder)
        assert early.rounds[0].delivered and not early.rounds[0].on_record
        assert any("record-delivery" in remedy for remedy in early.remedies)
        sealed = ledger.round(study, number)
        federation.advance(record_from(sealed) - federation.chain.head().timestamp)
        watching.result()
        recorded = ledger.delivery_of(study, number, account(federation))
        masked, _ = federation.take_part(SILENT, number)  # it sends the same bytes again
        assert recorded == hashlib.sha256(masked).digest()
        assert read_status(folder).remedies == []
        with pytest.raises(BarsDeliveryRecorded):
            record_delivery(folder, number)
        federation.advance(until_too_late(federation, number))
        assert isinstance(driving.exception(), RoundAborted)
    assert barred_for(federation) == 0
    assert "not-barred" in phases(federation, number)
    deliveries.watch()  # the round is over: nothing to wait for
    with pytest.raises(NothingToRecord, match="aborted"):
        record_delivery(folder, number)


def _count_looks(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once `watch` has decided that it is too early."""
    looked, decide = threading.Event(), deliveries.record_from

    def record_from_then_say(sealed: object) -> int:
        looked.set()
        return decide(sealed)  # type: ignore[arg-type]

    monkeypatch.setattr(deliveries, "record_from", record_from_then_say)
    return looked


def test_a_site_that_made_nothing_has_nothing_to_record(federation: SmallFederation) -> None:
    number = federation.open_round()
    try:
        with pytest.raises(NothingToRecord, match="open"):
            record_delivery(federation.folder("site-1"), number)
        with federation.sites_at(number, ("site-2", SILENT)) as parts:
            federation.until_committed(number, ("site-2", SILENT))
            federation.advance(DESIGN.commit_seconds)
            federation.coordinator().chain.ledger.seal(federation.study_id, number)
            for part in parts.values():
                part.result()
        with pytest.raises(NothingToRecord, match="made nothing"):
            record_delivery(federation.folder("site-1"), number)
    finally:
        federation.coordinator().chain.ledger.abort(federation.study_id, number)


def test_challenges_are_listed_answered_once_and_cost_a_bar_when_they_are_not(
    federation: SmallFederation, tmp_path: Path
) -> None:
    ledger, study, folder = (
        federation.chain.ledger,
        federation.study_id,
        federation.folder(SILENT),
    )
    number = federation.run_round()
    holder = federation.holders[SILENT][1]
    federation.challenge(SILENT, number)
    federation.challenge(SILENT, number, holder)
    listed = open_challenges(federation.chain, study, account(federation))
    assert [(one.round_number, one.token_id) for one in listed] == [
        (number, 0),
        (number, holder.token_id),
    ]
    assert [one.asks_for for one in listed] == [
        "a replay",
        f"the receipt of token {listed[1].token_id}",
    ]
    assert all(one.answer_by - one.asked_at == 3600 for one in listed)
    assert open_challenges(federation.chain, study, federation.keys["site-1"].public.account) == []
    status = read_status(folder)
    assert status.challenges == tuple(listed) and len(status.remedies) == 2
    assert status.to_json()["challenges"][1]["token_id"] == str(holder.token_id)

    answer, empty = tmp_path / "answer", tmp_path / "empty"
    answer.write_bytes(b"a replay report")
    empty.touch()
    with pytest.raises(NothingToAnswer, match="empty"):
        answer_challenge(folder, number, 0, empty)
    with pytest.raises(NothingToAnswer, match="nobody has challenged"):
        answer_challenge(folder, number, holder.token_id + 1, answer)
    given = answer_challenge(folder, number, 0, answer)
    assert given == hashlib.sha256(b"a replay report").digest()
    assert ledger.challenge_of(study, number, account(federation), 0).answer_hash == given
    with pytest.raises(NothingToAnswer, match=given.hex()):
        answer_challenge(folder, number, 0, answer)
    remaining: list[OpenChallenge] = open_challenges(federation.chain, study, account(federation))
    assert [one.token_id for one in remaining] == [holder.token_id]

    federation.advance(3600)
    with pytest.raises(ChallengeTooLate):
        answer_challenge(folder, number, holder.token_id, answer)
    ledger.fault(study, number, account(federation), holder.token_id)
    assert barred_for(federation) == number
    assert open_challenges(federation.chain, study, account(federation)) == []
    federation.readmit(SILENT)


# -- before a round is opened --------------------------------------------------------------------


def cannot_open(federation: SmallFederation, kind: type[CannotOpen]) -> str:
    """Runs the coordinator's schedule; what it said, once it is of the expected kind."""
    before = federation.chain.ledger.round_count(federation.study_id)
    strategy = ConsentedRounds(
        federation.coordinator(), federation.recipe(), Schedule(rounds=1, sites_wait_seconds=0)
    )
    with pytest.raises(kind) as refused:
        strategy.start(cast(Grid, None))  # no site is asked
    assert federation.chain.ledger.round_count(federation.study_id) == before
    assert phases(federation, 0)[-1] == "cannot-open"
    return str(refused.value)


def test_a_study_that_may_go_on_is_openable(federation: SmallFederation) -> None:
    assert refuse_unless_openable(federation.chain, federation.study_id) == federation.terms


def test_a_suspended_study_says_who_has_to_resume_it(federation: SmallFederation) -> None:
    federation.suspend()
    try:
        assert "2 of its reviewers have to resume it" in cannot_open(federation, StudyNotInForce)
    finally:
        federation.resume()


def test_too_many_aborted_rounds_pause_the_study_until_reviewers_have_looked(
    federation: SmallFederation,
) -> None:
    with undelivered_round(federation) as (number, driving):
        until(lambda: phases(federation, number).count("delivered") == 2)
        federation.coordinator().chain.ledger.abort(federation.study_id, number)
        federation.advance(until_too_late(federation, number))
        driving.exception()
    aborts = federation.chain.ledger.charged_aborts(federation.study_id)
    assert aborts >= 1
    federation.change_terms(max_charged_aborts=aborts)
    assert "suspend the study" in cannot_open(federation, PausedByAborts)
    with pytest.raises(LedgerPausedByAborts):
        federation.open_round()
    federation.suspend()
    federation.resume()
    refuse_unless_openable(federation.chain, federation.study_id)
    federation.change_terms(max_charged_aborts=100)


def test_barred_sites_that_leave_too_few_are_named(federation: SmallFederation) -> None:
    with undelivered_round(federation) as (number, driving):
        federation.advance(until_too_late(federation, number))
        driving.exception()
    federation.change_terms(min_sites=3, tolerated_colluders=1)
    try:
        told = cannot_open(federation, TooManyBarred)
        assert f"{account(federation)} (for round {number})" in told
    finally:
        federation.change_terms(min_sites=2, tolerated_colluders=0)
        federation.readmit(SILENT)


def test_an_approval_that_ends_within_a_round_has_to_be_renewed(
    federation: SmallFederation,
) -> None:
    node, registry = federation.local.node.rpc_url, federation.chain.registry
    until_second = registry.study(federation.study_id).approved_until
    config = SiteConfig.load(federation.folder("site-1"))
    snapshot = rpc.call(node, "evm_snapshot")
    try:
        left = until_second - federation.chain.head().timestamp
        federation.advance(left - 60)
        assert "continuing review" in cannot_open(federation, ApprovalExpires)
        with pytest.raises(LedgerApprovalExpires):
            federation.open_round()
        check_study(federation.chain, config)
        federation.advance(60)
        assert "has expired" in cannot_open(federation, ApprovalExpires)
        with pytest.raises(GateRefused, match="APPROVAL_EXPIRED"):
            check_study(federation.chain, config)
    finally:
        rpc.call(node, "evm_revert", snapshot)
