"""The differentially private baseline: FedAvg of the population trajectory, each site protected by
Opacus.

A patient is one sample. Every site runs its own PrivacyEngine over its own patients, full batch, so
that its patients are protected at (epsilon, delta) by its own noise (sites hold different patients:
parallel composition).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from opacus import PrivacyEngine
from opacus.accountants.utils import get_noise_multiplier
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from federation.app.learning.baselines import features, scaled_values
from twin.protocol import TwinModel
from twin.series import PatientSeries

FloatArray = NDArray[np.float64]


def dp_fedavg(
    model: TwinModel,
    sites: Sequence[Sequence[PatientSeries]],
    epsilon: float,
    delta: float,
    seed: int,
    rounds: int = 20,
    rate: float = 0.3,
    clip_norm: float = 1.0,
) -> tuple[FloatArray, float]:
    """One population trajectory, float64 [2 labs], and the largest epsilon that a site's engine
    says it spent.

    One full-batch private step a site a round, averaged by number of patients. ``seed`` seeds the
    engines' noise: fit for a benchmark on public data, never for patients.
    """
    sigma = get_noise_multiplier(
        target_epsilon=epsilon, target_delta=delta, sample_rate=1.0, epochs=rounds, accountant="rdp"
    )
    with warnings.catch_warnings():
        # Seeded noise is meant here, and a linear model's input rightly needs no gradient.
        warnings.filterwarnings("ignore", message="Secure RNG turned off")
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        weights, trainers = _train(model, sites, rounds, rate, clip_norm, sigma, seed)
        spent = max(trainer.engine.get_epsilon(delta) for trainer in trainers)
    return np.asarray(weights.numpy(), dtype=np.float64), float(spent)


def _train(
    model: TwinModel,
    sites: Sequence[Sequence[PatientSeries]],
    rounds: int,
    rate: float,
    clip_norm: float,
    sigma: float,
    seed: int,
) -> tuple[Tensor, list[_SiteTrainer]]:
    usable = [[one for one in site if len(one)] for site in sites]
    trainers = [
        _SiteTrainer(model, site, sigma, clip_norm, rate, seed * 1000 + number)
        for number, site in enumerate(usable)
        if site
    ]
    shares = torch.tensor([len(site) for site in usable if site], dtype=torch.float64)
    shares = shares / shares.sum()
    weights = torch.zeros(2 * len(model.channels), dtype=torch.float64)
    for _ in range(rounds):
        local = torch.stack([trainer.step(weights) for trainer in trainers])
        weights = shares @ local
    return weights, trainers


class _SiteTrainer:
    """One site's private optimiser, kept over the rounds so that its engine accounts for all of
    them.
    """

    def __init__(
        self,
        model: TwinModel,
        patients: Sequence[PatientSeries],
        sigma: float,
        clip_norm: float,
        rate: float,
        seed: int,
    ) -> None:
        data = _samples(model, patients)
        network = nn.Linear(2 * len(model.channels), 1, bias=False, dtype=torch.float64)
        self.engine = PrivacyEngine(accountant="rdp")
        self._module, self._optimizer, self._loader = self.engine.make_private(
            module=network,
            optimizer=torch.optim.SGD(network.parameters(), lr=rate),
            data_loader=DataLoader(data, batch_size=len(data)),
            noise_multiplier=sigma,
            max_grad_norm=clip_norm,
            poisson_sampling=False,
            noise_generator=torch.Generator().manual_seed(seed),
        )

    def step(self, weights: Tensor) -> Tensor:
        """One private full-batch step from these weights."""
        (parameter,) = list(self._module.parameters())
        with torch.no_grad():
            parameter.copy_(weights.unsqueeze(0))
        for design, target, seen in self._loader:
            self._optimizer.zero_grad()
            error = (self._module(design).squeeze(-1) - target) ** 2
            loss = ((error * seen).sum(1) / seen.sum(1)).mean()
            loss.backward()
            self._optimizer.step()
        final: Tensor = parameter.detach().squeeze(0).clone()
        return final


def _samples(model: TwinModel, patients: Sequence[PatientSeries]) -> TensorDataset:
    """One sample a patient: design [width, 2 labs], scaled values [width], and 1.0 where there is
    an observation.
    """
    labs, width = len(model.channels), max(len(one) for one in patients)
    design = np.zeros((len(patients), width, 2 * labs))
    target, seen = np.zeros((len(patients), width)), np.zeros((len(patients), width))
    for row, one in enumerate(patients):
        design[row, : len(one)] = features(one.times, one.channel, labs)
        target[row, : len(one)] = scaled_values(model, one)
        seen[row, : len(one)] = 1.0
    return TensorDataset(torch.tensor(design), torch.tensor(target), torch.tensor(seen))
