"""The meta-gradient of the log-linear model's prior, in closed form and for many patients at once.

A posterior under a support follows from five sums a lab, by two scalar measurement updates a lab
(Kalman, J Basic Eng 1960;82:35-45; the result is Bishop's, Pattern Recognition and Machine Learning,
2006, equations 3.50 and 3.51). A forecast's density follows the posterior by each lab's own two
numbers alone. The way back is written by hand from the differentials

    dS = -S (dL + dB) S,   dm = S (dL (mu - m) + L dmu - dB m + db),   L S = I - B S,

of the posterior's covariance S = (L + B)^-1 and mean m = S (L mu + b), where L is the prior's
precision, B and b the support's. L itself, large for an odd prior, is never formed.

Every operation is elementwise and one of + - * / and the square root, and each sum is taken in the
order of a patient's rows, of counts or of parameters: the bits of a gradient are the same in any
company. Arrays have patients last.
"""  # noqa: E501 - a citation

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.closed_form import SeenRows
from twin.ordered import in_order

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class LabPrior(NamedTuple):
    """``mean`` [P] and ``factor`` [P, P] (lower triangular, its product with its transpose is the
    covariance) of P parameters, levels then trends; ``noise`` [labs], SD of one row.
    """

    mean: FloatArray
    factor: FloatArray
    noise: FloatArray


class Slopes(NamedTuple):
    """Of each patient's loss in `LabPrior`: in the ``mean`` [P, patients], the ``factor``
    [P, P, patients], as if all of its entries were free, and ``log_noise`` [labs, patients].
    """

    mean: FloatArray
    factor: FloatArray
    log_noise: FloatArray


def slopes(
    prior: LabPrior, trend: FloatArray, rows: SeenRows, support_visits: int, counts: range
) -> Slopes:
    """See `twin.closed_form.ClosedForm`; ``trend`` [n], what a trend of 1 adds at each row."""
    cells = _Cells(rows, trend, len(prior.noise), counts)
    support, score, information = cells.support(prior.noise**-2.0)
    mean, spread = _posterior(prior, support, information)
    by_mean, query = cells.density(mean, spread, prior.noise**2, support_visits)

    u = in_order(spread * by_mean[:, np.newaxis])
    by_prior_mean = by_mean - support.times(u)
    left = score - support.times(mean)
    explained = support.times(spread)  # B S, which is I - L S
    in_noise = u * left - in_order(np.swapaxes(explained, 0, 1) * query.times(spread))
    log_noise = 2 * (
        prior.noise.reshape(-1, 1) ** 2 * query.levels
        - in_noise[: len(prior.noise)]
        - in_noise[len(prior.noise) :]
    )
    free = -np.swapaxes(explained, 0, 1)
    free[range(len(u)), range(len(u))] += 1.0  # (L S)^T
    half = by_prior_mean[:, np.newaxis] * left / 2
    in_covariance = half + np.swapaxes(half, 0, 1)
    for one, other in zip(query.times(free), free, strict=True):
        in_covariance += one[:, np.newaxis] * other
    in_covariance = cells.over_counts(in_covariance)
    factor = in_order(
        column[:, np.newaxis] * row.reshape(1, -1, 1)
        for column, row in zip(np.swapaxes(in_covariance, 0, 1), 2 * prior.factor, strict=True)
    )
    return Slopes(cells.over_counts(by_prior_mean), factor, cells.over_counts(log_noise))


class _Blocks(NamedTuple):
    """Symmetric matrices that are 0 but within each lab's level and trend: [labs, m] each."""

    levels: FloatArray
    both: FloatArray
    trends: FloatArray

    def times(self, right: FloatArray) -> FloatArray:
        """Of a vector [P, m] or a matrix [P, Q, m]."""
        labs = len(self.levels)
        shape = (labs, *(1,) * (right.ndim - 2), -1)
        levels, both, trends = (one.reshape(shape) for one in self)
        level, trend = right[:labs], right[labs:]
        return np.concatenate([levels * level + both * trend, both * level + trends * trend])


class _Information(NamedTuple):
    """A support as two independent measurements a lab, [labs, m] each: of level + ``place`` * trend
    with precision ``weight``, and of the trend with ``trend_weight``; ``value`` and
    ``trend_value`` are the measured values times these.
    """

    place: FloatArray
    weight: FloatArray
    value: FloatArray
    trend_weight: FloatArray
    trend_value: FloatArray


