"""Learners of one point in a twin's parameter space: the federated baselines and plain
meta-learners.

Each takes the same twin model, and from it one thing: the trajectory of given parameters. What a
patient contributes is a vector of the parameters' size, clipped, noised and summed like any other;
adaptation is gradient descent on the patient's own squared error from the point that was learned.

| name | a patient contributes |
| --- | --- |
| fedavg | the way of some local steps on their own error (McMahan et al., AISTATS 2017; by patient: McMahan et al., ICLR 2018) |
| fedprox | the same, held near the shared point by a quadratic term (Li et al., MLSys 2020) |
| maml | the gradient of the later error through the adaptation (Finn et al., ICML 2017) |
| fomaml | the same without second derivatives |
| reptile | the way of an adaptation to all they have (Nichol et al., 2018) |
| anil | maml that adapts a part of the parameters alone (Raghu et al., ICLR 2020) |
"""  # noqa: E501 - a table

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad, vmap

from chain.light_dataclass import light_dataclass
from federation.app.learning.deterministic import deterministic
from federation.app.learning.known_slopes import sloped_updates
from federation.app.learning.straight_lines import line_updates
from federation.app.learning.usable import LEAST_WEIGHT
from twin.knows_its_slope import KnowsItsSlope
from twin.level_and_trend import LevelAndTrend

FloatArray = NDArray[np.float64]

CHUNK: Final = 32
"""Patients computed at a time; the last chunk is filled with empty ones, so that the bits of one
patient's numbers are the same in any company (see `meta_gradient`)."""

NAMES: Final = ("fedavg", "fedprox", "maml", "fomaml", "reptile", "anil")


class Trajectories(Protocol):
    """What a point learner needs of a twin model."""

    @property
    def parameter_names(self) -> tuple[str, ...]: ...

    def trajectory(
        self, times: Tensor, channel: Tensor, scaled: Tensor, known: Tensor
    ) -> Callable[[Tensor], Tensor]:
        """From parameters [P] to what rows [n] are expected to be, on the scaled scale.

        ``known`` [n], 1 on rows whose values may be used as inputs (doses, weights).
        """
        ...


class Rows(NamedTuple):
    """Patients' rows, each tensor [patients, n]: ``times`` in years, ``channel``, ``scaled``
    values, ``group`` (support of count c is what has group < c), ``seen``, 0.0 on padding, and
    ``weight`` in an error, 0.0 on padding and on inputs, alike on rows of one channel.
    """

    times: Tensor
    channel: Tensor
    scaled: Tensor
    group: Tensor
    seen: Tensor
    weight: Tensor

    def filled(self, patients: int) -> Rows:
        """With empty patients after the others, so many in all."""
        missing = patients - len(self.times)
        return Rows(*(torch.cat([one, one.new_zeros((missing, *one.shape[1:]))]) for one in self))

    def first(self, count: int) -> Tensor:
        """1.0 on the support of this count."""
        return (self.group < count).to(torch.float64)


@light_dataclass(frozen=True)
class PointSettings:
    """Constants of a point learner. ``steps`` local or inner steps of ``rate``; ``proximal``, mu of
    FedProx; ``counts``, supports that meta-learners average over; ``adapted``, share of the
    parameters that ANIL adapts, from the first on.
    """

    steps: int = 3
    rate: float = 0.3
    proximal: float = 0.3
    counts: tuple[int, ...] = (1, 2, 3, 4)
    adapted: float = 0.5


def updates(
    name: str, model: Trajectories, point: FloatArray, rows: Rows, settings: PointSettings
) -> FloatArray:
    """Each patient's contribution, float64 [patients, P], a direction to descend, not clipped.

    A patient whose numbers are not finite gives zero. Raises ValueError for an unknown name. A
    model that says `LevelAndTrend` or `KnowsItsSlope` gives the same sooner.
    """
    try:
        rule = _RULES[name]
    except KeyError:
        raise ValueError(f"unknown learner {name!r}; there are {', '.join(NAMES)}") from None
    if isinstance(model, LevelAndTrend):
        found = line_updates(name, model, point, rows, settings)
    elif isinstance(model, KnowsItsSlope):
        found = sloped_updates(name, model, point, rows, settings)
    else:
        found = _differentiated(rule, model, point, rows, settings)
    found[~np.isfinite(found).all(axis=1)] = 0.0
    return np.asarray(found + 0.0, dtype=np.float64)


def _differentiated(
    rule: _Rule, model: Trajectories, point: FloatArray, rows: Rows, settings: PointSettings
) -> FloatArray:
    theta = torch.tensor(point)
    return by_chunk(vmap(lambda own: rule(model, theta, own, settings)), rows, point.size)


