"""Per-patient meta-gradients of a twin prior: MAML through the adaptation (Finn et al., ICML 2017),
vmapped over patients.

For every k from 0 to the number of support visits, the prior adapts to a patient's first k visits
and predicts the visits after them. The patient's loss is the mean, over every k that leaves a later
visit, of the mean negative log predictive density of the later observations; its gradient is taken
through the adaptation. A model that knows that gradient (`ClosedForm`) is asked for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from federation.app.learning.deterministic import deterministic
from federation.app.learning.usable import by_width, seen_rows, usable, width_of
from twin.adapts_within import AdaptsWithin
from twin.closed_form import ClosedForm, SeenRows
from twin.prior import Layout, size_of
from twin.protocol import TwinModel
from twin.series import PatientBatch, PatientSeries

FloatArray = NDArray[np.float64]

ROWS_AT_ONCE = 1 << 16
"""Rows, each counted once a support count, that are computed at a time. It bounds memory, whatever
the records' length: a chunk holds as many patients as fit, a long record's counts come in blocks.
"""

MOST_AT_ONCE = 64
"""Patients computed at a time at most."""

LEAST_STACKED = 16
"""Rows that a record is filled up to for a model that says its own gradient: they are taken out
again before anything is computed."""

LEAST_WIDTH = 32
"""Rows that a record, and what of it is adapted to, are filled up to where torch differentiates:
every further shape is a further chunk, and starting one costs as much as some ten patients.
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
    rows = np.zeros((len(patients), prior.size))
    least = LEAST_STACKED if isinstance(model, ClosedForm) else LEAST_WIDTH
    for some, batch in by_width(patients, least):
        rows[some] = batch_meta_gradients(model, prior, batch, support_visits)
    return rows


def batch_meta_gradients(
    model: TwinModel, prior: FloatArray, batch: PatientBatch, support_visits: int
) -> FloatArray:
    """As `meta_gradients`, for a batch of one width, whose values may be anything, NaN included."""
    size = size_of(model.prior_layout)
    if prior.shape != (size,) or prior.dtype != np.float64 or not np.isfinite(prior).all():
        raise ValueError(f"prior must be float64 [{size}] and finite for model {model.name}")
    if support_visits < 0:
        raise ValueError("support_visits must not be negative")
    if isinstance(model, ClosedForm):
        rows = _by_hand(model, partial(seen_rows, model), prior, batch, support_visits)
    else:
        rows = _differentiated(model, prior, batch, support_visits)
    rows[~np.isfinite(rows).all(axis=1)] = 0.0
    return rows + 0.0  # no negative zeros: a zero row has one bit pattern


