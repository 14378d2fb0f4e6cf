"""No consent in force, no byte: a record whose patient did not agree changes nothing that a site
makes, and a record that is admitted says nothing by being unusable.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from audit.cid import cid_of_sha256
from audit.cohort import Status
from chain.messages import Purpose, split_token_id
from federation.app.admit import Cohort, admit
from federation.app.models import model_named
from federation.app.site_round import SiteRound
from federation.app.train import cohort_series, contribution
from federation.gate.journal_schema import Attempt
from federation.gate.site import Site
from tests.small_federation import DAY, DESIGN, TRAINING, Holder, SmallFederation, small_federation

SITE = "site-1"
EVALUATION = Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.EVALUATION
# Why each patient of the first site is not admitted; the others are, two under the last version.
REASONS = (
    "never",
    "revoked",
    "expired",
    "not-yet-begun",
    "begins-in-the-round",
    "evaluation-only",
    "other-disease",
    "commercial-not-allowed",
    "old-version",
)
STATUS = {
    "revoked": Status.REVOKED,
    "expired": Status.EXPIRED,
    "not-yet-begun": Status.NOT_YET_BEGUN,
    "begins-in-the-round": Status.NOT_YET_BEGUN,
    "evaluation-only": Status.OTHER_PURPOSE,
    "other-disease": Status.OTHER_PURPOSE,
    "commercial-not-allowed": Status.OTHER_PURPOSE,
    "old-version": Status.OLD_VERSION,
}
ADMITTED = 3
ROUND_SECONDS = (
    DESIGN.commit_seconds + DESIGN.seal_seconds + DESIGN.delivery_seconds + DESIGN.close_seconds
)


class Consents:
    """A federation of which each kind of refusal has one patient at the first site."""

    def __init__(self, federation: SmallFederation) -> None:
        self.federation = federation
        self.records: dict[str, str] = {}
        self.holders: dict[str, Holder] = {}

    def arrange(self) -> None:
        federation = self.federation
        with Site(federation.folder(SITE)).records as store:
            ids = iter(store.record_ids())
        for reason in REASONS:
            self.records[reason] = next(ids)
        grant, now = federation.grant, federation.chain.head().timestamp
        self.holders["old-version"] = grant(SITE, self.records["old-version"])
        # A looser ceiling needs fresh consent.
        federation.change_terms(rho_ceiling=federation.terms.rho_ceiling * 2)
        self.holders["revoked"] = grant(SITE, self.records["revoked"])
        federation.revoke(self.holders["revoked"])
        self.holders["expired"] = grant(SITE, self.records["expired"], use_seconds=60)
        self.holders["not-yet-begun"] = grant(
            SITE, self.records["not-yet-begun"], use_start=now + 30 * DAY
        )
        # Active at the close deadline, not now.
        self.holders["begins-in-the-round"] = grant(
            SITE, self.records["begins-in-the-round"], use_start=now + ROUND_SECONDS - 300
        )
        self.holders["evaluation-only"] = grant(
            SITE, self.records["evaluation-only"], purposes=int(EVALUATION)
        )
        self.holders["other-disease"] = grant(
            SITE, self.records["other-disease"], disease=DESIGN.disease + 1
        )
        # The study undertakes no such thing.
        self.holders["commercial-not-allowed"] = grant(
            SITE,
            self.records["commercial-not-allowed"],
            purposes=int(TRAINING | Purpose.NON_COMMERCIAL),
        )
        for number in range(ADMITTED):
            self.records[f"admitted-{number}"] = record = next(ids)
            self.holders[f"admitted-{number}"] = grant(SITE, record)
        for site in ("site-2", "site-3"):
            with Site(federation.folder(site)).records as store:
                for record in store.record_ids()[:2]:
                    grant(site, record)


@pytest.fixture(scope="module")
def consents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consents]:
    folder = tmp_path_factory.mktemp("federation")
    design = replace(DESIGN, min_cohort=2)
    with small_federation(folder, patients=13, granting=0, design=design) as federation:
        made = Consents(federation)
        made.arrange()
        yield made


@pytest.fixture(scope="module")
def open_round(consents: Consents) -> int:
    """A round that stays open: what is prepared for it is never sent, but by the last test."""
    return consents.federation.open_round()


def prepare(federation: SmallFederation, folder: Path, number: int) -> tuple[Attempt, Cohort]:
    """What the site in a folder would commit now: admitted, trained, clipped and noised."""
    site = Site(folder)
    taking_part = SiteRound(site, federation.study_id, number)
    cohort = admit(
        site.chain,
        federation.terms,
        federation.study_id,
        federation.chain.ledger.round(federation.study_id, number),
        site.address,
    )
    attempt, _ = taking_part._prepare(cohort, 1)
    return attempt, cohort


def copied_without(folder: Path, copy: Path, *records: str) -> Path:
    """The site's folder with records deleted, and with its reservation but not its vectors.

    So that noise is drawn again: the same for the same sum under the same reservation, and under
    another reservation when the sum is another.
    """
    shutil.copytree(folder, copy)
    with sqlite3.connect(copy / "records.db") as store:
        for record in records:
            found = store.execute("DELETE FROM patient WHERE id = ?", (record,)).rowcount
            store.execute("DELETE FROM observation WHERE record_id = ?", (record,))
            assert found == 1
    with sqlite3.connect(copy / "state.db") as journal:
        journal.execute("UPDATE attempts SET vector = NULL, vector_hash = NULL")
    return copy


def total(
    federation: SmallFederation, folder: Path, holders: list[Holder]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The sum without noise of these holders' records, as the site would train them."""
    site = Site(folder)
    consents = {
        split_token_id(holder.token_id)[2]: site.chain.consent.consent(holder.token_id)
        for holder in holders
    }
    recipe = federation.recipe()
    series = cohort_series(consents, site.keys, site.records, model_named(recipe.model))
    assert len(series) == len(holders)
    taking_part = SiteRound(site, federation.study_id, federation.chain.ledger.round_count(1))
    return contribution(series, taking_part._base, recipe, federation.terms)


