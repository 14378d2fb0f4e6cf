"""Synthetic patients of the two models, by the planner's own habits of visits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.meta_gradient.learners import Model
from federation.planning.synthetic import cohort, true_prior
from twin.log_linear import LogLinearModel
from twin.series import PatientSeries
from twin.sickle_cell.model import SickleCellModel

MODELS: dict[str, Callable[[], Model]] = {
    "pbc": LogLinearModel,
    "scd": SickleCellModel,
}


def patients_of(model: Model, count: int) -> list[PatientSeries]:
    """The first so many of one fixed cohort."""
    generator = np.random.default_rng(1)
    return cohort(model, true_prior(model, generator), count, generator)
