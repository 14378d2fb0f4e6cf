"""Errors on the held-out patients: the demo's own, on public data; no live study reports any.

Held-out patients pass the same gate as everyone: their records are read only when their token is
active for evaluation at the chain's head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.checkpoint import Checkpoint
from chain.chain import Chain
from chain.messages import Consent, token_id
from federation.app.learning import baselines
from federation.app.learning.forecasts import Learned, Scores, outcome
from federation.app.train import cohort_series
from federation.gate.keys import SiteKeys
from federation.gate.records.store import RecordStore
from scripts.demo.patients import EVALUATION, TRAINING
from twin.log_linear import LogLinearModel
from twin.prior import flatten, unflatten
from twin.series import PatientSeries

FloatArray = NDArray[np.float64]

SUPPORT_VISITS = 3
RESAMPLES = 2_000

METHODS = {
    "prior": "prior (private, federated)",
    "fedavg": "FedAvg",
    "fedavg_fine_tuned": "FedAvg, fine-tuned",
    "last_value": "last value carried forward",
    "local_fit": "fit to own data alone",
    "starting_prior": "published prior, untrained",
}


@dataclass(frozen=True)
class Example:
    """One lab of one held-out patient, for a picture.

    Attributes:
        label: lab and unit.
        times: years, where forecasts are drawn; prior, low, high, fedavg: in the lab's unit there.
        known, later: (times, values) of the visits adapted to, and of those that came.
    """

    label: str
    times: FloatArray
    prior: FloatArray
    low: FloatArray
    high: FloatArray
    fedavg: FloatArray
    known: tuple[FloatArray, FloatArray]
    later: tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Comparison:
    """Errors on held-out patients at SUPPORT_VISITS visits.

    Attributes:
        patients: how many were compared.
        labs: the labs' names, then "overall".
        rmse: by method; a lab's in natural-log units, overall in published spreads.
        reduction: by rival; (estimate, low, high) of how much lower the prior's error is, as a
            share, with a 95 % paired bootstrap interval, by lab and overall.
        made_worse: by rival; the share of patients whose overall error is larger with the prior.
    """

    patients: int
    labs: tuple[str, ...]
    rmse: Mapping[str, tuple[float, ...]]
    reduction: Mapping[str, tuple[tuple[float, float, float], ...]]
    made_worse: Mapping[str, float]
    example: Example


def admitted_series(
    chain: Chain, study_id: int, keys: SiteKeys, records: RecordStore, purposes: int
) -> list[PatientSeries]:
    """A site's records whose token is active for these purposes at the chain's head."""
    head, site = chain.head(), keys.public.account
    indices = chain.consent.all_active_tokens(
        study_id, site, purposes, head.timestamp, block=head.number
    )
    consents: dict[int, Consent] = {
        index: chain.consent.consent(token_id(study_id, site, index), block=head.number)
        for index in indices
    }
    series = cohort_series(consents, keys, records, LogLinearModel())
    return [one for one in series if one is not None and len(one)]


def compare(
    chain: Chain,
    study_id: int,
    sites: Mapping[str, tuple[SiteKeys, RecordStore]],
    checkpoint: Checkpoint,
) -> Comparison:
    """Compares the final prior with the baselines, which train on the same admitted patients."""
    model = LogLinearModel()
    training = [
        admitted_series(chain, study_id, keys, records, int(TRAINING))
        for keys, records in sites.values()
    ]
    held_out = [
        one
        for keys, records in sites.values()
        for one in admitted_series(chain, study_id, keys, records, int(EVALUATION))
    ]
    weights = baselines.fedavg(model, training)
    pooled = [one for site in training for one in site]
    learned = Learned(
        priors={
            "prior": checkpoint.prior,
            "starting_prior": flatten(model.initial_prior(), model.prior_layout),
        },
        populations={"fedavg": weights},
        fine_tunings={"fedavg": baselines.tune_fine_tuning(model, weights, pooled, SUPPORT_VISITS)},
    )
    outcomes = [outcome(model, learned, patient, SUPPORT_VISITS) for patient in held_out]
    found = [one for one in outcomes if one is not None]
    scores = Scores(model, found)
    rivals = [name for name in METHODS if name != "prior"]
    return Comparison(
        patients=len(found),
        labs=(*scores.labs, "overall"),
        rmse={name: tuple(scores.rmse(name).tolist()) for name in METHODS},
        reduction={
            rival: tuple(
                (low_high[0], low_high[1], low_high[2])
                for low_high in scores.reduction("prior", rival, RESAMPLES, seed=1).tolist()
            )
            for rival in rivals
        },
        made_worse={rival: scores.made_worse("prior", rival) for rival in rivals},
        example=_example(model, max(held_out, key=len), checkpoint, weights),
    )


def _example(
    model: LogLinearModel, patient: PatientSeries, checkpoint: Checkpoint, weights: FloatArray
) -> Example:
    """The first lab of the patient with the longest record."""
    support = patient.first_visits(SUPPORT_VISITS)
    times = np.linspace(0.0, float(patient.times.max()), 100)
    lab = np.zeros(len(times), dtype=np.int64)
    twin = model.adapt(unflatten(checkpoint.prior, model.prior_layout), support)
    forecast = model.predict(twin, times, lab)
    spread = 1.6449 * np.sqrt(forecast.log_variance)
    first = model.labs[0]
    fedavg = np.log(first.centre) + first.spread * baselines.population_forecast(
        weights, times, lab
    )
    later_times, later_lab, later_value = patient.after_visits(SUPPORT_VISITS)
    return Example(
        label=f"{model.channels[0].name} ({model.channels[0].unit})",
        times=times,
        prior=np.exp(forecast.log_mean),
        low=np.exp(forecast.log_mean - spread),
        high=np.exp(forecast.log_mean + spread),
        fedavg=np.exp(fedavg),
        known=(support.times[support.channel == 0], support.value[support.channel == 0]),
        later=(later_times[later_lab == 0], later_value[later_lab == 0]),
    )
