"""A round from both sides: consent gates it, masks cancel, revocations bind it."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount

from audit.cid import cid_of_sha256
from audit.codec import from_bytes
from audit.cohort import Status
from audit.consent_state import StudyState
from audit.manifest import hash_of_sum
from audit.manifest import parse as parse_manifest
from audit.remedies import Remedy
from audit.update import unmask_sum
from audit.verify import verify_folder
from audit.withdrawals import withdrawal
from chain.messages import ReceiptKey, RoundState, split_token_id
from federation.app.round_driver import Pacing, RoundAborted
from federation.gate.disclosing import disclose_to
from federation.gate.journal import Journal
from federation.gate.lineage import check_base_follows
from federation.gate.receipts import RoundReceipts
from study.bundle import gather_bundle
from study.disclosure_envelope import open_disclosure
from study.receipt import Receipt
from study.statements import Statement, StatementRefused
from tests.small_federation import SmallFederation, until


def vector_of(federation: SmallFederation, site: str, number: int) -> np.ndarray:
    """The noised vector that a site committed, from its own journal."""
    account = federation.keys[site].public.account
    commitment = federation.chain.ledger.commitment_of(federation.study_id, number, account)
    journal = Journal.open(federation.folder(site) / "state.db")
    attempt = journal.committed(federation.study_id, number, commitment.vector_hash)
    assert attempt is not None and attempt.vector is not None
    return from_bytes(attempt.vector)


def receipts_of(federation: SmallFederation, site: str, number: int) -> RoundReceipts:
    """As the site makes them once a round is over."""
    with closing(Journal.open(federation.folder(site) / "state.db")) as journal:
        return RoundReceipts(
            federation.keys[site], journal, federation.chain, federation.study_id, number
        )


def test_a_round_closes_with_the_exact_sum_of_what_sites_committed(
    federation: SmallFederation,
) -> None:
    number = federation.run_round()
    closed = federation.chain.ledger.round(federation.study_id, number)
    assert closed.state == RoundState.CLOSED
    store = federation.coordinator().store
    manifest = parse_manifest(store.get(cid_of_sha256(closed.manifest_hash)))
    masked = [from_bytes(store.get(part.masked.cid)) for part in manifest.contributions]
    plain = [vector_of(federation, site, number) for site in federation.keys]
    assert unmask_sum(plain).tolist() == unmask_sum(masked).tolist()
    assert manifest.sum_hash == hash_of_sum(unmask_sum(plain))
    assert not any(np.array_equal(a, b) for a in masked for b in plain)


def test_the_next_round_starts_from_the_checkpoint_and_charges_once_more(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    first = federation.run_round()
    spent = ledger.rho_spent(study)
    second = federation.run_round()
    assert ledger.round(study, second).base == ledger.round(study, first).checkpoint_hash
    assert ledger.rho_spent(study) - spent == ledger.rho_of_round(study, 1)


def test_a_revocation_before_the_seal_makes_the_site_commit_again_without_the_record(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    site = "site-1"
    account = federation.keys[site].public.account
    leaving = federation.grant(site, federation.silent_record(site))
    number = federation.open_round()
    with federation.sites_at(number) as parts:
        until(lambda: ledger.commitment_of(study, number, account).attempt == 1)
        before = ledger.commitment_of(study, number, account)
        federation.revoke(leaving)
        assert not ledger.is_current(study, number, account)
        until(lambda: ledger.commitment_of(study, number, account).attempt == 2)
        federation.drive(number, parts)
    after = ledger.commitment_of(study, number, account)
    assert after.cohort_size == before.cohort_size - 1
    assert after.vector_hash != before.vector_hash and after.mask_key != before.mask_key
    assert ledger.round(study, number).state == RoundState.CLOSED
    # What the site commits to, its journal can prove to each patient afterwards.
    receipts = receipts_of(federation, site, number)
    staying = federation.holders[site][0]
    assert receipts.of(staying.token_id).status == Status.ADMITTED
    assert receipts.of(leaving.token_id).status == Status.REVOKED
    for holder, words in ((staying, "your record was counted in it"), (leaving, "was revoked")):
        receipt = Receipt.parse(receipts.of(holder.token_id).to_bytes())
        assert receipt.attempt == 2
        assert words in receipt.verify(federation.chain)


def test_a_revocation_after_the_seal_abandons_the_round_and_a_new_one_leaves_the_record_out(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.chain.ledger, federation.study_id
    leaving = federation.grant("site-2", federation.silent_record("site-2"))
    number = federation.open_round()

    def withdraw() -> None:
        until(lambda: ledger.round(study, number).state == RoundState.SEALED)
        federation.revoke(leaving)

    with federation.sites_at(number) as parts:
        patient = threading.Thread(target=withdraw)
        patient.start()
        with pytest.raises(RoundAborted, match="ConsentChanged"):
            federation.drive(number, parts, Pacing(close_after_seconds=2.0))
        patient.join()
    spent = ledger.rho_spent(study)
    assert ledger.round(study, number).state == RoundState.ABORTED
    assert federation.coordinator().deliveries(number) == {}
    again = federation.run_round()
    account = federation.keys["site-2"].public.account
    sizes = [ledger.commitment_of(study, n, account).cohort_size for n in (number, again)]
    assert sizes[1] == sizes[0] - 1
    assert ledger.rho_spent(study) == spent + ledger.rho_of_round(study, 1)


def test_a_cohort_that_a_site_discloses_holds_leaf_by_leaf_against_the_bundle(
    federation: SmallFederation, tmp_path: Path
) -> None:
    """To a key that a reviewer of the study has signed, and to no other."""
    leaving = federation.grant("site-3", federation.silent_record("site-3"))
    number = federation.run_round()
    federation.revoke(leaving)
    key = X25519PrivateKey.generate()
    reviewer, stranger = federation.local.people.reviewers[0], Account.create()

    def signed_by(account: LocalAccount) -> Any:
        said = ReceiptKey(account.address, key.public_key().public_bytes_raw(), 1)
        return Statement.sign(said, federation.chain.consent.domain, account).to_json()

    with pytest.raises(StatementRefused, match="no reviewer"):
        disclose_to(federation.folder("site-3"), number, signed_by(stranger))
    forged = signed_by(reviewer) | {"signature": signed_by(stranger)["signature"]}
    with pytest.raises(StatementRefused, match="not signed by"):
        disclose_to(federation.folder("site-3"), number, forged)

    made = disclose_to(federation.folder("site-3"), number, signed_by(reviewer))
    shown = open_disclosure(made.sealed, key.private_bytes_raw())
    with federation.coordinator().store as store:
        trusted = gather_bundle(federation.chain, store, federation.study_id, tmp_path / "bundle")
    report = verify_folder(tmp_path / "bundle", trusted, [shown])
    assert report.ok, report.failed
    (leaves,) = [check for check in report.checks if check.name == "cohort.leaves"]
    assert leaves.detail.startswith(f"{made.tokens} tokens")
    assert shown.leaves[split_token_id(leaving.token_id)[2]][0] == Status.ADMITTED


def test_reviewers_go_back_behind_a_withdrawn_record_and_sites_train_again_without_it(
    federation: SmallFederation,
) -> None:
    ledger, study, site = federation.chain.ledger, federation.study_id, "site-3"
    clean = federation.run_round()
    leaving = federation.grant(site, federation.silent_record(site))
    tainted = federation.run_round()
    federation.revoke(leaving)
    federation.roll_back(clean)
    again = federation.run_round()
    continued = ledger.round(study, again)
    assert continued.base == ledger.round(study, clean).checkpoint_hash
    assert (continued.previous_closed, continued.previous_sealed) == (clean, tainted)
    # a site recomputes the round that the reviewers went back to, and lets the app in
    check_base_follows(federation.chain, federation.coordinator().store, study, again)
    state = StudyState.replay(federation.chain.events_of((0, study)), study)
    found = withdrawal(state, leaving.token_id, federation.chain.head().timestamp)
    assert found is not None
    assert found.remedy == Remedy.RETRAINED
    assert {one.round: one.remedy for one in found.checkpoints if one.round >= clean} == {
        clean: Remedy.NOT_USED,
        tainted: Remedy.RETIRED,
        again: Remedy.RETRAINED,
    }
    # what the chain leaves open, the site's receipts prove
    assert receipts_of(federation, site, tainted).of(leaving.token_id).status == Status.ADMITTED
    assert receipts_of(federation, site, again).of(leaving.token_id).status == Status.REVOKED
