"""Per-patient meta-gradients of a twin prior: MAML through the adaptation (Finn et al., ICML 2017),
vmapped over patients.

For every k from 0 to the number of support visits, the prior adapts to a patient's first k visits
and predicts the visits after them. The patient's loss is the mean, over every k that leaves a later
visit, of the mean negative log predictive density of the later observations; its gradient is taken
through the adaptation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad, vmap

from federation.app.learning.deterministic import deterministic
from twin.prior import Layout, size_of
from twin.protocol import TwinModel
from twin.series import PatientBatch, PatientSeries, empty_series, stack

FloatArray = NDArray[np.float64]

CHUNK = 32
"""Patients computed at a time. Fixed, and the last chunk is filled with empty patients, so that the
shape of every matrix operation, and with it every bit of a patient's gradient, is the same whoever
else is in the cohort.
"""

LONGEST = 4096
"""Observations a record may hold; a longer one gives a zero row, so that one record cannot exhaust
memory and stop a round.
"""

LARGEST = 1e6
"""Largest magnitude of an observation on the model's scaled log scale, and of a time in years, that
is believed.
"""


def meta_gradients(
    model: TwinModel,
    prior: FloatArray,
    patients: Sequence[PatientSeries | None],
    support_visits: int,
) -> FloatArray:
    """One meta-gradient a patient, float64 [patients, D], in the order given and not yet clipped.

    ``prior`` float64 [D] (`twin.prior.flatten`); ``support_visits``: the largest k, at least 0
    (k = 0 scores the prior itself). A patient who is None, has no observation, or whose record or
    gradient is not finite, gives exactly zero. No error depends on what a record says. Raises
    ValueError when ``prior`` or ``support_visits`` is unusable.
    """
    series = [
        one if one is not None and len(one) <= LONGEST else empty_series() for one in patients
    ]
    rows = np.zeros((len(series), prior.size))
    widths = np.array([_width(len(one)) for one in series], dtype=np.int64)
    for width in sorted(set(widths.tolist())):
        members = np.flatnonzero(widths == width)
        batch = stack([series[i] for i in members], width)
        rows[members] = batch_meta_gradients(model, prior, batch, support_visits)
    return rows


def batch_meta_gradients(
    model: TwinModel, prior: FloatArray, batch: PatientBatch, support_visits: int
) -> FloatArray:
    """As `meta_gradients`, for a batch of one width, whose values may be anything, NaN included."""
    layout = model.prior_layout
    if (
        prior.shape != (size_of(layout),)
        or prior.dtype != np.float64
        or not np.isfinite(prior).all()
    ):
        raise ValueError(
            f"prior must be float64 [{size_of(layout)}] and finite for model {model.name}"
        )
    if support_visits < 0:
        raise ValueError("support_visits must not be negative")
    counts = torch.arange(support_visits + 1)
    vector = torch.tensor(prior, dtype=torch.float64)

    def patient_loss(theta: Tensor, rows: _Rows) -> Tensor:
        return _patient_loss(model, unflatten_tensor(theta, layout), rows, counts)

    gradient = vmap(grad(patient_loss), in_dims=(None, 0))
    rows = np.zeros((len(batch), prior.size))
    with deterministic():
        for start in range(0, len(batch), CHUNK):
            stop = min(start + CHUNK, len(batch))
            chunk = _chunk(model, batch, start, stop)
            rows[start:stop] = gradient(vector, chunk)[: stop - start].numpy()
    rows[~np.isfinite(rows).all(axis=1)] = 0.0
    return rows + 0.0  # no negative zeros: a zero row has one bit pattern


def patient_losses(
    model: TwinModel, prior: FloatArray, batch: PatientBatch, support_visits: int
) -> FloatArray:
    """Each patient's loss, float64 [patients]: what `batch_meta_gradients` differentiates; for
    tests and benches.
    """
    counts = torch.arange(support_visits + 1)
    named = unflatten_tensor(torch.tensor(prior, dtype=torch.float64), model.prior_layout)
    with deterministic():
        losses = [
            _patient_loss(
                model, named, _Rows(*(c[0] for c in _chunk(model, batch, i, i + 1))), counts
            )
            for i in range(len(batch))
        ]
    return np.array([float(one) for one in losses])


def unflatten_tensor(vector: Tensor, layout: Layout) -> dict[str, Tensor]:
    """`twin.prior.unflatten` for a torch vector, differentiable."""
    named, start = {}, 0
    for name, shape in layout:
        stop = start + math.prod(shape)
        named[name] = vector[start:stop].reshape(shape)
        start = stop
    return named


class _Rows(NamedTuple):
    """One patient's observations [n], or a chunk's [CHUNK, n]; ``seen`` is 1.0 on what counts, 0.0
    on padding.
    """

    times: Tensor
    channel: Tensor
    scaled: Tensor
    visit: Tensor
    seen: Tensor


def _patient_loss(
    model: TwinModel, prior: Mapping[str, Tensor], rows: _Rows, counts: Tensor
) -> Tensor:
    def at(count: Tensor) -> tuple[Tensor, Tensor]:
        support = rows.seen * (rows.visit < count)
        query = rows.seen * (rows.visit >= count)
        mean, variance = model.conditional(prior, rows.times, rows.channel, rows.scaled, support)
        density = 0.5 * (torch.log(2 * math.pi * variance) + (rows.scaled - mean) ** 2 / variance)
        number = query.sum()
        return (density * query).sum() / torch.clamp(number, min=1.0), (number > 0).to(
            torch.float64
        )

    losses, usable = vmap(at)(counts)
    return (losses * usable).sum() / torch.clamp(usable.sum(), min=1.0)


def _chunk(model: TwinModel, batch: PatientBatch, start: int, stop: int) -> _Rows:
    """Patients start..stop, filled up to CHUNK with empty ones; a patient with an unusable number
    is emptied.
    """
    pad = ((0, CHUNK - (stop - start)), (0, 0))
    seen = np.pad(batch.observed[start:stop], pad)
    times = np.pad(batch.times[start:stop], pad)
    value = np.pad(batch.value[start:stop], pad, constant_values=1.0)
    named = np.pad(batch.channel[start:stop], pad)
    known = (named >= 0) & (named < len(model.channels))
    channel = torch.tensor(np.where(known, named, 0))
    scaled = model.scaled(channel, torch.tensor(value)).numpy()
    believed = known & (np.abs(scaled) <= LARGEST) & (np.abs(times) <= LARGEST)
    seen = seen & (believed | ~seen).all(axis=1, keepdims=True)
    return _Rows(
        torch.tensor(np.where(seen, times, 0.0)),
        channel,
        torch.tensor(np.where(seen, scaled, 0.0)),
        torch.tensor(np.pad(batch.visit[start:stop], pad)),
        torch.tensor(seen.astype(np.float64)),
    )


def _width(observations: int) -> int:
    """The padded width of a record of this length: a power of two, at least 16."""
    return max(16, 1 << max(observations - 1, 0).bit_length())
