"""Forecasts of held-out patients' later results from their first ones, by every kind of method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import grad, vmap

from bench.learning.cohort import Record
from federation.app.learning.deterministic import deterministic
from federation.app.learning.point import Rows, Trajectories, squared_error
from twin.prior import unflatten
from twin.protocol import TwinModel, tensors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Counting = Literal["observations", "visits"]

TARGETS: Final = 56
"""Results forecast together in one item, or as many as are known, for whom the work is done once an
item; a longer record is several items."""

ITEMS: Final = 128
"""Items made at a time."""

PAIRS: Final = 2**22
"""Of an item's rows, computed at a time: models hold numbers for every two rows (32 MiB for so
many), and a visit whose time is a whole day may have hundreds."""


def split(
    record: Record, count: int, scored: BoolArray, counting: Counting
) -> tuple[IntArray, IntArray]:
    """Places of what is known and of what is to be forecast, when ``count`` are known.

    Inputs (channels not ``scored``) are known as far as the last known result, and never forecast.
    """
    counts = scored[record.channel]
    if counting == "observations":
        number = np.cumsum(counts)
        known = counts & (number <= count)
    else:
        times = np.unique(record.days[counts])
        known = counts & (record.days < (times[count] if count < len(times) else np.inf))
    until = record.days[known][-1] if known.any() else -1.0
    given = known | (~counts & (record.days <= until))
    return np.flatnonzero(given), np.flatnonzero(counts & ~known)


@dataclass(frozen=True, eq=False)
class Items:
    """Patients' known rows and rows to forecast, [items, width].

    ``patient`` [items], index into the records; ``place`` row of the record, -1 on padding and on
    what is known; ``known`` 1.0 on what is known; ``times`` years; ``channel``; ``scaled``.
    """

    patient: IntArray
    place: IntArray
    known: FloatArray
    times: FloatArray
    channel: IntArray
    scaled: FloatArray


def items(
    records: Sequence[Record],
    scaled: Sequence[FloatArray],
    count: int,
    scored: BoolArray,
    counting: Counting,
    most: int | None = None,
) -> Iterator[Items]:
    """Everything to forecast with ``count`` known, in parts of at most ITEMS items.

    ``scaled``: each record's values on the model's scale. ``most``: at most so many forecasts a
    patient, evenly spaced (for tuning on training patients; all when left out).
    """
    parts: list[tuple[int, IntArray, IntArray]] = []
    for index, record in enumerate(records):
        known, asked = split(record, count, scored, counting)
        if most is not None and len(asked) > most:
            asked = asked[np.linspace(0, len(asked) - 1, most).round().astype(int)]
        together = max(TARGETS, len(known))
        parts += [
            (index, known, asked[start : start + together])
            for start in range(0, len(asked), together)
        ]
    parts.sort(key=lambda part: len(part[1]))  # items of a part are padded to one width
    for start in range(0, len(parts), ITEMS):
        yield _stacked(parts[start : start + ITEMS], records, scaled)


def _stacked(
    parts: list[tuple[int, IntArray, IntArray]],
    records: Sequence[Record],
    scaled: Sequence[FloatArray],
) -> Items:
    width = max(1, *(len(known) + len(asked) for _, known, asked in parts))
    shape = (len(parts), width)
    found = Items(
        np.array([index for index, _, _ in parts]),
        np.full(shape, -1),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape, np.int64),
        np.zeros(shape),
    )
    for row, (index, known, asked) in enumerate(parts):
        places = np.sort(np.concatenate([known, asked]))  # models want rows in order of time
        n, record = len(places), records[index]
        is_asked = np.isin(places, asked)
        found.place[row, :n] = np.where(is_asked, places, -1)
        found.known[row, :n] = ~is_asked
        found.times[row, :n] = record.years[places]
        found.times[row, n:] = record.years[places[-1]] if n else 0.0
        found.channel[row, :n] = record.channel[places]
        found.scaled[row, :n] = scaled[index][places]
    return found


def _tensors(part: Items) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor(one) for one in (part.times, part.channel, part.scaled, part.known))


def _pieces(rows: Sequence[torch.Tensor], times: int = 1) -> Iterator[tuple[torch.Tensor, ...]]:
    """Rows [items, width] in pieces of no more than PAIRS pairs, one item at least; each pair is
    held so many ``times``.
    """
    items, width = rows[0].shape
    step = max(1, PAIRS // (times * width**2))
    for start in range(0, items, step):
        yield tuple(one[start : start + step] for one in rows)


def by_prior(model: TwinModel, prior: FloatArray, part: Items) -> tuple[FloatArray, FloatArray]:
    """Predictive means and variances on the model's scale, [items, width]."""
    named = tensors(unflatten(prior, model.prior_layout))
    conditional = vmap(lambda *rows: model.conditional(named, *rows))
    with deterministic(), torch.no_grad():
        found = [conditional(*piece) for piece in _pieces(_tensors(part))]
    mean, variance = (torch.cat(several) for several in zip(*found, strict=True))
    return mean.numpy(), variance.numpy()


def by_point(model: Trajectories, points: FloatArray, part: Items) -> FloatArray:
    """Means [items, width] from each item's own parameters, ``points`` [items, P]."""
    with deterministic(), torch.no_grad():
        found = vmap(lambda z, *rows: model.trajectory(*rows)(z))(
            torch.tensor(points), *_tensors(part)
        )
    return np.asarray(found.numpy(), dtype=np.float64)


def known_alone(
    records: Sequence[Record],
    scaled: Sequence[FloatArray],
    counts: Sequence[int],
    scored: BoolArray,
    counting: Counting,
) -> Items:
    """What each patient's adaptation sees at each count: [records x counts, width], counts
    fastest.
    """
    nothing = np.zeros(0, np.int64)
    parts = [
        (index, split(record, count, scored, counting)[0], nothing)
        for index, record in enumerate(records)
        for count in counts
    ]
    return _stacked(parts, records, scaled)


def fine_tuned(
    model: Trajectories,
    point: FloatArray,
    known: Items,
    scored: BoolArray,
    rates: Sequence[float],
    steps: Sequence[int],
    adapted: float = 1.0,
) -> FloatArray:
    """Parameters after these numbers of gradient steps on what is known, at each rate.

    ``steps`` rising; float64 [rates, steps, items, P]. ``adapted``: share of the parameters that
    move. What diverges is not finite.
    """
    times, channel, scaled, seen = _tensors(known)
    weight = seen * torch.tensor(scored)[channel]
    whole = (times, channel, scaled, torch.zeros_like(channel), seen, weight)
    start = torch.tensor(point)
    moves = (torch.arange(len(start)) < round(adapted * len(start))).to(torch.float64)

    def slope(z: torch.Tensor, own: Rows) -> torch.Tensor:
        found: torch.Tensor = grad(lambda at: squared_error(model, at, own, own.seen, own.seen))(z)
        return moves * found

    slopes = vmap(vmap(slope, in_dims=(0, None)), in_dims=(1, 0), out_dims=1)
    pace = torch.tensor(list(rates), dtype=torch.float64)[:, None, None]

    def descended(rows: Rows) -> torch.Tensor:
        z, found, done = start.expand(len(rates), len(rows.times), -1), [], 0
        for wanted in steps:
            for _ in range(wanted - done):
                z = z - pace * slopes(z, rows)
            done = wanted
            found.append(z)
        return torch.stack(found, dim=1)

    with deterministic():
        found = [descended(Rows(*piece)) for piece in _pieces(whole, len(rates))]
    return np.asarray(torch.cat(found, dim=2).numpy(), dtype=np.float64)
