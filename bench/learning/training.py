"""Every method trained on one division of a cohort."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.learning import tables
from bench.learning.cohort import Cohort, Record
from bench.learning.private import Budget, Descent, learn
from bench.learning.settings import Settings
from federation.app.learning import survey
from federation.app.learning.meta_gradient import batch_meta_gradients
from federation.app.learning.nested import FIRST, nested_gradients
from federation.app.learning.point import PointSettings, Rows, updates
from federation.planning.pooled import FRACTION_BITS, noisy_sum
from twin.prior import flatten
from twin.protocol import TwinModel
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import Scales

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NO_PRIVACY = math.inf


@dataclass(frozen=True, eq=False)
class Ground:
    """A model on one training set: what every learner of one epsilon starts from.

    ``scored`` [channels]: False on inputs. ``noise_sd`` of a sum, in clipping norms, of learning
    rounds with this descent.
    """

    model: TwinModel
    epsilon: float
    sites: tuple[tuple[Record, ...], ...]
    settings: Settings
    survey_rounds: int
    scored: BoolArray

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(record for site in self.sites for record in site)

    def budget(self, descent: Descent) -> Budget:
        return _budget(self.settings, self.epsilon, descent.rounds + self.survey_rounds, self.sites)

    def noise_sd(self, descent: Descent) -> float:
        return 0.0 if math.isinf(self.epsilon) else self.budget(descent).noise_sd


def scored_of(model: TwinModel) -> BoolArray:
    """Which channels are results, not inputs of the model."""
    inputs: frozenset[int] = getattr(model, "inputs", frozenset())
    return np.array([index not in inputs for index in range(len(model.channels))])


def surveyed(
    cohort: Cohort,
    sites: Sequence[Sequence[Record]],
    epsilon: float,
    descent: Descent,
    settings: Settings,
    generator: np.random.Generator,
) -> TrajectoryModel:
    """The default model on scales that the training patients voted on, within the budget."""
    records = [record for site in sites for record in site]
    codes = len(cohort.channels)
    rows = survey.rows_of(codes, [(r.days, r.channel, r.value) for r in records])
    noise, total = 0.0, rows.sum(axis=0)
    if not math.isinf(epsilon):
        rounds = descent.rounds + settings.survey_rounds
        noise = _budget(settings, epsilon, rounds, sites).noise_sd
        sums = [
            noisy_sum(rows, 1.0, noise, generator) * 2.0**-FRACTION_BITS
            for _ in range(settings.survey_rounds)
        ]
        total, noise = np.mean(sums, axis=0), noise / math.sqrt(settings.survey_rounds)
    found = survey.read(codes, total, noise)
    return TrajectoryModel(cohort.channels, Scales(found.scales), found.span)


def drowned(
    cohort: Cohort, sites: Sequence[Sequence[Record]], settings: Settings
) -> tuple[str, ...]:
    """A line for the reader when codes have too few patients for their scales to be told from the
    noise of the primary epsilon; else none.
    """
    rounds = settings.prior.rounds + settings.survey_rounds
    noise = _budget(settings, settings.primary_epsilon, rounds, sites).noise_sd
    codes, patients = len(cohort.channels), sum(len(site) for site in sites)
    found = survey.stands_out(
        codes,
        [np.unique(record.channel) for site in sites for record in site],
        noise / math.sqrt(settings.survey_rounds),
    )
    few = int((found < survey.TOLD).sum())
    if not few:
        return ()
    so_many = "the code" if codes == 1 else f"{few} of {codes} codes"
    return (
        f"{patients} patients to learn from are few for {so_many}: at epsilon"
        f" {settings.primary_epsilon:g} these scales can hardly be told from the noise"
        f" ({float(np.median(found[found < survey.TOLD])):.1f} standard deviations,"
        f" {survey.TOLD:g} are needed), so private results on them say little; take fewer codes or"
        " more patients, or a model with published scales",
    )


def learn_prior(ground: Ground, generator: np.random.Generator) -> FloatArray:
    """The hierarchical prior, float64 [D]."""
    descent, model = ground.settings.prior, ground.model
    return learn(
        _prior_gradients(ground),
        flatten(model.initial_prior(), model.prior_layout),
        model.prior_layout,
        model.gradient_scale(),
        descent,
        ground.noise_sd(descent),
        len(ground.records),
        generator,
    )


def _prior_gradients(ground: Ground) -> Callable[[FloatArray], FloatArray]:
    model = ground.model
    if isinstance(model, TrajectoryModel):
        rows = rows_of(model, ground.records, ground.scored)
        return lambda prior: nested_gradients(model, prior, rows)
    table = tables.batch(ground.records)
    return lambda prior: batch_meta_gradients(model, prior, table, len(FIRST) - 1)


def learn_point(name: str, ground: Ground, generator: np.random.Generator) -> FloatArray:
    """A point learner's parameters, float64 [P], each patient's contribution clipped."""
    settings = ground.settings
    descent, local = settings.point[name], settings.local[name]
    rows = rows_of(ground.model, ground.records, ground.scored)
    size = len(ground.model.parameter_names)
    return learn(
        lambda point: updates(name, ground.model, point, rows, local),
        np.zeros(size),
        (("parameters", (size,)),),
        np.ones(size),
        descent,
        ground.noise_sd(descent),
        len(ground.records),
        generator,
    )


def average(name: str, ground: Ground) -> FloatArray:
    """FedAvg or FedProx as published, without privacy: sites descend, the server averages.

    Weights are sites' numbers of patients. float64 [P].
    """
    settings = ground.settings
    sites = [rows_of(ground.model, site, ground.scored) for site in ground.sites if site]
    shares = np.array([len(site.times) for site in sites], dtype=np.float64)
    shares /= shares.sum()
    step = PointSettings(steps=1, rate=settings.plain_rate)
    pull = settings.local["fedprox"].proximal if name == "fedprox" else 0.0
    point = np.zeros(len(ground.model.parameter_names))
    for _ in range(settings.plain_rounds):
        ends = []
        for site in sites:
            at = point
            for _ in range(settings.plain_local_steps):
                move = updates("fedavg", ground.model, at, site, step).mean(axis=0)
                at = at - move - settings.plain_rate * pull * (at - point)
            ends.append(at)
        point = shares @ np.stack(ends)
    return point


def rows_of(model: TwinModel, records: Sequence[Record], scored: BoolArray) -> Rows:
    table = tables.batch(records)
    scaled = model.scaled(torch.tensor(table.channel), torch.tensor(table.value)).numpy()
    return tables.point_rows(table, scaled, scored)


def _budget(
    settings: Settings, epsilon: float, rounds: int, sites: Sequence[Sequence[Record]]
) -> Budget:
    members = sum(1 for site in sites if site)
    colluders = min(settings.colluders, max(members - 2, 0))
    return Budget(epsilon, settings.delta, rounds, members, colluders)
