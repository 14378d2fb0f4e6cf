"""Boosted trees on pooled records, without privacy: how much there is to learn at all.

A patient's known results, and nothing that the compared methods do not see, become counts, means,
first and last values and their times by code. With the time asked for, and what the model's
starting prior forecasts there, trees of each code forecast its result on the model's scale
(scikit-learn's HistGradientBoostingRegressor, after Ke et al., LightGBM, NeurIPS 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from bench.learning.cohort import Record
from bench.learning.forecasting import Counting, Items, by_prior, items
from bench.learning.scoring import scaled_records
from bench.learning.training import scored_of
from twin.prior import flatten
from twin.protocol import TwinModel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

VALIDATED: Final = 5
"""One training patient in so many says when to stop and which leaves are best."""

LEAVES: Final = (7, 20)
"""Most leaves of a tree: what is tried."""

MOST_TREES: Final = 600
RATE: Final = 0.08
LEAST_ROWS: Final = 40
"""Results in a leaf."""

PATIENCE: Final = 12
"""Trees without a gain on the validation patients, after which training stops."""


@dataclass(frozen=True)
class Chosen:
    """What validation chose for a code: leaves of a tree, and trees."""

    leaves: int
    trees: int


@dataclass(frozen=True, eq=False)
class Trees:
    """Learned trees by channel, and what was chosen for them."""

    model: TwinModel
    by_channel: Mapping[int, HistGradientBoostingRegressor]
    chosen: Mapping[int, Chosen]

    def forecast(self, part: Items) -> tuple[FloatArray, None]:
        """Means on the model's scale, [items, width]: 0 where nothing is asked, and for a code that
        nobody had later results of.
        """
        found = np.zeros(part.times.shape)
        row, column = np.nonzero(part.place >= 0)
        rows = features(self.model, part, row, column)
        asked = part.channel[row, column]
        for channel, trees in self.by_channel.items():
            mine = asked == channel
            if mine.any():
                found[row[mine], column[mine]] = trees.predict(rows[mine])
        return found, None


def features(model: TwinModel, part: Items, row: IntArray, column: IntArray) -> FloatArray:
    """What trees see of the rows asked for, [asked, 6 channels + 5]; NaN where nothing is known.

    ``part`` on the model's scale. By channel: how many are known, their mean, the first, the last,
    and the times of both (years); then the time asked for, the last known time, how long ago that
    and the last known result of the code asked for are, and the starting prior's forecast.
    """
    start, _ = by_prior(model, flatten(model.initial_prior(), model.prior_layout), part)
    channels = len(model.channels)
    found = []
    last_of = np.full((len(part.patient), channels), np.nan)
    each = np.arange(len(part.patient))
    for channel in range(channels):
        mine = (part.known > 0) & (part.channel == channel)
        number = mine.sum(axis=1)
        first, last = mine.argmax(axis=1), mine.shape[1] - 1 - mine[:, ::-1].argmax(axis=1)
        total = np.where(mine, part.scaled, 0.0).sum(axis=1)
        several = (
            total / np.maximum(number, 1),
            part.scaled[each, first],
            part.scaled[each, last],
            part.times[each, first],
            part.times[each, last],
        )
        found += [number.astype(np.float64)]
        found += [np.where(number > 0, one, np.nan) for one in several]
        last_of[:, channel] = found[-1]
    known = np.stack(found, axis=1)[row]
    asked = part.times[row, column]
    times = np.where(part.known > 0, part.times, -np.inf).max(axis=1)
    latest = np.where(np.isfinite(times), times, np.nan)[row]
    own = last_of[row, part.channel[row, column]]
    return np.column_stack([known, asked, latest, asked - latest, asked - own, start[row, column]])


@dataclass(frozen=True, eq=False)
class Table:
    """Every result to forecast, [n] each: ``features`` [n, features], ``target`` scaled, and
    ``weight`` with which patients count alike, and a patient's codes, as they are scored.
    """

    patient: IntArray
    channel: IntArray
    features: FloatArray
    target: FloatArray
    weight: FloatArray

    def at(self, rows: BoolArray) -> Table:
        return Table(
            self.patient[rows],
            self.channel[rows],
            self.features[rows],
            self.target[rows],
            self.weight[rows],
        )


def table(model: TwinModel, records: Sequence[Record], count: int, counting: Counting) -> Table:
    """What trees are trained on when ``count`` are known."""
    channels, scaled = len(model.channels), scaled_records(model, records)
    columns: list[tuple[NDArray[np.generic], ...]] = []
    for part in items(records, scaled, count, scored_of(model), counting):
        row, column = np.nonzero(part.place >= 0)
        columns.append(
            (
                part.patient[row],
                part.channel[row, column],
                features(model, part, row, column),
                part.scaled[row, column],
            )
        )
    patient, channel, seen, target = (np.concatenate(one) for one in zip(*columns, strict=True))
    return Table(patient, channel, seen, target, _weights(patient, channel, channels))


def _weights(patient: IntArray, channel: IntArray, channels: int) -> FloatArray:
    """1 for each patient in all, shared alike by their codes, and by a code's results."""
    code = patient * channels + channel
    _, place, results = np.unique(code, return_inverse=True, return_counts=True)
    pairs = np.unique(code) // channels
    _, whose, codes = np.unique(pairs, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (results * codes[whose]))[place]


def learn(
    model: TwinModel,
    records: Sequence[Record],
    count: int,
    counting: Counting,
    told: Callable[[], None] = lambda: None,
) -> Trees:
    """Trees for ``count`` known, on a model's scale; ``told`` is called after each code.

    When to stop, and how many leaves a tree has, is chosen by code on a part of the patients; the
    trees are then learned anew from all.
    """
    rows = table(model, records, count, counting)
    learned, chosen = {}, {}
    for channel in np.flatnonzero(scored_of(model)).tolist():
        mine = rows.at(rows.channel == channel)
        held = mine.patient % VALIDATED == 0
        if held.any() and not held.all():
            chosen[channel] = _choose(mine.at(~held), mine.at(held))
            learned[channel] = _fitted(chosen[channel], mine)
        told()
    return Trees(model, learned, chosen)


def _choose(train: Table, held: Table) -> Chosen:
    found: list[tuple[float, Chosen]] = []
    for leaves in LEAVES:
        trees = _trees(Chosen(leaves, MOST_TREES), early_stopping=True)
        trees.fit(
            _filled(train.features),
            train.target,
            train.weight,
            X_val=held.features,
            y_val=held.target,
            sample_weight_val=held.weight,
        )
        losses = -np.asarray(trees.validation_score_)
        best = int(losses.argmin())
        found.append((float(losses[best]), Chosen(leaves, max(best, 1))))
    return min(found, key=lambda one: one[0])[1]


def _fitted(chosen: Chosen, rows: Table) -> HistGradientBoostingRegressor:
    return _trees(chosen, early_stopping=False).fit(
        _filled(rows.features), rows.target, rows.weight
    )


def _filled(features: FloatArray) -> FloatArray:
    """What nobody knows is made one number, which no tree can split: scikit-learn 1.9 refuses a
    column without any number.
    """
    return np.where(np.isnan(features).all(axis=0), 0.0, features)


def _trees(chosen: Chosen, *, early_stopping: bool) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        learning_rate=RATE,
        max_iter=chosen.trees,
        max_leaf_nodes=chosen.leaves,
        min_samples_leaf=LEAST_ROWS,
        early_stopping=early_stopping,
        n_iter_no_change=PATIENCE,
        random_state=0,
    )
