"""Records as the padded tables that learners and forecasts are computed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from bench.learning.cohort import Record
from federation.app.learning.point import Rows
from twin.series import PatientBatch

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

WIDTH: Final = 64
"""Results of one patient that learning uses; of more, the first FIRST and others spread evenly."""

FIRST: Final = 8


def group_of(count: int) -> IntArray:
    """Which group each of the first ``count`` results is in: 0, 1, 2-3, 4-7, 8-15, ... int64.

    Those of groups below g are the first 0, 1, 2, 4, 8, ... results: supports that grow by
    doubling.
    """
    return np.ceil(np.log2(np.arange(count) + 1)).astype(np.int64)


def thinned(record: Record, width: int = WIDTH) -> IntArray:
    """Places of the results that learning uses, at most ``width``, in order.

    The first FIRST, then of each code as many as of any other while there are, evenly spaced: a
    sensor that reports every five minutes must not crowd out a laboratory.
    """
    n = len(record)
    if n <= width:
        return np.arange(n)
    later = np.arange(FIRST, n)
    codes = record.channel[later]
    left, room = {int(c): int((codes == c).sum()) for c in np.unique(codes)}, width - FIRST
    share: dict[int, int] = {}
    for rank, (code, count) in enumerate(sorted(left.items(), key=lambda item: item[1])):
        share[code] = min(count, room // (len(left) - rank))
        room -= share[code]
    kept = [np.arange(FIRST)]
    for code, count in share.items():
        mine = later[codes == code]
        if count:
            kept.append(mine[np.linspace(0, len(mine) - 1, count).round().astype(int)])
    return np.sort(np.concatenate(kept))


def batch(records: Sequence[Record], values: Sequence[FloatArray] | None = None) -> PatientBatch:
    """What `federation.app.learning.meta_gradient` takes: ``visit`` holds `group_of`."""
    shape = (len(records), WIDTH)
    times, value = np.zeros(shape), np.ones(shape)
    channel, visit = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    observed = np.zeros(shape, np.bool_)
    for row, record in enumerate(records):
        kept = thinned(record)
        n = len(kept)
        times[row, :n], channel[row, :n] = record.years[kept], record.channel[kept]
        value[row, :n] = (record.value if values is None else values[row])[kept]
        visit[row, :n], observed[row, :n] = group_of(n), True
    return PatientBatch(times, channel, value, visit, observed)


def point_rows(table: PatientBatch, scaled: FloatArray, scored: BoolArray) -> Rows:
    """What point learners take. ``scaled`` [patients, WIDTH]; ``scored`` by channel.

    A patient's codes count alike, and results of one code alike.
    """
    counts = table.observed & scored[table.channel]
    weight = np.zeros(table.times.shape)
    for row in range(len(table)):
        for code in np.unique(table.channel[row][counts[row]]):
            mine = counts[row] & (table.channel[row] == code)
            weight[row, mine] = 1.0 / mine.sum()
    total = weight.sum(axis=1, keepdims=True)
    weight = weight * counts.sum(axis=1, keepdims=True) / np.where(total > 0, total, 1.0)
    return Rows(
        torch.tensor(table.times),
        torch.tensor(table.channel),
        torch.tensor(np.where(table.observed, scaled, 0.0)),
        torch.tensor(table.visit),
        torch.tensor(table.observed.astype(np.float64)),
        torch.tensor(weight),
    )