class _Cells:
    """Rows summed by lab, count and patient: m is counts times patients, patients last."""

    def __init__(self, rows: SeenRows, trend: FloatArray, labs: int, counts: range) -> None:
        self._rows, self._trend, self._labs, self._counts = rows, trend, labs, counts
        self._shape = (labs, len(counts), rows.patients)

    def support(self, precision: FloatArray) -> tuple[_Blocks, FloatArray, _Information]:
        """B, b [P, m], and the same as measurements; ``precision`` [labs] of one row."""
        rows, t = self._rows, self._trend
        # Group g joins the support at count g; what joins at none of these comes last.
        groups = len(self._counts) + 1
        group = np.clip(rows.visit + 1 - self._counts.start, 0, groups - 1)
        place = (rows.channel * groups + group) * rows.patients + rows.patient
        number, first, second, value, moment = (
            np.cumsum(
                np.bincount(place, one, self._labs * groups * rows.patients).reshape(
                    self._labs, groups, rows.patients
                )[:, :-1],
                axis=1,
            ).reshape(self._labs, -1)
            for one in (None, t, t * t, rows.scaled, t * rows.scaled)
        )
        weight = precision.reshape(-1, 1)
        middle = first / np.maximum(number, 1)
        return (
            _Blocks(weight * number, weight * first, weight * second),
            np.concatenate([weight * value, weight * moment]),
            _Information(
                middle,
                weight * number,
                weight * value,
                weight * np.maximum(second - middle * first, 0.0),
                weight * (moment - middle * value),
            ),
        )

    def density(
        self, mean: FloatArray, spread: FloatArray, noise: FloatArray, support_visits: int
    ) -> tuple[FloatArray, _Blocks]:
        """The slope of the losses in posterior mean [P, m] and covariance [P, P, m]."""
        rows, labs, patients = self._rows, self._labs, self._shape[2]
        levels, trends = np.arange(labs), np.arange(labs) + labs
        count = np.array(self._counts).reshape(-1, 1)
        place = (rows.channel * len(count) + (count - self._counts.start)) * patients + rows.patient
        level, trend, varies, both, bends = (
            one.ravel()[place]
            for one in (
                mean[:labs],
                mean[labs:],
                spread[levels, levels],
                spread[levels, trends],
                spread[trends, trends],
            )
        )
        t = self._trend
        variance = varies + t * (2 * both + t * bends) + noise[rows.channel]
        error = level + t * trend - rows.scaled
        weight = self._weights(count, support_visits) / variance
        by_mean = weight * error
        by_variance = (weight - by_mean * error / variance) / 2

        def summed(one: FloatArray) -> FloatArray:
            size = labs * len(count) * patients
            found = np.bincount(place.ravel(), one.ravel(), size)
            return np.asarray(found.reshape(labs, -1), dtype=np.float64)

        return np.concatenate([summed(by_mean), summed(t * by_mean)]), _Blocks(
            summed(by_variance), summed(t * by_variance), summed(t * t * by_variance)
        )

    def _weights(self, count: IntArray, support_visits: int) -> FloatArray:
        """What each row's density counts in its patient's loss, [counts, n]."""
        rows, patients = self._rows, self._shape[2]
        later = rows.visit >= count
        place = np.arange(len(count)).reshape(-1, 1) * patients + rows.patient
        number = np.bincount(place.ravel(), later.ravel(), len(count) * patients)
        last = np.zeros(patients, dtype=np.int64)
        np.maximum.at(last, rows.patient, rows.visit)
        counted = np.minimum(last, support_visits) + 1
        share = 1 / (np.maximum(number.reshape(-1, patients), 1) * counted)
        return np.where(later, share.ravel()[place], 0.0)

    def over_counts(self, each: FloatArray) -> FloatArray:
        """The sum over counts of [..., m]: [..., patients]."""
        by_count: FloatArray = each.reshape(*each.shape[:-1], *self._shape[1:])
        return in_order(by_count[..., place, :] for place in range(self._shape[1]))


def _posterior(
    prior: LabPrior, support: _Blocks, information: _Information
) -> tuple[FloatArray, FloatArray]:
    """Mean [P, m] and covariance [P, P, m], by scalar measurement updates."""
    size, labs, number = len(prior.mean), len(prior.noise), support.levels.shape[1]
    mean = np.repeat(prior.mean.reshape(-1, 1), number, axis=1)
    covariance = in_order(one[:, np.newaxis] * one for one in prior.factor.T)
    spread = np.repeat(covariance.reshape(size, size, 1), number, axis=2)

    def update(reach: FloatArray, told: FloatArray, weight: FloatArray, value: FloatArray) -> None:
        """``reach`` [P, m], covariances with what is measured, whose variance is ``told``."""
        precision = 1 + weight * told
        np.add(mean, reach * (value / precision), out=mean)
        root = reach * np.sqrt(weight / precision)
        np.subtract(spread, root[:, np.newaxis] * root, out=spread)

    for lab in range(labs):
        place, weight, value, trend_weight, trend_value = (one[lab] for one in information)
        reach = spread[lab] + place * spread[labs + lab]
        expected = mean[lab] + place * mean[labs + lab]
        update(reach, reach[lab] + place * reach[labs + lab], weight, value - weight * expected)
        reach = spread[labs + lab]
        expected = mean[labs + lab]
        update(reach, reach[labs + lab], trend_weight, trend_value - trend_weight * expected)
    return mean, spread