@pytest.mark.parametrize("reason", REASONS)
def test_a_record_without_consent_in_force_changes_no_byte(
    consents: Consents, open_round: int, tmp_path: Path, reason: str
) -> None:
    federation, folder = consents.federation, consents.federation.folder(SITE)
    attempt, cohort = prepare(federation, folder, open_round)
    assert sorted(cohort.consents) == sorted(
        split_token_id(consents.holders[f"admitted-{n}"].token_id)[2] for n in range(ADMITTED)
    )
    if reason in STATUS:
        index = split_token_id(consents.holders[reason].token_id)[2]
        assert cohort.statuses[index] == STATUS[reason]
    copy = copied_without(folder, tmp_path / "copy", consents.records[reason])
    again, _ = prepare(federation, copy, open_round)
    assert attempt.vector is not None
    assert (again.draw_number, again.vector) == (attempt.draw_number, attempt.vector)
    assert again.vector_hash == attempt.vector_hash


def test_an_admitted_record_changes_the_contribution(
    consents: Consents, open_round: int, tmp_path: Path
) -> None:
    federation, folder = consents.federation, consents.federation.folder(SITE)
    attempt, _ = prepare(federation, folder, open_round)
    copy = copied_without(folder, tmp_path / "copy", consents.records["admitted-0"])
    again, cohort = prepare(federation, copy, open_round)
    assert cohort.size == ADMITTED
    assert again.draw_number == attempt.draw_number + 1  # another sum never gets the same noise
    assert again.vector != attempt.vector
    holders = [consents.holders[f"admitted-{n}"] for n in range(ADMITTED)]
    assert (total(federation, folder, holders) != total(federation, copy, holders)).any()