def _by_hand(
    model: ClosedForm,
    seen_of: Callable[[PatientBatch], SeenRows],
    prior: FloatArray,
    batch: PatientBatch,
    support_visits: int,
) -> FloatArray:
    counts, at_once = support_visits + 1, max(1, ROWS_AT_ONCE // batch.width)
    patients = min(MOST_AT_ONCE, max(1, at_once // counts))
    rows = np.zeros((len(batch), prior.size))
    with np.errstate(all="ignore"):
        for start in range(0, len(batch), patients):
            some = np.arange(start, min(len(batch), start + patients))
            seen = seen_of(batch.take(some))
            for first in range(0, counts, at_once):
                block = range(first, min(counts, first + at_once))
                rows[some] += model.loss_gradients(prior, seen, support_visits, block)
    return rows


def _differentiated(
    model: TwinModel, prior: FloatArray, batch: PatientBatch, support_visits: int
) -> FloatArray:
    vector = torch.tensor(prior, dtype=torch.float64)
    rows = np.zeros((len(batch), prior.size))
    with deterministic():
        for shape, members in _by_shape(model, batch, support_visits).items():
            for start in range(0, len(members), shape.patients):
                some = members[start : start + shape.patients]
                chunk = _chunk(model, batch.take(some), shape.patients)
                rows[some] = _gradients(model, vector, chunk, shape)[: len(some)].numpy()
    return rows


def patient_losses(
    model: TwinModel, prior: FloatArray, batch: PatientBatch, support_visits: int
) -> FloatArray:
    """Each patient's loss, float64 [patients]: what `batch_meta_gradients` differentiates; for
    tests and benches.
    """
    every = _Shape(1, batch.width, None, ((tuple(range(support_visits + 1)), True),))
    theta = torch.tensor(prior, dtype=torch.float64)
    losses = []
    with deterministic():
        for i in range(len(batch)):
            rows = _chunk(model, batch.take(np.array([i])), 1)
            losses.append(float(next(_losses(model, theta.unsqueeze(0), rows, every))))
    return np.array(losses)


def unflatten_tensor(vector: Tensor, layout: Layout) -> dict[str, Tensor]:
    """`twin.prior.unflatten` for a torch vector, differentiable."""
    named, start = {}, 0
    for name, shape in layout:
        stop = start + math.prod(shape)
        named[name] = vector[start:stop].reshape(shape)
        start = stop
    return named


class _Rows(NamedTuple):
    """One patient's observations [n], or a chunk's [patients, n]; ``seen`` is 1.0 on what counts,
    0.0 on padding.
    """

    times: Tensor
    channel: Tensor
    scaled: Tensor
    visit: Tensor
    seen: Tensor


class _Shape(NamedTuple):
    """The shape that a record is computed in. It depends on that record alone, and a chunk that is
    not full is filled with empty patients: so the shape of every matrix operation, and with it
    every bit of a patient's gradient, is the same whoever else is in the cohort.

    ``patients`` at a time; ``head`` and ``detail``: see `twin.adapts_within`, here for all support
    counts, no detail for the plain `conditional`; ``blocks``: the support counts computed together,
    and whether they adapt.
    """

    patients: int
    head: int
    detail: int | None
    blocks: tuple[tuple[tuple[int, ...], bool], ...]


def _by_shape(
    model: TwinModel, batch: PatientBatch, support_visits: int
) -> dict[_Shape, NDArray[np.int64]]:
    """The places of the patients of each shape, in order."""
    visit = np.where(batch.observed, batch.visit, -1)
    last = visit.max(axis=1, initial=-1, keepdims=True)
    # A count that leaves no later visit is not used, so the last visit is never support.
    support = batch.observed & (visit < np.minimum(support_visits, last))
    until = np.where(support.any(axis=1), batch.width - support[:, ::-1].argmax(axis=1), 0)
    members: dict[_Shape, list[int]] = {}
    for place, rows in enumerate(until.tolist()):
        shape = _shape(model, batch.channel[place, :rows], batch.width, support_visits)
        members.setdefault(shape, []).append(place)
    return {shape: np.array(places) for shape, places in members.items()}


def _shape(model: TwinModel, support: NDArray[np.int64], width: int, support_visits: int) -> _Shape:
    """The shape for a record whose support has these channels."""
    adapting = tuple(range(1, support_visits + 1))
    if not isinstance(model, AdaptsWithin):
        head, detail = width, None
    else:
        head = min(width, width_of(len(support), LEAST_WIDTH))
        detail = model.detail_of(support)
    at_once = max(1, ROWS_AT_ONCE // width)
    blocks = [adapting[i : i + at_once] for i in range(0, len(adapting), at_once)]
    patients = min(MOST_AT_ONCE, max(1, at_once // max(1, len(adapting))))
    return _Shape(
        1 << (patients.bit_length() - 1),
        head,
        detail,
        (((0,), False), *((block, True) for block in blocks)),
    )


def _gradients(model: TwinModel, prior: Tensor, rows: _Rows, shape: _Shape) -> Tensor:
    """float64 [patients, D]. Every patient has a copy of the prior, so that one plain backward pass
    gives all gradients, each its patient's alone.
    """
    theta = prior.repeat(shape.patients, 1).requires_grad_()
    total = torch.zeros_like(theta)
    for losses in _losses(model, theta, rows, shape):
        total = total + torch.autograd.grad(losses.sum(), theta)[0]
    return total


def _losses(model: TwinModel, theta: Tensor, rows: _Rows, shape: _Shape) -> Iterator[Tensor]:
    """Each patient's loss [patients], in parts to be added: one for each block of counts."""
    largest = max(max(counts) for counts, _ in shape.blocks)
    every = torch.arange(largest + 1)
    left = rows.seen.unsqueeze(1) * (rows.visit.unsqueeze(1) >= every.unsqueeze(-1))
    usable = left.any(-1).to(torch.float64)
    share = usable / torch.clamp(usable.sum(-1, keepdim=True), min=1.0)
    # A count that leaves no later visit counts nothing, so any will do that the shape has room for.
    last = torch.where(rows.seen > 0, rows.visit, 0).amax(-1, keepdim=True)
    for counts, adapts in shape.blocks:
        # One vmap over patients and counts: one inside another costs more than it computes.
        each = vmap(_density, in_dims=(None, 0, 0, 0, None, None))(
            model,
            of_each(theta, len(counts)),
            _Rows(*(of_each(one, len(counts)) for one in rows)),
            torch.minimum(torch.tensor(counts), last).flatten(),
            shape.head if adapts else 0,
            shape.detail,
        )
        yield (each.reshape(len(theta), len(counts)) * share[:, list(counts)]).sum(-1)


def of_each(several: Tensor, count: int) -> Tensor:
    """Each row so many times, one after the other: [n, ...] gives [n * count, ...]."""
    return several.unsqueeze(1).expand(-1, count, *several.shape[1:]).flatten(0, 1)


def _density(
    model: TwinModel,
    prior: Tensor,
    rows: _Rows,
    count: Tensor,
    head: int,
    detail: int | None,
) -> Tensor:
    """Mean negative log predictive density of one patient's visits after the first ``count``; 0
    when none is left.
    """
    support, query = rows.seen * (rows.visit < count), rows.seen * (rows.visit >= count)
    named = unflatten_tensor(prior, model.prior_layout)
    given = (named, rows.times, rows.channel, rows.scaled, support)
    if isinstance(model, AdaptsWithin) and detail is not None:
        mean, variance = model.conditional_within(*given, head=head, detail=detail)
    else:
        mean, variance = model.conditional(*given)
    density = 0.5 * (torch.log(2 * math.pi * variance) + (rows.scaled - mean) ** 2 / variance)
    return (density * query).sum() / torch.clamp(query.sum(), min=1.0)


def _chunk(model: TwinModel, batch: PatientBatch, patients: int) -> _Rows:
    """The batch's usable rows, filled up with empty patients."""
    pad = ((0, patients - len(batch)), (0, 0))
    filled = PatientBatch(
        np.pad(batch.times, pad),
        np.pad(batch.channel, pad),
        np.pad(batch.value, pad, constant_values=1.0),
        np.pad(batch.visit, pad),
        np.pad(batch.observed, pad),
    )
    found = usable(model, filled)
    return _Rows(
        torch.tensor(found.times),
        torch.tensor(found.channel),
        torch.tensor(found.scaled),
        torch.tensor(filled.visit),
        torch.tensor(found.seen.astype(np.float64)),
    )