def by_chunk(found_of: Callable[[Rows], Tensor], rows: Rows, numbers: int) -> FloatArray:
    """What is found of each patient, float64 [patients, numbers], CHUNK of them at a time.

    ``found_of``: from rows of CHUNK patients to [CHUNK, numbers].
    """
    parts = [np.zeros((0, numbers))]
    with deterministic():
        for start in range(0, len(rows.times), CHUNK):
            chunk = Rows(*(part[start : start + CHUNK] for part in rows))
            parts.append(found_of(chunk.filled(CHUNK))[: len(chunk.times)].numpy())
    return np.concatenate(parts)


def squared_error(
    model: Trajectories, z: Tensor, rows: Rows, known: Tensor, asked: Tensor
) -> Tensor:
    """Squared error of one patient's rows with ``asked`` [n] above 0: the mean of each channel's,
    added up, so that how fast one channel is fitted does not depend on how many others there are.
    """
    expected = model.trajectory(rows.times, rows.channel, rows.scaled, known)(z)
    weight = rows.weight * asked
    same = (rows.channel.unsqueeze(-1) == rows.channel).to(torch.float64)
    share = weight / torch.clamp(same @ weight, min=LEAST_WEIGHT)
    return ((expected - rows.scaled) ** 2 * share).sum()


def descend(
    model: Trajectories,
    z: Tensor,
    rows: Rows,
    support: Tensor,
    settings: PointSettings,
    mask: Tensor | None = None,
) -> Tensor:
    """One patient's parameters after the settings' steps on the error of the rows with ``support``
    1.0; ``mask`` [P], 0.0 on parameters that stay.
    """
    slope = grad(lambda at: squared_error(model, at, rows, rows.seen * support, support))
    for _ in range(settings.steps):
        move = slope(z) if mask is None else slope(z) * mask
        z = z - settings.rate * move
    return z


def _fedavg(model: Trajectories, theta: Tensor, rows: Rows, settings: PointSettings) -> Tensor:
    return theta - descend(model, theta, rows, rows.seen, settings)


def _fedprox(model: Trajectories, theta: Tensor, rows: Rows, settings: PointSettings) -> Tensor:
    def objective(at: Tensor) -> Tensor:
        error = squared_error(model, at, rows, rows.seen, rows.seen)
        return error + settings.proximal / 2 * ((at - theta) ** 2).sum()

    z, slope = theta, grad(objective)
    for _ in range(settings.steps):
        z = z - settings.rate * slope(z)
    return theta - z


def _reptile(model: Trajectories, theta: Tensor, rows: Rows, settings: PointSettings) -> Tensor:
    moved = [
        theta - descend(model, theta, rows, rows.first(count), settings)
        for count in settings.counts
    ]
    return torch.stack(moved).mean(0)


def _meta(
    model: Trajectories,
    theta: Tensor,
    rows: Rows,
    settings: PointSettings,
    *,
    first_order: bool = False,
    part: bool = False,
) -> Tensor:
    mask = None
    if part:
        kept = round(settings.adapted * len(theta))
        mask = (torch.arange(len(theta)) < kept).to(torch.float64)

    def later(z: Tensor, count: int) -> Tensor:
        support = rows.first(count)
        return squared_error(model, z, rows, rows.seen * support, 1 - support)

    def through(at: Tensor, count: int) -> Tensor:
        return later(descend(model, at, rows, rows.first(count), settings, mask), count)

    found = []
    for count in settings.counts:
        if first_order:
            there = descend(model, theta, rows, rows.first(count), settings, mask)
            found.append(grad(later)(there, count))
        else:
            found.append(grad(through)(theta, count))
    return torch.stack(found).mean(0)


def _maml(model: Trajectories, theta: Tensor, rows: Rows, settings: PointSettings) -> Tensor:
    return _meta(model, theta, rows, settings)


def _fomaml(model: Trajectories, theta: Tensor, rows: Rows, settings: PointSettings) -> Tensor:
    return _meta(model, theta, rows, settings, first_order=True)


def _anil(model: Trajectories, theta: Tensor, rows: Rows, settings: PointSettings) -> Tensor:
    return _meta(model, theta, rows, settings, part=True)


_Rule = Callable[[Trajectories, Tensor, Rows, PointSettings], Tensor]
_RULES: Final[dict[str, _Rule]] = {
    "fedavg": _fedavg,
    "fedprox": _fedprox,
    "maml": _maml,
    "fomaml": _fomaml,
    "reptile": _reptile,
    "anil": _anil,
}
