"""Whoever lies in a round, a site, a stranger or the coordinator, is refused by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from eth_account import Account

from audit.checkpoint import read as read_checkpoint
from audit.cid import cid_of_sha256, sha256
from audit.manifest import parse as parse_manifest
from chain.chain import Chain
from chain.clients.base import Receipt
from chain.errors import (
    LedgerBudgetExhausted,
    LedgerCohortNotBorneOut,
    LedgerDeliveryInvalid,
    LedgerNotAllCurrent,
    LedgerTooEarly,
)
from chain.messages import Closure, Commitment, Delivery, RoundState
from federation.app import round_result
from federation.app.coordinator import MaskedDelivery
from federation.app.round_driver import RoundAborted
from federation.app.site_round import SiteRound
from federation.gate.journal import Journal
from federation.gate.journal_schema import BudgetExceeded
from federation.gate.lineage import BaseDoesNotFollow, check_base_follows
from federation.gate.site import Site
from ipfs.objects import ObjectCorrupt, ObjectMissing
from tests.federation.processes import changed_on_ipfs, phases
from tests.small_federation import DESIGN, SmallFederation, small_federation, until


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    design = replace(DESIGN, min_sites=2, tolerated_colluders=0, rounds=20)
    folder = tmp_path_factory.mktemp("federation")
    with small_federation(folder, patients=3, granting=2, design=design) as running:
        yield running


def sealed_and_delivered(federation: SmallFederation) -> tuple[int, list[MaskedDelivery]]:
    """A round that is sealed, and what each site delivers to it, in the order of the sites."""
    number = federation.open_round()
    with federation.sites_at(number) as parts:
        federation.until_committed(number)
        federation.coordinator().chain.ledger.seal(federation.study_id, number)
        return number, [MaskedDelivery(*part.result()) for part in parts.values()]


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def signed(federation: SmallFederation, number: int, masked: bytes, key: object) -> MaskedDelivery:
    """A delivery as whoever holds the key would sign it."""
    ledger = federation.chain.ledger
    digest = ledger.round(federation.study_id, number).seal_digest
    message = Delivery(digest, sha256(masked))
    return MaskedDelivery(masked, message.sign(key, ledger.domain))  # type: ignore[arg-type]


def test_only_a_members_first_signed_vector_for_this_seal_counts(
    federation: SmallFederation,
) -> None:
    before, old = sealed_and_delivered(federation)
    federation.driver(before, lambda: (old, [], True)).run()
    number, good = sealed_and_delivered(federation)
    masked, signature = good[0].masked, good[0].signature
    own = federation.keys["site-1"].account
    bad = {
        "tampered": MaskedDelivery(flipped(masked), signature),
        "of another round": old[0],
        "of another member": MaskedDelivery(masked, good[1].signature),
        "of a stranger": signed(federation, number, masked, Account.create()),
        "too short": signed(federation, number, masked[:-8], own),
        "too long": signed(federation, number, masked + bytes(8), own),
        "of no whole number": signed(federation, number, masked[:-1], own),
        "empty": signed(federation, number, b"", own),
        "unsigned": MaskedDelivery(masked, b""),
        "signed with zeros": MaskedDelivery(masked, bytes(65)),
        "signed with ones": MaskedDelivery(masked, b"\xff" * 65),
        "cut signature": MaskedDelivery(masked, signature[:-1]),
    }
    second = signed(federation, number, flipped(masked), own)
    batches = iter([list(bad.values()), [*good, second]])
    federation.driver(number, lambda: (next(batches, []), [], False)).run()
    assert phases(federation, number).count("delivery-refused") == len(bad)
    closed = federation.chain.ledger.round(federation.study_id, number)
    manifest = parse_manifest(
        federation.coordinator().store.get(cid_of_sha256(closed.manifest_hash))
    )
    named = {entry.masked.sha256 for entry in manifest.contributions}
    assert named == {sha256(delivery.masked) for delivery in good}
    kept = federation.coordinator().deliveries(number)
    accounts = [keys.public.account for keys in federation.keys.values()]
    assert kept == dict(zip(accounts, good, strict=True))


def test_a_round_with_a_refused_delivery_cannot_close(federation: SmallFederation) -> None:
    number, good = sealed_and_delivered(federation)
    study = federation.study_id
    tampered = [MaskedDelivery(flipped(good[0].masked), good[0].signature), *good[1:]]
    # By hand, as a coordinator would who does not check.
    coordinator = federation.coordinator()
    ledger = coordinator.chain.ledger
    closure = Closure(ledger.round(study, number).seal_digest, b"\1" * 32, b"\2" * 32)
    by_member = dict(zip(federation.keys, tampered, strict=True))
    accounts = {keys.public.account: site for site, keys in federation.keys.items()}
    in_order = [by_member[accounts[member]] for member in ledger.members(study, number)]
    with pytest.raises(LedgerDeliveryInvalid) as refusal:
        ledger.close(
            study,
            number,
            closure.checkpoint_hash,
            closure.manifest_hash,
            [sha256(delivery.masked) for delivery in in_order],
            [delivery.signature for delivery in in_order],
            closure.sign(coordinator.account, ledger.domain),
        )
    assert refusal.value.site == federation.keys["site-1"].public.account
    federation.advance(DESIGN.commit_seconds + DESIGN.seal_seconds + DESIGN.delivery_seconds)
    with pytest.raises(RoundAborted, match="DeliveryDeadlinePassed"):
        federation.driver(number, lambda: (tampered, [], True)).run()
    assert federation.state(number) == RoundState.ABORTED
    assert federation.coordinator().deliveries(number) == {}
    federation.readmit("site-1")


def test_a_cohort_that_the_chain_does_not_bear_out_and_an_early_seal_are_refused(
    federation: SmallFederation,
) -> None:
    study, number = federation.study_id, federation.open_round()
    site = Site(federation.folder("site-1"))
    consent, head = site.chain.consent, site.chain.head()
    lie = Commitment(
        attempt=1,
        cohort_root=b"\1" * 32,
        cohort_size=consent.unburned_count(study, site.address) + 1,
        block_number=head.number,
        block_hash=head.hash,
        epoch=consent.epoch(study, site.address),
        vector_hash=b"\2" * 32,
        mask_key=b"\3" * 32,
        environment_hash=b"\4" * 32,
    )
    with pytest.raises(LedgerCohortNotBorneOut) as refusal:
        site.chain.ledger.commit(study, number, lie)
    assert (refusal.value.size, refusal.value.unburned) == (3, 2)
    SiteRound(site, study, number)._commit_until_current()
    coordinator = federation.coordinator().chain.ledger
    with pytest.raises(LedgerNotAllCurrent):
        coordinator.seal(study, number)
    with pytest.raises(LedgerTooEarly):
        federation.chain.ledger.seal(study, number)
    coordinator.abort(study, number)


def test_a_site_refuses_a_base_that_ipfs_does_not_give_as_named(
    federation: SmallFederation,
) -> None:
    number = federation.open_round()
    base = cid_of_sha256(federation.chain.ledger.round(federation.study_id, number).base)
    try:
        with changed_on_ipfs(federation, base, flipped), pytest.raises(ObjectCorrupt, match=base):
            federation.take_part("site-1", number)
        with changed_on_ipfs(federation, base, None), pytest.raises(ObjectMissing, match=base):
            federation.take_part("site-1", number)
        assert federation.commitments(number)["site-1"].attempt == 0
    finally:
        federation.coordinator().chain.ledger.abort(federation.study_id, number)


def test_an_update_that_is_not_finite_is_refused_by_name_and_leaves_the_checkpoint(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    last = ledger.last_closed(study)
    assert last > 0  # so that the base has moments
    recipe = federation.recipe()
    overflowing = replace(
        recipe,
        learning_rate=(1.7e308,) * recipe.size,
        beta1=0.999,
        beta2=0.0,
        adam_epsilon=1e-300,
    )
    number, deliveries = sealed_and_delivered(federation)
    driver = federation.driver(number, lambda: (deliveries, [], True), recipe=overflowing)
    with pytest.raises(RoundAborted, match="UpdateRefused") as aborted:
        driver.run()
    assert not aborted.value.again
    assert federation.state(number) == RoundState.ABORTED
    assert ledger.last_closed(study) == last


def sealed_with_no_number(federation: SmallFederation) -> tuple[int, list[MaskedDelivery]]:
    """A round in which one member signs words that are not-a-number instead of its vector."""
    number, good = sealed_and_delivered(federation)
    words = np.full(federation.terms.vector_length, np.nan, dtype="<f8").tobytes()
    nan = signed(federation, number, words, federation.keys["site-1"].account)
    return number, [nan, *good[1:]]


def test_a_vector_that_no_honest_site_can_have_sent_ends_the_round_by_name(
    federation: SmallFederation,
) -> None:
    """Masked words are uniform in 2^64, so no site's can be refused; the sum is too long."""
    ledger, study = federation.chain.ledger, federation.study_id
    last, spent = ledger.last_closed(study), ledger.rho_spent(study)
    number, deliveries = sealed_with_no_number(federation)
    with pytest.raises(RoundAborted, match=r"SumTooLong.*ask each member") as aborted:
        federation.driver(number, lambda: (deliveries, [], True)).run()
    assert not aborted.value.again
    assert federation.state(number) == RoundState.ABORTED
    assert ledger.last_closed(study) == last and ledger.rho_spent(study) > spent


