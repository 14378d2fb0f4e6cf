"""A synthetic PBC cohort drawn from the model itself: where hyper-parameters are chosen, so that no
patient sets them.

The truth is the published starting prior moved at random, about as far as one published cohort lies
from another: means by N(0, 1) prior SDs, log SDs and log noise by N(0, 0.4), correlation entries by
N(0, 0.5). Visits follow the usual schedule of a PBC trial (0, 6 and 12 months, then yearly, each
with jitter) up to 5 to 14 years, with a drop-out of 10 % a visit and 3 % of labs missing.
"""

from __future__ import annotations

import numpy as np

from twin.log_linear import LogLinearModel
from twin.prior import Prior
from twin.protocol import Twin
from twin.series import PatientSeries


def true_prior(model: LogLinearModel, generator: np.random.Generator) -> Prior:
    """The prior that one synthetic population is drawn from."""
    moved = {"mean": 1.0, "log_sd": 0.4, "correlation": 0.5, "log_noise": 0.4}
    start = model.initial_prior()
    return {
        name: array + moved[name] * generator.standard_normal(array.shape)
        for name, array in start.items()
    }


def cohort(
    model: LogLinearModel, prior: Prior, patients: int, generator: np.random.Generator
) -> list[PatientSeries]:
    """Patients drawn independently from a prior; some have a single visit."""
    population = Twin(prior["mean"], model.covariance(prior), np.exp(prior["log_noise"]))
    return [_patient(model, population, generator) for _ in range(patients)]


def _patient(
    model: LogLinearModel, population: Twin, generator: np.random.Generator
) -> PatientSeries:
    planned = np.array([0.0, 0.5] + [float(year) for year in range(1, 15)])
    visits = planned + np.concatenate([[0.0], generator.uniform(-0.1, 0.1, len(planned) - 1)])
    stop = np.argmax(np.append(generator.random(len(visits) - 1) < 0.1, True)) + 1
    visits = visits[:stop]
    visits = visits[visits <= generator.uniform(5.0, 14.0)]
    labs = len(model.channels)
    times, channel = np.repeat(visits, labs), np.tile(np.arange(labs), len(visits))
    value = model.simulate(population, times, channel, generator)[0]
    kept = (generator.random(len(times)) >= 0.03) | (times == 0.0)
    return PatientSeries(times[kept], channel[kept], value[kept])
