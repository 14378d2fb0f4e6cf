"""One division of a cohort: every method trained on some patients and scored on the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bench.learning import alone, methods
from bench.learning.cohort import Cohort, Record
from bench.learning.forecasting import Counting, Items, by_point, by_prior, items
from bench.learning.methods import FINE_TUNED, TUNED_FREELY, Method
from bench.learning.scoring import Errors, Ruler, mean_error, scaled_records
from bench.learning.settings import Settings
from bench.learning.training import (
    NO_PRIVACY,
    Ground,
    learn_point,
    learn_prior,
    scored_of,
    survey_share,
    surveyed,
)
from twin.protocol import TwinModel

FloatArray = NDArray[np.float64]

Forecast = Callable[[Items], tuple[FloatArray, FloatArray | None]]
"""From items to means, and variances where a method has them, on the model's scale."""

CURVE_TARGETS = 40
"""Forecasts a patient by which errors are told step by step: evenly spaced, all when fewer."""


@dataclass(frozen=True)
class Key:
    """Which forecasts: by which method, with how many known, counted how."""

    method: Method
    counting: Counting
    count: int


@dataclass(frozen=True, eq=False)
class Division:
    """``patients`` held out, in the order of `Errors`' rows; ``curves`` [steps] mean squared error
    by adaptation steps, where a method adapts by steps.
    """

    patients: tuple[str, ...]
    errors: Mapping[Key, Errors]
    curves: Mapping[Key, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Plan:
    """What is compared: a cohort, and its published model, or none for the default one."""

    cohort: Cohort
    settings: Settings
    published: TwinModel | None
    countings: tuple[Counting, ...]


def ruler_of(plan: Plan) -> TwinModel:
    """The published model's scale, or the one that everybody's results vote for: the bench's own
    yardstick, which no method sees.
    """
    if plan.published is not None:
        return plan.published
    generator = np.random.default_rng(0)
    settings = plan.settings
    return surveyed(plan.cohort, [plan.cohort.records], NO_PRIVACY, settings, generator)


def divide(
    cohort: Cohort, share: float, seed: int
) -> tuple[tuple[tuple[Record, ...], ...], tuple[Record, ...]]:
    """Each site's training patients, and the patients held out: ``share`` of each site's."""
    generator = np.random.default_rng([seed, 1])
    train, out = [], []
    for site in cohort.sites:
        mine = [record for record in cohort.records if record.site == site]
        order = generator.permutation(len(mine))
        number = min(round(share * len(mine)), len(mine) - 1)
        out += [mine[i] for i in sorted(order[:number])]
        train.append(tuple(mine[i] for i in sorted(order[number:])))
    return tuple(train), tuple(out)


def run(plan: Plan, ruler: TwinModel, seed: int) -> Division:
    """Train and score everything on one division."""
    settings = plan.settings
    sites, out = divide(plan.cohort, settings.held_out, seed)
    errors: dict[Key, Errors] = {}
    curves: dict[Key, FloatArray] = {}
    for epsilon in (NO_PRIVACY, *settings.epsilons):
        generator = generator_of(seed, epsilon)
        ground = ground_of(plan, sites, epsilon, generator)
        priors = methods.priors(ground, generator)
        points = methods.learned_points(ground, generator, settings.primary_epsilon)
        for counting in plan.countings:
            scored = Scored(ground, ruler, out, counting)
            scored.learned(priors, points)
            if math.isinf(epsilon):
                scored.alone(points["fedavg"])
            errors |= scored.errors
            curves |= scored.curves
    return Division(tuple(record.patient for record in out), errors, curves)


def run_endpoint(plan: Plan, ruler: TwinModel, seed: int) -> Division:
    """The prior and DP-FedAvg at the primary epsilon alone, with the same bits as `run` has."""
    settings = plan.settings
    sites, out = divide(plan.cohort, settings.held_out, seed)
    generator = generator_of(seed, settings.primary_epsilon)
    ground = ground_of(plan, sites, settings.primary_epsilon, generator)
    priors = {methods.PRIOR: learn_prior(ground, generator)}
    points = {"fedavg": learn_point("fedavg", ground, generator)}
    errors: dict[Key, Errors] = {}
    for counting in plan.countings:
        scored = Scored(ground, ruler, out, counting)
        scored.learned(priors, points)
        errors |= scored.errors
    return Division(tuple(record.patient for record in out), errors)


def generator_of(seed: int, epsilon: float) -> np.random.Generator:
    """Of everything that is drawn for the learners of one epsilon on one division."""
    level = 0 if math.isinf(epsilon) else round(1000 * epsilon)
    return np.random.default_rng([seed, 2, level])


def ground_of(
    plan: Plan,
    sites: tuple[tuple[Record, ...], ...],
    epsilon: float,
    generator: np.random.Generator,
) -> Ground:
    """The model that learners of this epsilon share; the default one's scales are voted on."""
    settings = plan.settings
    if plan.published is not None:
        model, share = plan.published, 1.0
    else:
        model = surveyed(plan.cohort, sites, epsilon, settings, generator)
        share = 1 - survey_share(settings)
    return Ground(model, epsilon, sites, settings, share, scored_of(model))


class Forecasts:
    """Errors of forecasts of some patients' results, made on one model's scale.

    ``later``: see `Settings.later_count`.
    """

    def __init__(
        self,
        model: TwinModel,
        ruler: TwinModel,
        records: Sequence[Record],
        counting: Counting,
        later: int,
    ) -> None:
        self._model, self._scored = model, scored_of(model)
        self._records, self._counting = tuple(records), counting
        self._scaled = scaled_records(model, records)
        self._ruler = Ruler(ruler, self._records, later, counting, self._scored)
        self._parts: dict[tuple[int, int | None], list[Items]] = {}
        self.errors: dict[Key, Errors] = {}

    def add(self, method: Method, count: int, forecast: Forecast) -> None:
        """The errors of a method's forecasts with so many known."""
        self.errors[Key(method, self._counting, count)] = self._errors(count, forecast)

    def _errors(self, count: int, forecast: Forecast, most: int | None = None) -> Errors:
        found = Errors.none(len(self._records), len(self._scored))
        for part in self._parts_of(count, most):
            self._ruler.add(found, self._model, part, *forecast(part))
        return found

    def _parts_of(self, count: int, most: int | None) -> list[Items]:
        if (count, most) not in self._parts:
            self._parts[count, most] = list(
                items(self._records, self._scaled, count, self._scored, self._counting, most)
            )
        return self._parts[count, most]


class Scored(Forecasts):
    """Errors of one ground's methods on the patients held out."""

    def __init__(
        self, ground: Ground, ruler: TwinModel, records: Sequence[Record], counting: Counting
    ) -> None:
        super().__init__(ground.model, ruler, records, counting, ground.settings.later_count)
        self._ground = ground
        self.curves: dict[Key, FloatArray] = {}

    def learned(self, priors: Mapping[str, FloatArray], points: Mapping[str, FloatArray]) -> None:
        """Of priors and points by kind, learned on the ground."""
        for kind, prior in priors.items():
            self._by_prior(Method(kind, self._ground.epsilon), prior)
        for kind, point in points.items():
            self._by_point(kind, point)

    def _by_prior(self, method: Method, prior: FloatArray) -> None:
        model = self._ground.model
        for count in self._ground.settings.counts:
            self.add(method, count, _adapted(model, prior))
            if method.kind == methods.PRIOR:
                # By Gauss-Newton steps; a model that says no number takes one, which is exact.
                steps: tuple[TwinModel, ...] = getattr(model, "by_steps", (model,))
                stages = [_unadapted(model, prior), *(_adapted(one, prior) for one in steps)]
                self._curve(method, count, stages)

    def _by_point(self, kind: str, point: FloatArray) -> None:
        ground, counting = self._ground, self._counting
        settings, epsilon = ground.settings, ground.epsilon
        own = methods.personal_points(ground, kind, point, self._records, self._scaled, counting)
        variants = {FINE_TUNED: settings.fine_tuning(kind)}
        if kind == "fedavg":
            variants[TUNED_FREELY] = methods.tune(ground, kind, point, counting)
        model = ground.model
        for index, count in enumerate(settings.counts):
            if kind in methods.AVERAGED:
                everyone = np.tile(point, (len(self._records), 1))
                self.add(Method(kind, epsilon), count, _at(model, everyone))
            for variant, tuning in variants.items():
                rate, step = tuning.by_count[count]
                method = Method(kind, epsilon, variant)
                self.add(method, count, _at(model, own[rate, step, :, index]))
                self._curve(method, count, [_at(model, one) for one in own[rate, :, :, index]])

    def alone(self, point: FloatArray) -> None:
        """From a patient's own results; ``point`` is what codes that they do not have fall back
        to.
        """
        everyone = _at(self._ground.model, np.tile(point, (len(self._records), 1)))
        rules = {methods.LAST_VALUE: alone.last_value, methods.OWN_LINE: alone.own_line}
        for kind, rule in rules.items():
            for count in self._ground.settings.counts:
                self.add(Method(kind, NO_PRIVACY), count, _alone(rule, everyone))

    def _curve(self, method: Method, count: int, stages: Sequence[Forecast]) -> None:
        """The error after each stage of an adaptation."""
        errors = [mean_error(self._errors(count, one, CURVE_TARGETS)) for one in stages]
        self.curves[Key(method, self._counting, count)] = np.array(errors)


def _at(model: TwinModel, points: FloatArray) -> Forecast:
    """The trajectories of each patient's own parameters, ``points`` [patients, P]."""
    return lambda part: (by_point(model, points[part.patient], part), None)


def _adapted(model: TwinModel, prior: FloatArray) -> Forecast:
    return lambda part: by_prior(model, prior, part)


def _unadapted(model: TwinModel, prior: FloatArray) -> Forecast:
    return lambda part: by_prior(model, prior, replace(part, known=np.zeros_like(part.known)))


def _alone(rule: Callable[[Items, FloatArray], FloatArray], everyone: Forecast) -> Forecast:
    return lambda part: (rule(part, everyone(part)[0]), None)
