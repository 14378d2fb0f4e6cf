"""Every method trained on one division of a cohort."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.learning import tables
from bench.learning.cohort import Cohort, CohortUnusable, Record
from bench.learning.private import Budget, learn
from bench.learning.settings import Settings
from federation.app.learning import calibration, survey, survey_again
from federation.app.learning.meta_gradient import batch_meta_gradients
from federation.app.learning.nested import FIRST, nested_gradients
from federation.app.learning.point import PointSettings, Rows, updates
from federation.planning.pooled import FRACTION_BITS, noisy_sum
from twin.prior import flatten, size_of, unflatten
from twin.protocol import TwinModel
from twin.trajectory.model import TrajectoryModel
from twin.trajectory.scale import Scales

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NO_PRIVACY = math.inf

SURVEY_ROUNDS = 2
"""Of the budget, when codes have no published scale: votes, and votes again."""

CALIBRATION_ROUNDS = 1
"""Then, too, of the prior's intervals."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A model on one training set: what every learner of one epsilon starts from.

    ``share``: of the budget's rho, what learning may spend. ``scored`` [channels]: False on inputs.
    """

    model: TwinModel
    epsilon: float
    sites: tuple[tuple[Record, ...], ...]
    settings: Settings
    share: float
    scored: BoolArray

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(record for site in self.sites for record in site)

    def noise_sd(self, rounds: int) -> float:
        """Of a sum, in clipping norms, when a learner spends its share in so many rounds."""
        return _budget(self.settings, self.epsilon, self.sites).noise_sd(rounds, self.share)


def scored_of(model: TwinModel) -> BoolArray:
    """Which channels are results, not inputs of the model."""
    inputs: frozenset[int] = getattr(model, "inputs", frozenset())
    return np.array([index not in inputs for index in range(len(model.channels))])


def survey_share(settings: Settings) -> float:
    """Of the budget's rho, what the survey spends: a round as much as one of the prior's."""
    return SURVEY_ROUNDS / (SURVEY_ROUNDS + settings.prior.rounds + CALIBRATION_ROUNDS)


def surveyed(
    cohort: Cohort,
    sites: Sequence[Sequence[Record]],
    epsilon: float,
    settings: Settings,
    generator: np.random.Generator,
) -> TrajectoryModel:
    """The default model on scales that the training patients voted on, within the budget."""
    records = [record for site in sites for record in site]
    codes, noise = len(cohort.channels), _survey_noise(settings, epsilon, sites)
    rows = survey.rows_of(codes, [(r.days, r.channel, r.value) for r in records])
    first = survey.read(codes, _asked(rows, noise, generator), noise)
    again = survey_again.rows_of(first.scales, [(r.channel, r.value) for r in records])
    found = survey_again.read(first, _asked(again, noise, generator), noise)
    return TrajectoryModel(cohort.channels, Scales(found.scales), found.span)


def drowned(
    cohort: Cohort, sites: Sequence[Sequence[Record]], settings: Settings
) -> tuple[str, ...]:
    """A line for the reader when codes have too few patients for their scales to be told from the
    noise of the primary epsilon; else none.
    """
    noise = _survey_noise(settings, settings.primary_epsilon, sites)
    codes, patients = len(cohort.channels), sum(len(site) for site in sites)
    found = survey.stands_out(
        codes,
        [np.unique(record.channel) for site in sites for record in site],
        noise,
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


def require_told_magnitudes(cohort: Cohort) -> None:
    """Raises CohortUnusable when most of a code's results are too small or too large for the survey
    to tell them from 0 or from each other, so that errors on its scale would mean nothing.
    """
    low, high = (10.0**decade for decade in survey.DECADES)
    channel, value = cohort.columns()
    value = np.abs(value)
    for code, one in enumerate(cohort.channels):
        mine = value[(channel == code) & (value > 0)]
        usual = float(np.median(mine)) if len(mine) else 1.0
        if not low <= usual < high:
            raise CohortUnusable(
                f"{cohort.name}: results of {one.name} are about {usual:.1e} {one.unit}; without a"
                f" published model they must be between {low:g} and {high:g}. Write them in a"
                f" {'smaller' if usual < low else 'larger'} unit"
            )


def learn_prior(ground: Ground, generator: np.random.Generator) -> FloatArray:
    """The hierarchical prior, float64 [D]; of the default model with intervals that are calibrated
    in the round after, because nobody has published how regular its codes are.
    """
    model = ground.model
    if isinstance(model, TrajectoryModel):
        rows = rows_of(model, ground.records, ground.scored)
        noise = ground.noise_sd(ground.settings.prior.rounds + CALIBRATION_ROUNDS)
        learned = _descended(
            ground,
            lambda prior: nested_gradients(model, prior, rows) * model.conditioning(prior),
            noise,
            generator,
        )
        return _calibrated(model, learned, rows, noise, generator)
    table, noise = tables.batch(ground.records), ground.noise_sd(ground.settings.prior.rounds)
    return _descended(
        ground,
        lambda prior: batch_meta_gradients(model, prior, table, len(FIRST) - 1),
        noise,
        generator,
    )


def _descended(
    ground: Ground,
    gradients: Callable[[FloatArray], FloatArray],
    noise_sd: float,
    generator: np.random.Generator,
) -> FloatArray:
    model = ground.model
    return learn(
        gradients,
        flatten(model.initial_prior(), model.prior_layout),
        model.prior_layout,
        model.gradient_scale(),
        _step_scale(model),
        ground.settings.prior,
        noise_sd,
        len(ground.records),
        generator,
    )


def _step_scale(model: TwinModel) -> FloatArray:
    """Of a prior's numbers, the mean's first, which are those of a point."""
    if isinstance(model, TrajectoryModel):
        return model.step_scale()
    return np.ones(size_of(model.prior_layout))


def _calibrated(
    model: TrajectoryModel,
    prior: FloatArray,
    rows: Rows,
    noise_sd: float,
    generator: np.random.Generator,
) -> FloatArray:
    total = _asked(calibration.answers(model, prior, rows), noise_sd, generator)
    factor = calibration.factor(total, len(rows.times), noise_sd)
    return flatten(model.widened(unflatten(prior, model.prior_layout), factor), model.prior_layout)


def _asked(rows: FloatArray, noise_sd: float, generator: np.random.Generator) -> FloatArray:
    """What a round tells of votes or answers, whose rows have norm 1 at most: their noisy sum."""
    return np.asarray(noisy_sum(rows, 1.0, noise_sd, generator) * 2.0**-FRACTION_BITS)


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
        _step_scale(ground.model)[:size],
        descent,
        ground.noise_sd(descent.rounds),
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


def _survey_noise(settings: Settings, epsilon: float, sites: Sequence[Sequence[Record]]) -> float:
    """Of one survey round's sum."""
    return _budget(settings, epsilon, sites).noise_sd(SURVEY_ROUNDS, survey_share(settings))


def _budget(settings: Settings, epsilon: float, sites: Sequence[Sequence[Record]]) -> Budget:
    members = sum(1 for site in sites if site)
    colluders = min(settings.colluders, max(members - 2, 0))
    return Budget(epsilon, settings.delta, members, colluders)