def test_a_coordinator_that_closes_with_such_a_vector_is_refused_by_every_gate(
    federation: SmallFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even so it is one bounded step, of numbers; and reviewers can go back behind it."""
    ledger, study, store = federation.chain.ledger, federation.study_id, federation.local.store
    last = ledger.last_closed(study)
    number, deliveries = sealed_with_no_number(federation)
    base = ledger.round(study, number).base
    monkeypatch.setattr(round_result, "require_plausible_sum", lambda *given: None)
    federation.driver(number, lambda: (deliveries, [], True)).run()
    opened = federation.open_round()
    with pytest.raises(BaseDoesNotFollow, match=rf"round {number} cannot be .* grid steps long"):
        check_base_follows(federation.chain, store, study, opened)
    federation.coordinator().chain.ledger.abort(study, opened)
    federation.roll_back(last)
    made = federation.chain.ledger.round(federation.study_id, number).checkpoint_hash
    after, start = (read_checkpoint(store.get(cid_of_sha256(name))) for name in (made, base))
    assert np.isfinite(after.prior).all() and np.isfinite(after.second_moment).all()
    assert np.abs(after.prior - start.prior).max() < 100 * max(federation.recipe().learning_rate)


def delivered(federation: SmallFederation, site: str, number: int) -> bool:
    with sqlite3.connect(federation.folder(site) / "state.db") as journal:
        query = "SELECT count(*) FROM deliveries WHERE study=? AND round=?"
        return bool(journal.execute(query, (federation.study_id, number)).fetchone()[0])


class CopiedOnItsWay:
    """A site's ledger, where another member copies the mask key of the first commitments it sends.

    Attributes:
        sent: the site's commitments, the copied ones included.
    """

    def __init__(self, site: Site, copier: Chain, times: int, sent: list[Commitment]) -> None:
        self._ledger, self._copier, self._times = site.chain.ledger, copier, times
        self.sent = sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def commit(self, study: int, number: int, commitment: Commitment) -> Receipt:
        self.sent.append(commitment)
        if len(self.sent) <= self._times:
            copier = self._copier.account.address
            attempt = self._ledger.commitment_of(study, number, copier).attempt + 1
            epoch = self._copier.consent.epoch(study, copier)
            copied = replace(commitment, attempt=attempt, epoch=epoch)
            self._copier.ledger.commit(study, number, copied)
        return self._ledger.commit(study, number, commitment)


def test_a_member_that_copies_a_mask_key_keeps_no_other_site_out_of_the_round(
    federation: SmallFederation,
) -> None:
    """It is quicker: the ledger says LedgerKeyReused, and the site takes another key."""
    number, sent = federation.open_round(), list[Commitment]()

    def victim() -> tuple[bytes, bytes]:
        site, copier = Site(federation.folder("site-1")), Site(federation.folder("site-2")).chain
        site.chain.ledger = CopiedOnItsWay(site, copier, 2, sent)  # type: ignore[assignment]
        return SiteRound(site, federation.study_id, number).run()

    with ThreadPoolExecutor(1) as pool:
        part = pool.submit(victim)
        until(lambda: part.done() or federation.commitments(number)["site-1"].attempt > 0)
        federation.coordinator().chain.ledger.abort(federation.study_id, number)
    assert federation.commitments(number)["site-1"] == sent[-1]
    assert len({one.mask_key for one in sent}) == len(sent) == 3
    assert len({one.vector_hash for one in sent}) == 3, "each has a salt and noise of its own"
    assert {one.attempt for one in sent} == {1}
    with closing(Journal.open(federation.folder("site-1") / "state.db")) as journal:
        study = federation.study_id
        found = [journal.committed(study, number, one.vector_hash) is not None for one in sent]
    assert found == [False, False, True], "what was given up is destroyed"


def test_no_round_opens_beyond_the_ceiling_and_the_sites_tally_agrees(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    rho = ledger.rho_of_round(study, 1)
    ceiling = ledger.rho_spent(study) + rho
    federation.change_terms(rho_ceiling=ceiling)  # stricter: consents stay, and so does rho spent
    number = federation.run_round()
    assert ledger.rho_spent(study) == ceiling
    for _ in range(2):  # the second as after a restart: everything is opened anew
        with pytest.raises(LedgerBudgetExhausted) as refusal:
            federation.open_round()
        assert (refusal.value.rho_spent, refusal.value.rho_ceiling) == (ceiling, ceiling)
        for site in federation.keys:
            journal = Journal.open(federation.folder(site) / "state.db")
            # A seal that was not delivered for cost the site nothing: it withheld.
            withheld = sum(
                any(sealed.seal_digest) and not delivered(federation, site, n)
                for n in range(1, number + 1)
                for sealed in [ledger.round(study, n)]
            )
            assert journal.spent(study) == ceiling - withheld * rho
            with pytest.raises(BudgetExceeded):
                journal.charge(study, number + 1, rho, ceiling, ceiling + rho)
            journal.close()
