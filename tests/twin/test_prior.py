"""A prior and its vector are two spellings of the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.twin.trajectory.test_trajectory_model import model as small_trajectory_model
from twin.log_linear import LogLinearModel
from twin.prior import flatten, size_of, unflatten
from twin.series import empty_series
from twin.sickle_cell.model import SickleCellModel

MODELS = (LogLinearModel(), SickleCellModel(), small_trajectory_model())
LAYOUT = (("mean", (2,)), ("factor", (2, 3)), ("noise", ()))


@given(hnp.arrays(np.float64, size_of(LAYOUT), elements=st.floats(-1e6, 1e6)))
def test_flatten_undoes_unflatten(vector):
    np.testing.assert_array_equal(flatten(unflatten(vector, LAYOUT), LAYOUT), vector)


def test_the_vector_follows_the_layout_not_the_dictionary():
    prior = {
        "noise": np.array(9.0),
        "factor": np.arange(2.0, 8.0).reshape(2, 3),
        "mean": np.array([0.0, 1.0]),
    }
    np.testing.assert_array_equal(flatten(prior, LAYOUT), [0, 1, 2, 3, 4, 5, 6, 7, 9])


def test_a_prior_that_does_not_fit_is_refused():
    good = unflatten(np.zeros(size_of(LAYOUT)), LAYOUT)
    with pytest.raises(ValueError, match="layout wants"):
        flatten({"mean": good["mean"]}, LAYOUT)
    with pytest.raises(ValueError, match="'mean' must be float64 of shape"):
        flatten({**good, "mean": np.zeros(3)}, LAYOUT)
    with pytest.raises(ValueError, match="'mean' must be float64 of shape"):
        flatten({**good, "mean": np.zeros(2, dtype=np.float32)}, LAYOUT)
    with pytest.raises(ValueError, match=r"shape \(9,\)"):
        unflatten(np.zeros(8), LAYOUT)


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.name)
def test_no_model_adapts_a_prior_that_is_not_its_own(model):
    prior = model.initial_prior()
    for name, shape in model.prior_layout:
        with pytest.raises(ValueError, match=f"not a prior of model {model.name}: .*{name}"):
            model.adapt({**prior, name: np.zeros(1)}, empty_series())
        with pytest.raises(ValueError, match="must be finite"):
            model.adapt({**prior, name: np.full(shape, np.nan)}, empty_series())
    for other in (LogLinearModel(LogLinearModel().labs[:2]), *MODELS):
        if other.name != model.name or other.prior_layout != model.prior_layout:
            with pytest.raises(ValueError, match="not a prior of model"):
                model.adapt(other.initial_prior(), empty_series())
