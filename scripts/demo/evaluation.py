"""Errors on the held-out patients: the demo's own, on public data; no live study reports any.

Held-out patients pass the same gate as everyone: their records are read only when their token is
active for evaluation at the chain's head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from federation.app.learning.forecasts import Learned, Scores, outcome

from audit.checkpoint import Checkpoint
from chain.chain import Chain
from chain.messages import Consent, token_id
from federation.app.learning import baselines
from federation.app.train import cohort_series
from federation.gate.keys import SiteKeys
from federation.gate.records.store import RecordStore
from scripts.demo.patients import EVALUATION, TRAINING
from twin.log_linear import LogLinearModel
from twin.prior import flatten
from twin.series import PatientSeries

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
    )
