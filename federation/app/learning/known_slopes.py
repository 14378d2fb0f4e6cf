"""Point learners of a model that knows its own derivative.

The same contributions as `point` differentiates. A squared error's slope is the model's own
derivative times what is left, so a descent needs no differentiation, and MAML one of first order
instead of one through another. A descent computes the rows of its support alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vmap

from federation.app.learning.deterministic import deterministic
from federation.app.learning.meta_gradient import LEAST_WIDTH, of_each
from federation.app.learning.usable import LEAST_WEIGHT, width_of
from twin.knows_its_slope import KnowsItsSlope

if TYPE_CHECKING:
    from federation.app.learning.point import PointSettings, Rows

FloatArray = NDArray[np.float64]

AT_ONCE: Final = 64
"""Patients computed at a time; the last ones are filled up with empty ones (`point.CHUNK`)."""

_BY_ALL: Final = ("fedavg", "fedprox")
"""Learners that descend the error of all rows."""

_EVERY: Final = 1 << 32
"""The support of so many groups is every row."""


def sloped_updates(
    name: str, model: KnowsItsSlope, theta: FloatArray, rows: Rows, settings: PointSettings
) -> FloatArray:
    """`point.updates` of a model that says `KnowsItsSlope`, numbers that are not finite left in."""
    found = np.zeros((len(rows.times), len(theta)))
    counts = (_EVERY,) if name in _BY_ALL else settings.counts
    shapes: dict[tuple[int, int], list[int]] = {}
    for place in range(len(found)):
        shapes.setdefault(_shape(model, rows, place, max(counts)), []).append(place)
    start = torch.tensor(theta)
    with deterministic():
        for (head, detail), members in shapes.items():
            for first in range(0, len(members), AT_ONCE):
                some = members[first : first + AT_ONCE]
                tasks = _tasks(type(rows)(*(one[some] for one in rows)), counts)
                each = _contributions(name, model, start, tasks, settings, head, detail)
                by_count = each.reshape(AT_ONCE, len(counts), len(theta)).unbind(1)
                found[some] = (sum(by_count[1:], by_count[0]) / len(counts))[: len(some)].numpy()
    return found


def _shape(model: KnowsItsSlope, rows: Rows, place: int, largest: int) -> tuple[int, int]:
    """How many rows the largest support is within, and their detail: of this record alone."""
    support = np.flatnonzero(((rows.seen > 0) & (rows.group < largest))[place].numpy())
    width = rows.times.shape[1]
    until = 1 + int(support[-1]) if len(support) else 0
    return min(width, width_of(until, LEAST_WIDTH)), model.detail_of(
        rows.channel[place].numpy()[support]
    )


class _Tasks(NamedTuple):
    """A patient with one support each, [patients * counts, n]: ``known`` 1.0 on the support;
    ``inner`` and ``outer`` what a row's squared error counts in that of the support and of what is
    later.
    """

    times: Tensor
    channel: Tensor
    scaled: Tensor
    known: Tensor
    inner: Tensor
    outer: Tensor


def _tasks(rows: Rows, counts: tuple[int, ...]) -> _Tasks:
    rows = rows.filled(AT_ONCE)
    number = len(counts)
    first = torch.stack([rows.first(count) for count in counts], dim=1).flatten(0, 1)
    known, channel = of_each(rows.seen, number) * first, of_each(rows.channel, number)
    weight = of_each(rows.weight, number)
    return _Tasks(
        of_each(rows.times, number),
        channel,
        of_each(rows.scaled, number),
        known,
        _share(channel, weight * first),
        _share(channel, weight * (1 - first)),
    )


def _share(channel: Tensor, weight: Tensor) -> Tensor:
    """Of each row in the mean of its channel."""
    number = int(channel.max()) + 1
    place = channel.numpy() + number * np.arange(len(channel)).reshape(-1, 1)
    total = np.bincount(place.ravel(), weight.numpy().ravel())
    return weight / torch.tensor(np.maximum(total, LEAST_WEIGHT)[place])


def _contributions(
    name: str,
    model: KnowsItsSlope,
    start: Tensor,
    tasks: _Tasks,
    settings: PointSettings,
    head: int,
    detail: int,
) -> Tensor:
    """Of each task, [tasks, P]."""
    at = start.repeat(len(tasks.times), 1)
    if name in ("maml", "anil"):
        at.requires_grad_()
    inner = _Tasks(*(one[:, :head] for one in tasks))
    kept = round(settings.adapted * len(start)) if name == "anil" else len(start)
    mask = (torch.arange(len(start)) < kept).to(torch.float64)

    def descend(z: Tensor, own: _Tasks) -> Tensor:
        line = model.line_within(own.times, own.channel, own.scaled, own.known, detail=detail)
        for _ in range(settings.steps):
            expected, slope = line(z)
            left = own.inner * (expected - own.scaled)
            move = 2 * (slope * left.unsqueeze(-1)).sum(0)
            if name == "fedprox":
                move = move + settings.proximal * (z - start)
            z = z - settings.rate * (move * mask)
        return z

    def later(z: Tensor, own: _Tasks) -> Tensor:
        given = (own.times, own.channel, own.scaled, own.known)
        expected = model.trajectory_within(*given, detail=detail)(z)
        return ((expected - own.scaled) ** 2 * own.outer).sum()

    there = vmap(descend)(at, inner)
    if name in (*_BY_ALL, "reptile"):
        return at - there
    if name == "fomaml":
        at = there.requires_grad_()
    return torch.autograd.grad(vmap(later)(there, tasks).sum(), at)[0]
