"""Under `proceed`, a withdrawal after the commit deadline lets the sealed round close."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chain.messages import LateRevocation, RoundState
from federation.app.round_driver import Pacing, RoundAborted
from stack import rpc
from tests.small_federation import DESIGN, SmallFederation, small_federation, until

COMMIT_SECONDS = 600


@pytest.fixture(scope="module")
def proceeding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """A study whose policy is `proceed`, on a chain whose clock the tests move."""
    design = replace(DESIGN, late_revocation=LateRevocation.PROCEED, commit_seconds=COMMIT_SECONDS)
    with small_federation(tmp_path_factory.mktemp("proceed"), design=design) as running:
        yield running


def pass_time(federation: SmallFederation, seconds: int) -> None:
    """Moves the chain's clock."""
    rpc.call(federation.local.node.rpc_url, "evm_increaseTime", seconds)
    rpc.call(federation.local.node.rpc_url, "evm_mine")


def test_a_withdrawal_before_the_commit_deadline_still_binds_a_round_sealed_early(
    proceeding: SmallFederation,
) -> None:
    leaving = proceeding.grant("site-1", proceeding.silent_record("site-1"))
    number = proceeding.open_round()
    ledger, study = proceeding.chain.ledger, proceeding.study_id
    with proceeding.sites_at(number) as parts:

        def withdraw() -> None:
            until(lambda: ledger.round(study, number).state == RoundState.SEALED)
            proceeding.revoke(leaving)

        patient = threading.Thread(target=withdraw)
        patient.start()
        with pytest.raises(RoundAborted, match="ConsentChanged"):
            proceeding.drive(number, parts, Pacing(close_after_seconds=2.0))
        patient.join()


def test_a_withdrawal_after_the_commit_deadline_lets_the_round_close_and_binds_the_next(
    proceeding: SmallFederation,
) -> None:
    leaving = proceeding.grant("site-2", proceeding.silent_record("site-2"))
    number = proceeding.open_round()
    ledger, study = proceeding.chain.ledger, proceeding.study_id
    account = proceeding.keys["site-2"].public.account
    with proceeding.sites_at(number) as parts:
        accounts = [keys.public.account for keys in proceeding.keys.values()]
        until(lambda: all(ledger.is_current(study, number, one) for one in accounts))
        pass_time(proceeding, COMMIT_SECONDS + 1)
        proceeding.revoke(leaving)
        assert ledger.is_current(study, number, account)
        proceeding.drive(number, parts)
    assert ledger.round(study, number).state == RoundState.CLOSED
    following = proceeding.run_round()
    sizes = [ledger.commitment_of(study, n, account).cohort_size for n in (number, following)]
    assert sizes[1] == sizes[0] - 1