def test_a_consents_data_period_says_which_part_of_a_record_is_used(
    consents: Consents, open_round: int, tmp_path: Path
) -> None:
    federation, folder = consents.federation, consents.federation.folder(SITE)
    record = consents.records["never"]
    site = Site(folder)
    times = sorted({one.time for one in site.records.record(record).observations})
    assert len(times) > 3
    middle = int(times[len(times) // 2].timestamp())
    limited = federation.grant(SITE, record, data_end=middle)
    try:
        used = total(federation, folder, [limited])
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        with sqlite3.connect(copy / "records.db") as store:
            later = "DELETE FROM observation WHERE record_id = ? AND time_us >= ?"
            assert store.execute(later, (record, middle * 1_000_000)).rowcount > 0
        assert (total(federation, copy, [limited]) == used).all()
        with sqlite3.connect(copy / "records.db") as store:
            one = "DELETE FROM observation WHERE record_id = ? AND time_us = ?"
            first = int((times[0] - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
            assert store.execute(one, (record, first)).rowcount > 0
        assert (total(federation, copy, [limited]) != used).any()
    finally:
        federation.revoke(limited)


def test_a_whole_cohort_of_a_stopped_study_is_barred_and_a_wider_consent_is_admitted(
    consents: Consents, open_round: int
) -> None:
    """Nothing is wrong with the tokens, so the leaves say what stopped them: their study."""
    federation = consents.federation
    wide = federation.grant(
        SITE,
        consents.records["never"],
        purposes=int(Purpose.GENERAL_RESEARCH | Purpose.TRAINING | Purpose.EVALUATION),
        disease=0,
    )
    try:
        _, cohort = prepare(federation, federation.folder(SITE), open_round)
        wide_index = split_token_id(wide.token_id)[2]
        assert cohort.statuses[wide_index] == Status.ADMITTED
        federation.suspend()
        try:
            stopped = cohort_now(federation, open_round)
        finally:
            federation.resume()
        assert stopped.size == 0
        told = dict(zip(cohort.statuses, stopped.statuses, strict=True))
        assert told.pop(Status.ADMITTED) == Status.BARRED
        assert all(before == after for before, after in told.items())
    finally:
        federation.revoke(wide)


def cohort_now(federation: SmallFederation, number: int) -> Cohort:
    """What the site would admit at the newest block."""
    site = Site(federation.folder(SITE))
    ledger, study = federation.chain.ledger, federation.study_id
    return admit(site.chain, federation.terms, study, ledger.round(study, number), site.address)


HOSTILE = {
    "unknown": "DELETE FROM patient WHERE id = ?",
    "empty": "DELETE FROM observation WHERE record_id = ?",
    "infinite": "UPDATE observation SET value = 9e999 WHERE record_id = ?",
    "not-a-number": "UPDATE observation SET value = NULL WHERE record_id = ?",
    "zero": "UPDATE observation SET value = 0.0 WHERE record_id = ?",
    "negative": "UPDATE observation SET value = -value WHERE record_id = ?",
    "out-of-time": "UPDATE observation SET time_us = 9000000000000000000 WHERE record_id = ?",
    "unknown-code": "UPDATE observation SET loinc = '0-0' WHERE record_id = ?",
    "thousands": """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
        INSERT INTO observation SELECT 'flood-' || i, state, updated_us, version, 0, record_id,
        loinc, time_us + i * 1000000, value, source_value, source_unit, source_id, line FROM n,
        (SELECT * FROM observation WHERE record_id = ? AND loinc = '1975-2' LIMIT 1)""",
}


def spoil(folder: Path, record: str, kind: str) -> None:
    with sqlite3.connect(folder / "records.db") as store:
        store.execute(HOSTILE[kind], (record,))
        assert store.total_changes > 0


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_unusable_record_adds_exactly_nothing_and_stops_nothing(
    consents: Consents, open_round: int, tmp_path: Path, kind: str
) -> None:
    federation = consents.federation
    copy = tmp_path / "copy"
    shutil.copytree(federation.folder(SITE), copy)
    holders = [consents.holders[f"admitted-{n}"] for n in range(ADMITTED)]
    before = total(federation, copy, holders)
    spoil(copy, consents.records["admitted-1"], kind)
    spoiled = total(federation, copy, holders)
    assert (spoiled == total(federation, copy, [holders[0], holders[2]])).all()
    assert (spoiled != before).any()  # the record counted before it was spoiled


def test_values_at_the_limits_of_belief_stay_within_the_clipping_norm(
    consents: Consents, open_round: int, tmp_path: Path
) -> None:
    federation = consents.federation
    copy = tmp_path / "copy"
    shutil.copytree(federation.folder(SITE), copy)
    record = consents.records["admitted-1"]
    spoil(copy, record, "thousands")
    with sqlite3.connect(copy / "records.db") as store:
        store.execute("DELETE FROM observation WHERE id LIKE 'flood-%' AND length(id) > 8")
        limits = "UPDATE observation SET value = CASE time_us / 1000000 % 2 WHEN 0 THEN 1e-300 "
        store.execute(limits + "ELSE 1e300 END WHERE record_id = ?", (record,))
    one = total(federation, copy, [consents.holders["admitted-1"]])
    assert 0 < sum(int(v) ** 2 for v in one) <= federation.terms.clipping_norm**2


def test_a_site_with_all_other_records_deleted_sends_the_same_masked_bytes(
    consents: Consents, open_round: int, tmp_path: Path
) -> None:
    """The whole round: commitment, seal and delivery; and unusable records count in the cohort."""
    federation, number = consents.federation, open_round
    ledger, study = federation.chain.ledger, federation.study_id
    spoil(federation.folder(SITE), consents.records["admitted-1"], "empty")
    spoil(federation.folder(SITE), consents.records["admitted-2"], "infinite")
    prepare(federation, federation.folder(SITE), number)
    deleted = [consents.records[reason] for reason in REASONS]
    copy = copied_without(federation.folder(SITE), tmp_path / "copy", *deleted)
    with federation.sites_at(number, (SITE,)) as first:
        federation.until_committed(number, (SITE,))
        commitment = federation.commitments(number)[SITE]
        # The copy computes for the block that the site read, not for its newest.
        remade = remake(federation, copy, number, commitment.block_number)
        assert remade.vector_hash == commitment.vector_hash
        with federation.sites_at(number, ("site-2", "site-3")) as others:
            federation.until_committed(number)
            federation.coordinator().chain.ledger.seal(study, number)
            masked, signature = first[SITE].result()
            again = SiteRound(Site(copy), study, number).run()
            assert again == (masked, signature)
            assert masked != remade.vector
            federation.drive(number, first | others)
    assert commitment.cohort_size == ADMITTED
    closed = ledger.round(study, number)
    assert federation.coordinator().store.get(cid_of_sha256(closed.checkpoint_hash))


def remake(federation: SmallFederation, folder: Path, number: int, block: int) -> Attempt:
    """As `prepare`, for a cohort read at an earlier block of a round that is committed."""
    site = Site(folder)
    ledger, study = federation.chain.ledger, federation.study_id
    cohort = admit(site.chain, federation.terms, study, ledger.round(study, number), site.address)
    at = replace(cohort, block=site.chain.block(block))
    return SiteRound(site, study, number)._prepare(at, 1)[0]
