"""A hospital's ceiling on what one record gives to all its studies, in rounds on a real chain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np
import pytest

from audit.codec import from_bytes, unwrap
from audit.cohort import Status
from audit.privacy import epsilon_canonne_kamath_steinke, site_variance
from chain.messages import RoundState, rho_of_round, split_token_id
from federation.app.models import model_named
from federation.app.noise import draw, noise_key
from federation.app.reply import WithheldCode
from federation.app.site_round import SiteRound, Withheld
from federation.app.train import cohort_series, contribution
from federation.gate.backup import restore_backup, write_backup
from federation.gate.receipts import RoundReceipts
from federation.gate.record_cap import LedgerDecisions, catch_up
from federation.gate.record_counts import count_anew, read_record_counts
from federation.gate.record_tally import RecordTally, RecordTallyRefused, SiteAccount
from federation.gate.site import RECORD_RHO_CEILING, Site, SiteConfig
from tests.small_federation import Holder, SmallFederation

SITE = "site-1"
PASSPHRASE = b"correct horse battery staple"


@contextmanager
def tally_of(federation: SmallFederation, caught_up: bool = True) -> Iterator[RecordTally]:
    """The first site's tally, after it has asked the chain."""
    with closing(RecordTally(federation.folder(SITE) / "record-tally.db")) as tally:
        if caught_up:
            chain = federation.chain
            deployment = chain.deployment
            decisions = LedgerDecisions(chain)
            catch_up(tally, deployment.chain_id, deployment.ledger, decisions)
        yield tally


def totals(federation: SmallFederation) -> dict[str, int]:
    """Of those at the first site who granted."""
    with tally_of(federation) as tally:
        return tally.totals({holder.record_id for holder in federation.holders[SITE]})


def rho(federation: SmallFederation) -> int:
    return rho_of_round(federation.terms.noise_multiplier)


def sum_without_noise(federation: SmallFederation, number: int) -> np.ndarray:
    """What the first site's committed vector of a round is but for its noise."""
    site, study = Site(federation.folder(SITE)), federation.study_id
    chain, opened = site.chain, site.chain.ledger.round(study, number)
    commitment = chain.ledger.commitment_of(study, number, site.address)
    attempt = site.journal.committed(study, number, commitment.vector_hash)
    assert attempt is not None and attempt.vector is not None
    key = noise_key(
        site.keys.noise_secret,
        chain.deployment.chain_id,
        chain.deployment.ledger,
        study,
        site.address,
        number,
        attempt.attempt,
        opened.pinned_block,
        opened.pinned_block_hash,
        attempt.draw_number,
    )
    terms = federation.terms
    noise = draw(key, site_variance(terms), terms.vector_length)
    return unwrap(from_bytes(attempt.vector)) - noise


def sum_of(federation: SmallFederation, number: int, holders: list[Holder]) -> np.ndarray:
    """The clipped sum of these holders' records, from a round's base."""
    site, recipe = Site(federation.folder(SITE)), federation.recipe()
    consents = {
        split_token_id(holder.token_id)[2]: site.chain.consent.consent(holder.token_id)
        for holder in holders
    }
    series = cohort_series(consents, site.keys, site.records, model_named(recipe.model))
    base = SiteRound(site, federation.study_id, number)._base
    return contribution(series, base, recipe, federation.terms)


def test_a_record_that_another_study_has_used_up_counts_and_adds_exactly_nothing(
    federation: SmallFederation,
) -> None:
    full, *others = federation.holders[SITE]
    elsewhere = SiteAccount(1, "0x" + "77" * 20, 7, "0x" + "88" * 20)
    with tally_of(federation, caught_up=False) as tally:
        tally.add(elsewhere)
        tally.hold(elsewhere, 1, 1, 10**24, {full.record_id}, 10**24)
    number = federation.open_round()
    with federation.sites_at(number) as parts:
        federation.until_committed(number)
        assert (sum_without_noise(federation, number) == sum_of(federation, number, others)).all()
        federation.drive(number, parts)
    assert federation.state(number) == RoundState.CLOSED
    # By chain facts alone: the cohort's size and the receipt say nothing of the ceiling.
    assert federation.commitments(number)[SITE].cohort_size == len(others) + 1
    site = Site(federation.folder(SITE))
    receipts = RoundReceipts(site.keys, site.journal, site.chain, federation.study_id, number)
    assert receipts.of(full.token_id).status == Status.ADMITTED
    counts, _ = read_record_counts(federation.folder(SITE))
    assert (counts.records, counts.at_ceiling, counts.studies) == (len(others) + 1, 1, 2)
    assert totals(federation) == {full.record_id: 10**24} | {
        one.record_id: rho(federation) for one in others
    }
    with tally_of(federation) as tally:
        tally.settle(elsewhere, 1, None, 0)  # that study's round was never sealed
    again = federation.open_round()
    with federation.sites_at(again) as parts:
        federation.until_committed(again)
        everyone = sum_of(federation, again, [full, *others])
        assert (sum_without_noise(federation, again) == everyone).all()
        federation.drive(again, parts)
    assert totals(federation)[full.record_id] == rho(federation)


