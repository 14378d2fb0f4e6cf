"""The withdrawal ledger on real studies: what may have used a record, and what came of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount

from audit.consent_state import StudyState
from audit.privacy import epsilon_canonne_kamath_steinke
from audit.remedies import Bound, CheckpointRemedy, Clock, Remedy, Withdrawal, spans
from audit.report import Kind
from audit.round_state import Moment
from audit.verify import verify_folder
from audit.withdrawal_clocks import finishing
from audit.withdrawals import REMEDIATION_SECONDS, withdrawal, withdrawals
from chain.messages import LateRevocation, RoundState
from tests.audit.acts import roll_back
from tests.audit.real_study import RealStudy
from tests.world import World

NOT_USED, BOUNDED, RETIRED, RETRAINED = Remedy
Patient = tuple[int, LocalAccount]


def study_of(world: World, **changes: object) -> tuple[RealStudy, dict[str, list[Patient]]]:
    """Three consents at each site."""
    study = RealStudy(world, dict(changes))
    return study, {site.address: [study.patient(site) for _ in range(3)] for site in world.sites}


def state_of(study: RealStudy) -> StudyState:
    return StudyState.replay(study.chain.events_of((0, study.number)), study.number)


def judged(study: RealStudy, patient: Patient, at: int | None = None) -> Withdrawal:
    found = withdrawal(state_of(study), patient[0], study.world.now if at is None else at)
    assert found is not None
    return found


def classes(found: Withdrawal) -> dict[int, Remedy]:
    return {one.round: one.remedy for one in found.checkpoints}


def test_from_a_withdrawal_to_retraining_without_the_record(
    moving_world: World, tmp_path: Path
) -> None:
    world = moving_world
    study, patients = study_of(world)
    study.round()
    late = study.patient(world.sites[0])
    study.round()
    study.round()
    assert withdrawal(state_of(study), late[0], world.now) is None
    revoked = study.revoke(late)

    found = judged(study, late)
    assert [(use.round, use.counted, use.active) for use in found.uses] == [(2, 4, 4), (3, 4, 4)]
    assert classes(found) == {1: NOT_USED, 2: BOUNDED, 3: BOUNDED}
    assert (found.remedy, found.is_final, found.last_clean) == (BOUNDED, False, 1)
    # sigma 1, so each round costs rho 1/2 and the least bit that the ledger adds
    assert found.bound is not None
    assert found.bound.rho == 2 * (5 * 10**17 + 1)
    assert found.bound.epsilon == pytest.approx(epsilon_canonne_kamath_steinke(1, 1e-5))
    one, two = (remedy.bound for remedy in found.descending)
    assert one is not None
    assert one.epsilon < found.bound.epsilon
    assert two == found.bound
    # no round ran: from the very block of the revocation on, none can include it
    assert found.policy is None
    assert (found.halting.block, found.halting.in_time) == (revoked.block_number, True)
    assert found.halting.started == found.halting.ended == found.halting.deadline

    # nobody decides: the class is final when the reviewers' time is over
    deadline = found.revoked.time + REMEDIATION_SECONDS
    assert found.finishing.deadline == deadline
    assert judged(study, late, deadline - 1).finishing.ended is None
    assert judged(study, late, deadline).finishing.ended == deadline

    study.round()  # builds on round 3, so it carries what that does, and uses no record anew
    found = judged(study, late)
    assert classes(found)[4] == BOUNDED
    assert found.descending[-1].bound == found.bound

    went_back = roll_back(world, study.number, found.last_clean, world.reviewers[:2])
    found = judged(study, late)
    assert classes(found) == {1: NOT_USED, 2: RETIRED, 3: RETIRED, 4: RETIRED}
    assert (found.remedy, found.is_final) == (RETIRED, True)
    assert found.finishing.block == went_back.block_number
    assert found.finishing.in_time

    study.round()
    found = judged(study, late)
    assert classes(found)[5] == RETRAINED
    assert (found.remedy, found.last_clean) == (RETRAINED, 5)
    assert found.finishing.block == went_back.block_number
    assert study.chain.ledger.round(study.number, 5).base == found.checkpoints[0].checkpoint

    never = patients[world.sites[1].address][0]
    fresh = study.patient(world.sites[1])
    study.revoke(fresh)
    study.revoke(never)
    found = judged(study, fresh)
    assert (found.remedy, found.uses, found.bound) == (NOT_USED, (), None)
    assert found.is_final
    found = judged(study, never)
    assert classes(found) == {1: BOUNDED, 2: RETIRED, 3: RETIRED, 4: RETIRED, 5: BOUNDED}
    assert (found.remedy, found.last_clean) == (BOUNDED, 0)
    assert [use.round for use in found.uses] == [1, 2, 3, 4, 5]
    assert found.bound is not None
    assert found.bound.rounds == 5
    of_last = found.checkpoints[-1].bound
    assert of_last is not None
    assert of_last.rounds == 2
    assert [one.token_id for one in withdrawals(state_of(study), world.now)] == [
        late[0],
        fresh[0],
        never[0],
    ]

    report = verify_folder(tmp_path / "bundle", study.write(tmp_path / "bundle"))
    assert report.failed == ()
    lines = [check for check in report.checks if check.name == "withdrawal"]
    assert [check.kind for check in lines] == [Kind.RECOMPUTED, Kind.RECOMPUTED, Kind.PENDING]
    assert "retrained without the record" in lines[0].detail
    assert "checkpoints of rounds 2-4 descend from it" in lines[0].detail
    assert [one.remedy for one in report.withdrawals] == [RETRAINED, NOT_USED, BOUNDED]
    approved = next(check for check in report.checks if check.name == "rollback.approved")
    assert "rounds 2-4" in approved.detail


def test_under_abandon_a_sealed_round_makes_nothing_of_it(moving_world: World) -> None:
    study, patients = study_of(moving_world)
    withdrawn = patients[moving_world.sites[0].address][0]
    number = study.commit_and_seal()
    revoked = study.revoke(withdrawn)
    found = judged(study, withdrawn)
    assert found.policy == LateRevocation.ABANDON
    assert (found.halting.block, found.halting.ended) == (revoked.block_number, found.revoked.time)
    study.chain.ledger.abort(study.number, number)
    study.round()
    found = judged(study, withdrawn)
    assert [(use.round, use.state) for use in found.uses] == [(1, RoundState.ABORTED)]
    assert classes(found) == {2: NOT_USED}
    assert (found.remedy, found.is_final) == (NOT_USED, True)
    # it was sealed, so it was charged: what the coordinator could have computed is bounded
    assert found.bound is not None
    assert found.bound.rounds == 1


def test_under_proceed_a_round_may_still_use_it_until_it_is_over(moving_world: World) -> None:
    world = moving_world
    study, patients = study_of(world, late_revocation=LateRevocation.PROCEED)
    early, late = patients[world.sites[0].address][:2]
    number = study.open()
    study.commit(number, world.sites[0])
    study.revoke(early)
    assert judged(study, early).halting.ended is not None
    for site in world.sites:
        study.commit(number, site)
    world.pass_time(601)
    study.revoke(late)
    opened = study.chain.ledger.round(study.number, number)
    found = judged(study, late)
    assert found.policy == LateRevocation.PROCEED
    assert (found.halting.ended, found.halting.deadline) == (None, opened.close_deadline)
    assert (found.remedy, found.is_final) == (NOT_USED, False)
    unsealed = judged(study, late, opened.seal_deadline)
    assert unsealed.halting.ended == opened.seal_deadline
    study.seal(number)
    assert judged(study, late, opened.close_deadline - 1).halting.ended is None
    assert judged(study, late, opened.close_deadline).halting.ended == opened.close_deadline
    closed = study.close(number)
    found = judged(study, late)
    assert (found.halting.block, found.halting.in_time) == (closed.block_number, True)
    assert (found.remedy, classes(found)) == (BOUNDED, {1: BOUNDED})
    assert judged(study, early).remedy == NOT_USED


def test_a_renewed_consent_goes_on_and_is_no_withdrawal(moving_world: World) -> None:
    """A looser version asks every holder again; the record's rounds before count when it ends."""
    world = moving_world
    study, patients = study_of(world)
    token, holder = patients[world.sites[0].address][0]
    study.round()
    terms = study.chain.registry.terms(study.number, 1)
    study.next_version(dataclasses.replace(terms, delta=terms.delta + 10**12))
    renewed = study.come_back(world.sites[0], holder)
    assert withdrawals(state_of(study), world.now) == []
    study.revoke((renewed, holder))
    assert withdrawal(state_of(study), token, world.now) is None
    found = judged(study, (renewed, holder))
    assert (found.remedy, [use.round for use in found.uses]) == (BOUNDED, [1])
    assert found.bound is not None
    assert found.bound.delta == pytest.approx(1e-5)


def test_going_back_in_the_second_of_the_revocation_is_still_what_made_it_final() -> None:
    revoked, went_back = Moment(5, 59, 100), Moment(6, 68, 100)
    halted = Clock(revoked.time, revoked.time, revoked.time, revoked.block)
    bound = Bound(1, 10**18, 1.0, 1e-5)
    retired = CheckpointRemedy(1, b"", RETIRED, bound, went_back)
    found = finishing(revoked, RETIRED, [retired], halted, 1000, 200)
    assert (found.ended, found.block) == (100, 68)


def test_many_rounds_are_named_in_few_words() -> None:
    assert spans([]) == "none"
    assert spans([3]) == "3"
    assert spans([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
