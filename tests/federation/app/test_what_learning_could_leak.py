"""What leaves a site depends on a record by one clipped row of one sum, and in no other way.

Rows of the threat model's "What learning could leak" that no other test stands behind.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from flwr.app import Context, MessageType, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.checkpoint import initial
from audit.codec import sum_rows
from audit.update import apply_round
from federation.app import client
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from federation.app.strategy import ConsentedRounds
from federation.app.train import contribution
from twin.log_linear import LogLinearModel
from twin.series import PatientSeries

MODEL = LogLinearModel()
RECIPE = recommended_recipe(MODEL)
BASE = initial(MODEL.initial_prior(), MODEL.prior_layout, MODEL.name)
CLIP = round(CLIP_NORM * 2**24)
TERMS = SimpleNamespace(clipping_norm=CLIP, fraction_bits=24, vector_length=RECIPE.size)
LARGEST_CLIP = 2**40  # contracts/TermsRules.sol


def series(values: list[float]) -> PatientSeries:
    n = len(values)
    return PatientSeries(np.arange(float(n)), np.arange(n) % 5, np.array(values))


OTHERS = [series([0.7, 3.9, 100.0, 20.0, 10.5]), series([2.2, 3.1]), None]
numbers = st.one_of(
    st.floats(1e-3, 1e3), st.floats(allow_nan=False, allow_infinity=False), st.just(0.0)
)


@settings(max_examples=8, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=8))
def test_a_record_moves_the_sum_by_its_own_row_and_by_at_most_the_clipping_norm(values):
    """Whatever it says: so the sensitivity is C, and nobody else's row depends on it."""
    record = series(values)
    without = contribution([*OTHERS, None], BASE, RECIPE, TERMS)
    with_it = contribution([*OTHERS, record], BASE, RECIPE, TERMS)
    alone = contribution([record], BASE, RECIPE, TERMS)
    assert (with_it - without == alone).all()
    assert sum(int(step) ** 2 for step in alone) <= CLIP**2


def test_no_cohort_below_millions_makes_the_sum_refuse_and_so_tell_what_it_holds():
    """The one error of the codec that looks at rows, at the largest C that terms may have."""
    rows = np.full((4096, 1), LARGEST_CLIP, dtype=np.int64)
    assert sum_rows(rows)[0] == 4096 * LARGEST_CLIP
    assert LARGEST_CLIP * 2**22 <= 2**63 - 1


def test_the_next_checkpoint_is_a_function_of_the_noised_sum_and_public_numbers():
    """Optimiser state too: what is kept from a round to the next is in the checkpoint."""
    total = np.arange(RECIPE.size, dtype=np.int64) * 1000
    made = apply_round(BASE, total, 7, TERMS, RECIPE)
    assert (made.prior != BASE.prior)[1:].all()
    again = apply_round(BASE, total, 7, TERMS, RECIPE)
    assert (again.prior == made.prior).all() and (again.second_moment == made.second_moment).all()


def test_a_coordinator_asks_for_no_evaluation():
    strategy = ConsentedRounds.__new__(ConsentedRounds)
    assert list(strategy.configure_evaluate(1, None, None, None)) == []  # type: ignore[arg-type]
    assert strategy.aggregate_evaluate(1, []) is None
    assert strategy.aggregate_train(1, []) == (None, None)


@pytest.mark.parametrize("kind", [MessageType.EVALUATE, MessageType.QUERY])
def test_a_site_has_no_answer_to_one(kind):
    message = SimpleNamespace(metadata=SimpleNamespace(message_type=kind), content=RecordDict())
    context = Context(1, 1, {}, RecordDict(), {})
    with pytest.raises(ValueError, match="registered"):
        client.app(message, context)