def test_a_round_that_is_aborted_before_its_seal_is_held_and_then_let_go(
    federation: SmallFederation,
) -> None:
    before = totals(federation)
    number = federation.open_round()
    SiteRound(Site(federation.folder(SITE)), federation.study_id, number)._commit_until_current()
    held = {one: spent + rho(federation) for one, spent in before.items()}
    assert totals(federation) == held
    federation.coordinator().chain.ledger.abort(federation.study_id, number)
    assert totals(federation) == before


def test_without_its_tally_a_site_takes_no_part_until_the_chain_was_counted_anew(
    federation: SmallFederation, tmp_path
) -> None:
    folder, before = federation.folder(SITE), totals(federation)
    shutil.copytree(folder, tmp_path / "site")
    for path in (tmp_path / "site").glob("record-tally.db*"):
        path.unlink()
    with pytest.raises(RecordTallyRefused, match=r"record-tally\.db is missing, but .*Restore it"):
        Site(tmp_path / "site")
    count_anew(tmp_path / "site")
    site = Site(tmp_path / "site")
    sealed = site.chain.ledger.rho_spent(federation.study_id)
    anew = site.cap.totals({*before, "who was never here"})
    assert anew == dict.fromkeys(anew, sealed)
    assert all(anew[one] >= spent for one, spent in before.items())


def test_a_restored_site_knows_what_it_charged_and_shares_what_is_there(
    federation: SmallFederation, tmp_path
) -> None:
    """The hospital's file lies outside the folder; the backup holds it, and yields to a newer."""
    folder, shared = tmp_path / "site", tmp_path / "record-tally.db"
    shutil.copytree(federation.folder(SITE), folder)
    with closing(RecordTally(folder / "record-tally.db")):
        (folder / "record-tally.db").rename(shared)
        for path in folder.glob("record-tally.db-*"):
            path.rename(shared.with_name(path.name))
    replace(SiteConfig.load(folder), record_tally="../record-tally.db").save(folder)
    before = totals(federation)
    write_backup(folder, tmp_path / "backup", PASSPHRASE)
    (tmp_path / "new").mkdir()
    restored = restore_backup(tmp_path / "backup", tmp_path / "new" / "site", PASSPHRASE)
    assert restored.record_tally == tmp_path / "new" / "record-tally.db"
    assert Site(tmp_path / "new" / "site").cap.totals(before) == before
    with closing(RecordTally(tmp_path / "new" / "record-tally.db")) as live:
        live.add(SiteAccount(1, "0x" + "77" * 20, 7, "0x" + "88" * 20))
    again = restore_backup(tmp_path / "backup", tmp_path / "new" / "twin", PASSPHRASE)
    assert again.record_tally is None
    assert Site(tmp_path / "new" / "twin").cap.tally.account_count() == 2
    assert not (tmp_path / "new" / "site" / "hospital").exists()


def test_the_usual_ceiling_is_epsilon_10_at_delta_1e_6() -> None:
    at, above = RECORD_RHO_CEILING / 10**18, RECORD_RHO_CEILING / 10**18 + 1e-3
    assert epsilon_canonne_kamath_steinke(at, 1e-6) <= 10
    assert epsilon_canonne_kamath_steinke(above, 1e-6) > 10


def test_a_round_that_is_over_before_its_records_are_held_is_no_fault_of_the_tally(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.coordinator().chain.ledger, federation.study_id
    number = federation.open_round()
    part = SiteRound(Site(federation.folder(SITE)), study, number)
    ledger.abort(study, number)  # between the site's look at the round and its next step
    with tally_of(federation, caught_up=False) as tally:
        tally.add(part._site.cap.account)
    with pytest.raises(Withheld) as refused:
        part._commit_until_current()
    assert refused.value.code == WithheldCode.ROUND_ABORTED
