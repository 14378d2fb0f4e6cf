"""Sites, services and processes that fail in a round: it goes on without them, waits for them or is
aborted by name; nothing recorded is lost.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from flwr.app import Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from chain.clients.base import Receipt
from chain.errors import LedgerCannotAbort
from chain.events import Aborted
from chain.messages import AbortReason, Commitment, RoundState
from federation.app.client import train
from federation.app.coordinator import MaskedDelivery
from federation.app.reply import WithheldCode, order, read_delivery, read_withheld
from federation.app.round_driver import RoundAborted
from federation.app.site_round import SiteRound, Withheld
from federation.app.strategy import ConsentedRounds, Schedule
from federation.gate.checked_round import note_checked
from federation.gate.site import SITE_DIR, Site, SiteConfig
from tests.federation.processes import dies_in_a_child, kill_ipfs, phases, start_ipfs_again
from tests.small_federation import DESIGN, Holder, SmallFederation, small_federation, until

TWO_OF_THREE = replace(DESIGN, min_sites=2, tolerated_colluders=0, rounds=20)
WHOLE_ROUND = 60 + sum(
    (
        TWO_OF_THREE.commit_seconds,
        TWO_OF_THREE.seal_seconds,
        TWO_OF_THREE.delivery_seconds,
        TWO_OF_THREE.close_seconds,
    )
)


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """Three sites of which two make a round; as many consents at each as the least cohort."""
    folder = tmp_path_factory.mktemp("federation")
    with small_federation(folder, patients=4, granting=2, design=TWO_OF_THREE) as running:
        yield running


def leave(federation: SmallFederation, site: str, count: int) -> list[Holder]:
    """So many holders of a site revoke."""
    consent = federation.chain.consent
    live = [h for h in federation.holders[site] if not consent.consent(h.token_id).revoked_at]
    for holder in live[:count]:
        federation.revoke(holder)
    return live[:count]


def come_back(federation: SmallFederation, holders: list[Holder]) -> None:
    for holder in holders:
        federation.grant(holder.site, holder.record_id)


def code_of(part: Future[tuple[bytes, bytes]]) -> WithheldCode:
    error = part.exception()
    assert isinstance(error, Withheld), error
    return error.code


@pytest.mark.parametrize("leaving", [1, 2], ids=["below-the-minimum", "empty"])
def test_a_site_without_enough_consents_withholds_and_the_round_goes_on_without_it(
    federation: SmallFederation, leaving: int
) -> None:
    left = leave(federation, "site-3", leaving)
    number = federation.open_round()
    with federation.sites_at(number) as parts, ThreadPoolExecutor(1) as pool:
        closing = pool.submit(federation.drive, number, parts)
        federation.until_committed(number, ("site-1", "site-2"))
        until(parts["site-3"].done)
        assert federation.state(number) == RoundState.OPEN  # its commitment might still come
        federation.advance(TWO_OF_THREE.commit_seconds)
        closing.result()
    assert code_of(parts["site-3"]) == WithheldCode.COHORT_TOO_SMALL
    assert federation.commitments(number)["site-3"].attempt == 0
    members = federation.chain.ledger.members(federation.study_id, number)
    assert set(members) == {federation.keys[s].public.account for s in ("site-1", "site-2")}
    assert federation.state(number) == RoundState.CLOSED
    come_back(federation, left)


def test_too_few_sites_abort_the_round_by_name_and_cost_nothing(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    spent = ledger.rho_spent(study)
    left = leave(federation, "site-2", 1) + leave(federation, "site-3", 1)
    number = federation.open_round()
    with federation.sites_at(number) as parts, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(federation.drive, number, parts)
        federation.until_committed(number, ("site-1",))
        until(lambda: parts["site-2"].done() and parts["site-3"].done())
        assert not waiting.done()
        federation.advance(TWO_OF_THREE.commit_seconds)
        aborted = waiting.exception()
    assert isinstance(aborted, RoundAborted) and aborted.reason == "TooFewSites"
    assert "1 of at least 2" in str(aborted) and "COHORT_TOO_SMALL" in str(aborted)
    assert code_of(parts["site-1"]) == WithheldCode.ROUND_ABORTED
    assert federation.state(number) == RoundState.ABORTED
    assert ledger.rho_spent(study) == spent
    come_back(federation, left)


def test_silent_sites_are_waited_for_until_the_commit_deadline_and_no_longer(
    federation: SmallFederation,
) -> None:
    number = federation.open_round()
    never: Future[tuple[bytes, bytes]] = Future()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(federation.drive, number, dict.fromkeys(federation.keys, never))
        federation.advance(TWO_OF_THREE.commit_seconds)
        aborted = waiting.exception()
    assert isinstance(aborted, RoundAborted)
    assert (aborted.reason, aborted.again) == ("TooFewSites", False)
    assert federation.state(number) == RoundState.ABORTED


def test_a_close_waits_for_ipfs_to_come_back(federation: SmallFederation) -> None:
    number = federation.open_round()
    with federation.sites_at(number) as parts, ThreadPoolExecutor(1) as pool:
        federation.until_committed(number)
        kill_ipfs(federation)
        closing = pool.submit(federation.drive, number, parts)
        try:
            until(lambda: "store-retry" in phases(federation, number))
            assert federation.state(number) == RoundState.SEALED
        finally:
            start_ipfs_again(federation)
        closing.result()
    assert federation.state(number) == RoundState.CLOSED


def test_a_close_without_ipfs_is_aborted_at_its_deadline_and_the_next_round_follows(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    spent, last = ledger.rho_spent(study), ledger.last_closed(study)
    number = federation.open_round()
    with federation.sites_at(number) as parts, ThreadPoolExecutor(1) as pool:
        federation.until_committed(number)
        kill_ipfs(federation)
        closing = pool.submit(federation.drive, number, parts)
        try:
            until(lambda: "store-retry" in phases(federation, number))
            federation.advance(WHOLE_ROUND)
            aborted = closing.exception()
        finally:
            start_ipfs_again(federation)
    assert isinstance(aborted, RoundAborted) and aborted.reason == "EvidenceNotStored"
    assert phases(federation, number).count("store-retry") == 1  # said once, not at each try
    assert ledger.rho_spent(study) == spent + ledger.rho_of_round(study, 1)
    again = federation.run_round()
    assert ledger.round(study, again).previous_closed == last
    assert ledger.round(study, again).base == ledger.round(study, last).checkpoint_hash
    assert ledger.round(study, again).previous_sealed == number


def test_a_coordinator_that_died_between_seal_and_close_closes_from_what_it_kept(
    federation: SmallFederation,
) -> None:
    number = federation.open_round()
    with federation.sites_at(number) as parts:
        federation.until_committed(number)
        federation.coordinator().chain.ledger.seal(federation.study_id, number)
        made = [MaskedDelivery(*part.result()) for part in parts.values()]

    def die_before_the_close() -> None:
        driver = federation.driver(number, lambda: (made, [], True))
        driver._close = lambda: b""  # type: ignore[method-assign]
        driver.run()

    dies_in_a_child(die_before_the_close)
    assert federation.state(number) == RoundState.SEALED
    assert len(federation.coordinator().deliveries(number)) == 3
    restart(federation)
    assert federation.state(number) == RoundState.CLOSED


def restart(federation: SmallFederation) -> None:
    """A new ServerApp that finishes what it finds and runs no further round."""
    strategy = ConsentedRounds(
        federation.coordinator(), federation.recipe(), Schedule(rounds=0, sites_wait_seconds=0)
    )
    strategy.start(cast(Grid, None))  # all deliveries were kept: no site is asked


def test_a_site_that_died_before_it_sent_sends_the_same_bytes(
    federation: SmallFederation,
) -> None:
    study, folder = federation.study_id, federation.folder("site-1")
    number = federation.open_round()
    with federation.sites_at(number, ("site-2", "site-3")) as others:
        SiteRound(Site(folder), study, number)._commit_until_current()
        federation.until_committed(number)
        federation.coordinator().chain.ledger.seal(study, number)
        dies_in_a_child(lambda: federation.take_part("site-1", number))
        with sqlite3.connect(folder / "state.db") as journal:
            query = "SELECT masked_hash, signature FROM deliveries WHERE study=? AND round=?"
            recorded = journal.execute(query, (study, number)).fetchone()
        again: Future[tuple[bytes, bytes]] = Future()
        again.set_result(federation.take_part("site-1", number))
        masked, signature = again.result()
        assert (hashlib.sha256(masked).digest(), signature) == recorded
        federation.drive(number, others | {"site-1": again})
    assert federation.state(number) == RoundState.CLOSED


class AskedTwice:
    """A site's ledger; another process of the site commits while this one is about to."""

    def __init__(self, site: Site, study: int, number: int) -> None:
        self._ledger = site.chain.ledger
        self._quicker = SiteRound(Site(site.folder), study, number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def commit(self, study: int, number: int, commitment: Commitment) -> Receipt:
        self._quicker._commit_until_current()
        return self._ledger.commit(study, number, commitment)


def test_a_site_that_is_asked_twice_at_once_takes_part_all_the_same(
    federation: SmallFederation,
) -> None:
    """As when its node was away for a while and is ordered the round once more."""
    study, number = federation.study_id, federation.open_round()

    def slower_part() -> tuple[bytes, bytes]:
        site = Site(federation.folder("site-1"))
        site.chain.ledger = AskedTwice(site, study, number)  # type: ignore[assignment]
        return SiteRound(site, study, number).run()

    with federation.sites_at(number, ("site-2", "site-3")) as parts, ThreadPoolExecutor(1) as pool:
        slower = pool.submit(slower_part)
        federation.drive(number, parts | {"site-1": slower})
    assert federation.state(number) == RoundState.CLOSED
    assert federation.commitments(number)["site-1"].attempt == 1


def test_suspension_in_mid_round_stops_the_seal(federation: SmallFederation) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    spent = ledger.rho_spent(study)
    number = federation.open_round()
    with federation.sites_at(number) as parts:
        federation.until_committed(number)
        federation.suspend()
        try:
            with pytest.raises(RoundAborted, match="LedgerStudyNotUsable"):
                federation.drive(number, parts)
        finally:
            federation.resume()
    assert {code_of(part) for part in parts.values()} == {WithheldCode.ROUND_ABORTED}
    assert ledger.rho_spent(study) == spent


def test_suspension_after_the_seal_stops_deliveries_and_the_close(
    federation: SmallFederation,
) -> None:
    study = federation.study_id
    number = federation.open_round()
    with federation.sites_at(number, ("site-2", "site-3")) as parts:
        SiteRound(Site(federation.folder("site-1")), study, number)._commit_until_current()
        federation.until_committed(number)
        federation.coordinator().chain.ledger.seal(study, number)
        for part in parts.values():
            part.result()
        federation.suspend()
        with pytest.raises(Withheld, match="STUDY_NOT_USABLE"):
            federation.take_part("site-1", number)
        federation.resume()
        late: Future[tuple[bytes, bytes]] = Future()
        late.set_result(federation.take_part("site-1", number))
        federation.suspend()
        try:
            with pytest.raises(RoundAborted, match="LedgerStudyNotUsable"):
                federation.drive(number, parts | {"site-1": late})
        finally:
            federation.resume()
    assert federation.state(number) == RoundState.ABORTED


def no_chain(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    replace(SiteConfig.load(folder), rpc_url=f"http://127.0.0.1:{port}").save(folder)


def no_ipfs(folder: Path) -> None:
    replace(SiteConfig.load(folder), ipfs_api="/ip4/127.0.0.1/tcp/9/http").save(folder)


def broken_journal(folder: Path) -> None:
    (folder / "state.db").write_bytes(b"not a database" * 100)
    for rest in folder.glob("state.db-*"):
        rest.unlink()


def no_records(folder: Path) -> None:
    (folder / "records.db").unlink()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (no_chain, WithheldCode.UNAVAILABLE),
        (no_ipfs, WithheldCode.UNAVAILABLE),
        (broken_journal, WithheldCode.FAILED),
        (no_records, WithheldCode.FAILED),
    ],
)
def test_a_site_without_one_of_its_services_sends_a_fixed_code_and_nothing_else(
    federation: SmallFederation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: object,
    code: WithheldCode,
) -> None:
    number = federation.open_round()
    try:
        copy = tmp_path / "site"
        shutil.copytree(federation.folder("site-1"), copy)
        note_checked(copy, federation.study_id, number)  # as the gate does
        spoil(copy)  # type: ignore[operator]
        monkeypatch.setenv(SITE_DIR, str(copy))
        for name in ("_task_id", "_run_id", "_node_id"):  # which Flower sets in a task's process
            monkeypatch.setattr(TaskIdentity, name, 1)
        asked = Message(
            content=order(federation.study_id, number),
            dst_node_id=1,
            message_type=MessageType.TRAIN,
        )
        reply = train(asked, Context(1, 1, {}, RecordDict(), {}))
        assert read_delivery(reply.content) is None
        told, found = read_withheld(reply.content)
        assert found == code
        assert dict(reply.content["assent"]) == {"site": told, "code": code.value}
        assert told in ("", federation.keys["site-1"].public.account)
        assert federation.commitments(number)["site-1"].attempt == 0
    finally:
        federation.coordinator().chain.ledger.abort(federation.study_id, number)


def test_nobody_but_the_coordinator_ends_a_round_before_its_deadline(
    federation: SmallFederation,
) -> None:
    """After it anyone may, so that a coordinator who is gone leaves no study blocked."""
    number = federation.open_round()
    ledger = federation.chain.ledger  # the relayer's
    with pytest.raises(LedgerCannotAbort):
        ledger.abort(federation.study_id, number)
    federation.advance(WHOLE_ROUND)
    event = ledger.abort(federation.study_id, number).event(Aborted)
    assert event.reason == AbortReason.SEAL_DEADLINE_PASSED
