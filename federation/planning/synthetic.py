"""Synthetic patients of a twin model, drawn from the model itself: what a study would do can be
tried, and hyper-parameters chosen, so that no patient sets anything.

The truth of one world is the model's published starting prior moved at random, about as far as one
published cohort lies from another: means by N(0, 1) (prior SDs, the models' own unit), log SDs and
log noise by N(0, 0.4), correlation entries by N(0, 0.5), whatever else by N(0, 0.4). Our choice.
So the model is right about its patients, as no model is about real ones: errors are a best case.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from federation.planning.visits import Habits, habits_of
from twin.prior import Prior
from twin.protocol import Twin, TwinModel
from twin.series import PatientSeries, empty_series
from twin.sickle_cell.channels import DOSE, WEIGHT
from twin.sickle_cell.regimen import Regimen, SickleCellTwin

_MOVED: Final = {"mean": 1.0, "log_sd": 0.4, "correlation": 0.5, "log_noise": 0.4}
_MOVED_OTHERWISE: Final = 0.4
_MISSING: Final = 0.03


def true_prior(model: TwinModel, generator: np.random.Generator) -> Prior:
    """The prior that one synthetic population is drawn from."""
    return {
        name: array + _MOVED.get(name, _MOVED_OTHERWISE) * generator.standard_normal(array.shape)
        for name, array in model.initial_prior().items()
    }


def cohort(
    model: TwinModel, prior: Prior, patients: int, generator: np.random.Generator
) -> list[PatientSeries]:
    """Patients drawn independently from a prior; some have a single visit.

    The first n of a cohort are the cohort of n. Raises ValueError as `habits_of`.
    """
    habits, population = habits_of(model), model.adapt(prior, empty_series())
    return [_patient(model, habits, population, generator) for _ in range(patients)]


def _patient(
    model: TwinModel, habits: Habits, population: Twin, generator: np.random.Generator
) -> PatientSeries:
    """One patient: the visits that habits give, 3 % of the results after the first visit lost."""
    visits, given = habits(generator)
    inputs: frozenset[int] = getattr(model, "inputs", frozenset())
    results = np.array([i for i in range(len(model.channels)) if i not in inputs])
    times, channel = np.repeat(visits, len(results)), np.tile(results, len(visits))
    value = model.simulate(_given_to(population, given), times, channel, generator)[0]
    kept = (generator.random(len(times)) >= _MISSING) | (times == 0.0)
    times = np.concatenate([times[kept], given.times])
    channel = np.concatenate([channel[kept], given.channel])
    value = np.concatenate([value[kept], given.value])
    order = np.lexsort((channel, times))
    return PatientSeries(times[order], channel[order], value[order])


def _given_to(population: Twin, given: PatientSeries) -> Twin:
    """The population, with the doses and weights that this patient has."""
    if not isinstance(population, SickleCellTwin):
        return population
    dose, weight = given.channel == DOSE, given.channel == WEIGHT
    regimen = Regimen(
        given.times[dose],
        given.value[dose],
        given.times[weight],
        given.value[weight],
        until=float(given.times[-1]),
        planned=True,
    )
    return replace(population, regimen=regimen)
