"""Point learners of a model whose rows are straight lines in its parameters, in closed form.

A channel's squared error is then a quadratic of its own two numbers, level and trend, given by five
sums over its rows; descending it, and going back through the descent, are a few products and sums
of those. The same contributions as `point` differentiates, without differentiation.

Every operation is elementwise, one of + - * /, and sums are taken in the order of a patient's rows:
so the bits of one patient's numbers are the same in any company.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from federation.app.learning.usable import LEAST_WEIGHT
from twin.level_and_trend import LevelAndTrend
from twin.ordered import in_order

if TYPE_CHECKING:
    from federation.app.learning.point import PointSettings, Rows

FloatArray = NDArray[np.float64]

SUMS_AT_ONCE: Final = 1 << 17
"""Sums over rows that are held at a time, which bounds memory."""


def line_updates(
    name: str, model: LevelAndTrend, theta: FloatArray, rows: Rows, settings: PointSettings
) -> FloatArray:
    """`point.updates` of a model that says `LevelAndTrend`, numbers that are not finite left in."""
    rule, channels = _RULES[name], len(theta) // 2
    at_once = max(1, SUMS_AT_ONCE // (channels * (1 + max(settings.counts, default=0))))
    found = np.zeros((len(rows.times), len(theta)))
    with np.errstate(all="ignore"):
        for start in range(0, len(found), at_once):
            some = slice(start, start + at_once)
            sums = _sums(model, [part[some].numpy() for part in rows], channels, settings)
            z = np.broadcast_to(theta.reshape(2, 1, channels), (2, *sums[0].shape[1:]))
            found[some] = np.concatenate([*rule(z, sums, settings)], axis=-1)
    return found


class _Errors(NamedTuple):
    """Mean squared errors of channels, 0 over no rows: means over their rows of ``one`` (1 where
    there are any), of the trend's factor t, its square, the value and its product with t. Arrays of
    one shape [..., patients, channels]; z and slopes are [2, ..., patients, channels].
    """

    one: FloatArray
    t: FloatArray
    tt: FloatArray
    y: FloatArray
    ty: FloatArray

    def curved(self, v: FloatArray) -> FloatArray:
        """The second derivative times v."""
        return 2 * np.stack([self.one * v[0] + self.t * v[1], self.t * v[0] + self.tt * v[1]])

    def slope(self, z: FloatArray) -> FloatArray:
        return self.curved(z) - 2 * np.stack([self.y, self.ty])


def _sums(
    model: LevelAndTrend, rows: list[NDArray[np.generic]], channels: int, settings: PointSettings
) -> FloatArray:
    """Weighted sums of 1, t, t^2, y, t y: float64 [5, groups, patients, channels], the last group
    that of all later rows.
    """
    times, y, weight = (rows[i].astype(np.float64) for i in (0, 2, 5))
    channel, group = (rows[i].astype(np.int64) for i in (1, 3))
    patients, last = len(times), max(settings.counts, default=0)
    t = model.trend_at(times)
    patient = np.arange(patients).reshape(-1, 1)
    place = (np.minimum(group, last) * patients + patient) * channels + channel
    size = (last + 1) * patients * channels
    products = (weight, weight * t, weight * t * t, weight * y, weight * t * y)
    found = [np.bincount(place.ravel(), one.ravel(), size) for one in products]
    return np.stack(found).astype(np.float64).reshape(5, last + 1, patients, channels)


def _errors(sums: FloatArray) -> _Errors:
    """Of sums [5, ...]."""
    return _Errors(*(sums / np.maximum(sums[0], LEAST_WEIGHT)))


def _each_support(sums: FloatArray, settings: PointSettings) -> Iterator[tuple[_Errors, _Errors]]:
    """For each count: the errors of the support, and of what is later."""
    for count in settings.counts:
        yield (
            _errors(_added(sums[:, :count])),
            _errors(_added(sums[:, count:])),
        )


def _added(sums: FloatArray) -> FloatArray:
    """Sums of several groups [5, groups, ...] in one: of none, zeros."""
    several = np.swapaxes(sums, 0, 1)
    return in_order(several, nothing=np.zeros((len(sums), *sums.shape[2:])))


def _mean(parts: Iterator[FloatArray], settings: PointSettings) -> FloatArray:
    return in_order(parts) / len(settings.counts)


def _descend(
    z: FloatArray, errors: _Errors, settings: PointSettings, mask: FloatArray | float = 1.0
) -> FloatArray:
    for _ in range(settings.steps):
        z = z - settings.rate * (errors.slope(z) * mask)
    return z


def _fedavg(z: FloatArray, sums: FloatArray, settings: PointSettings) -> FloatArray:
    return z - _descend(z, _errors(_added(sums)), settings)


def _fedprox(start: FloatArray, sums: FloatArray, settings: PointSettings) -> FloatArray:
    errors, z = _errors(_added(sums)), start
    for _ in range(settings.steps):
        z = z - settings.rate * (errors.slope(z) + settings.proximal * (z - start))
    return start - z


def _reptile(z: FloatArray, sums: FloatArray, settings: PointSettings) -> FloatArray:
    each = (z - _descend(z, support, settings) for support, _ in _each_support(sums, settings))
    return _mean(each, settings)


def _fomaml(z: FloatArray, sums: FloatArray, settings: PointSettings) -> FloatArray:
    each = (
        later.slope(_descend(z, support, settings))
        for support, later in _each_support(sums, settings)
    )
    return _mean(each, settings)


def _maml(
    z: FloatArray, sums: FloatArray, settings: PointSettings, mask: FloatArray | float = 1.0
) -> FloatArray:
    def gradient(support: _Errors, later: _Errors) -> FloatArray:
        found = later.slope(_descend(z, support, settings, mask))
        for _ in range(settings.steps):  # back through the descent, whose steps are all alike
            found = found - settings.rate * support.curved(mask * found)
        return found

    each = (gradient(support, later) for support, later in _each_support(sums, settings))
    return _mean(each, settings)


def _anil(z: FloatArray, sums: FloatArray, settings: PointSettings) -> FloatArray:
    channels = z.shape[-1]
    kept = round(settings.adapted * 2 * channels)
    mask = (np.arange(2 * channels) < kept).astype(np.float64)
    return _maml(z, sums, settings, mask.reshape(2, 1, channels))


_RULES: Final[dict[str, Callable[[FloatArray, FloatArray, PointSettings], FloatArray]]] = {
    "fedavg": _fedavg,
    "fedprox": _fedprox,
    "maml": _maml,
    "fomaml": _fomaml,
    "reptile": _reptile,
    "anil": _anil,
}
