"""Lies told to real contracts, which refuse each by its name; and who else answers truly."""

from __future__ import annotations

import pytest

from tests.audit.misbehaviour.catalogue import CATALOGUE
from tests.audit.misbehaviour.kinds import Answered, Refused
from tests.audit.misbehaviour.stage import Stage
from tests.world import World

REFUSED = [entry for entry in CATALOGUE if isinstance(entry, Refused)]
ANSWERED = [entry for entry in CATALOGUE if isinstance(entry, Answered)]


@pytest.fixture(scope="module")
def stage(module_world: World) -> Stage:
    return Stage.set(module_world)


@pytest.mark.parametrize("lie", REFUSED, ids=[lie.name for lie in REFUSED])
def test_the_contract_refuses_by_name(lie: Refused, stage: Stage) -> None:
    with pytest.raises(lie.refusal) as refusal:
        lie.attempt(stage)
    assert type(refusal.value) is lie.refusal


@pytest.mark.parametrize("lie", ANSWERED, ids=[lie.name for lie in ANSWERED])
def test_who_is_asked_instead_tells_the_truth(lie: Answered, stage: Stage) -> None:
    lie.attempt(stage)


def test_the_honest_commitment_that_the_lies_are_made_of_is_taken(stage: Stage) -> None:
    """The last, for it changes the stage: what was refused above was the lie, nothing else."""
    stage.commit()
    ledger = stage.as_(stage.last).ledger
    assert ledger.commitment_of(stage.open.number, 2, stage.last.address).cohort_size == 2
