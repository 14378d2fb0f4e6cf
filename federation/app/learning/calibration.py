"""Do 90 % intervals hold 90 %? Asked privately of the patients whose records a prior learned from.

A clipped gradient says no more for a patient whom the prior fits badly than for another, so learned
intervals are too narrow where patients differ in how regular they are, and too wide where most are
more regular than a few. Each patient says what share of their later results lies inside the
interval made THRESHOLDS times as wide, for supports that grow by doubling. The answers are bounded,
summed and noised like any contribution, and read by Bayes' rule; that costs no more privacy
(post-processing; Dwork and Roth 2014, proposition 2.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit
from torch import Tensor
from torch.func import vmap

from federation.app.learning.meta_gradient import unflatten_tensor
from federation.app.learning.nested import FIRST, Nested
from federation.app.learning.point import Rows, by_chunk
from twin.prior import Prior

FloatArray = NDArray[np.float64]

HELD: Final = 0.9
"""What share of results an interval is to hold."""

THRESHOLDS: Final = (0.75, 1.0, 1.35, 2.0)
"""Widths at which patients answer, in widths of the interval as learned."""

USUAL: Final = (0.05, 0.2)
"""ln of the factor that intervals need, mean and SD, before anybody has answered: of made-up
cohorts, whose own SD was 0.03, widened because others are not made up. Our choice."""

PATIENTS_DIFFER: Final = 0.15
"""SD between patients of the share inside: about what made-up cohorts show."""

_TAILS: Final = (2.5, 4.0, 8.0, 1e6)
"""Degrees of freedom of Student's t that errors may follow: from wild to Gaussian."""


class Widened(Nested, Protocol):
    """What is needed of a model whose intervals can be made wider."""

    def widened(self, prior: Prior, factor: float) -> Prior: ...


def answers(
    model: Nested, prior: FloatArray, rows: Rows, first: Sequence[int] = FIRST
) -> FloatArray:
    """Each patient's answers, float64 [patients, THRESHOLDS], of Euclidean norm at most 1.

    An answer is (2 x share inside - 1) / sqrt(number of thresholds); the share is weighted as in
    the loss (`Rows.weight`) and averaged over supports. A patient with nothing later, or whose
    forecast is not finite, answers 0.
    """
    theta, counts = torch.tensor(prior, dtype=torch.float64), torch.tensor(list(first))
    named = unflatten_tensor(theta, model.prior_layout)
    place = torch.arange(rows.times.shape[1])
    widths = float(ndtri((1 + HELD) / 2)) * torch.tensor(THRESHOLDS, dtype=torch.float64)

    def shares(own: Rows) -> Tensor:
        mean, variance = model.conditional_on_first(
            named, own.times, own.channel, own.scaled, own.seen, counts
        )
        off = torch.abs(own.scaled - mean) / torch.sqrt(variance)
        weight = own.weight * (place >= counts.unsqueeze(-1))
        inside = (off.unsqueeze(-1) <= widths).to(torch.float64)
        total = weight.sum(-1)
        usable = (total > 0).to(torch.float64)
        each = (inside * weight.unsqueeze(-1)).sum(-2) / torch.where(total > 0, total, 1.0)[:, None]
        answer = (2 * each - 1) * usable[:, None] / torch.clamp(usable.sum(), min=1.0)
        return answer.sum(0) * torch.isfinite(off * (weight > 0)).all()

    with torch.no_grad():
        every = by_chunk(vmap(shares), rows, len(THRESHOLDS))
    return np.asarray(np.nan_to_num(every) / math.sqrt(len(THRESHOLDS)), dtype=np.float64)


def factor(total: FloatArray, patients: int, noise_sd: float) -> float:
    """By how much intervals should be wider (or, below 1, narrower) to hold HELD.

    ``total`` [THRESHOLDS], the sum of that many patients' `answers` with noise of SD ``noise_sd``
    on each number. The posterior mean of the factor's logarithm over errors of any of _TAILS.
    """
    candidates = np.linspace(USUAL[0] - 5 * USUAL[1], USUAL[0] + 5 * USUAL[1], 201)
    log_factor, freedom = (grid.ravel()[:, None] for grid in np.meshgrid(candidates, _TAILS))
    reach = stdtrit(freedom, (1 + HELD) / 2) * np.array(THRESHOLDS) / np.exp(log_factor)
    share = 2 * stdtr(freedom, reach) - 1
    expected = patients * (2 * share - 1) / math.sqrt(len(THRESHOLDS))
    sampled = 2 * PATIENTS_DIFFER / math.sqrt(len(THRESHOLDS)) * math.sqrt(patients)
    variance = noise_sd**2 + sampled**2
    weight = -((total - expected) ** 2).sum(axis=1) / (2 * max(variance, 1e-12))
    weight -= ((log_factor[:, 0] - USUAL[0]) / USUAL[1]) ** 2 / 2
    plausible = np.exp(weight - weight.max())
    return math.exp(float(plausible @ log_factor[:, 0] / plausible.sum()))
