"""The methods compared: what each learns, and how it forecasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.learning.cohort import Record
from bench.learning.forecasting import (
    Counting,
    by_point,
    fine_tuned,
    items,
    known_alone,
)
from bench.learning.scoring import Errors, Ruler, mean_error, scaled_records
from bench.learning.settings import Tuning
from bench.learning.training import Ground, average, learn_point, learn_prior
from federation.app.learning.point import NAMES
from twin.prior import flatten

FloatArray = NDArray[np.float64]

PRIOR, STARTING_PRIOR = "prior", "starting_prior"
LAST_VALUE, OWN_LINE = "last_value", "local_fit"
FINE_TUNED, TUNED_FREELY = "fine_tuned", "fine_tuned_freely"

LABELS: Final = {
    PRIOR: "hierarchical prior (Assent)",
    STARTING_PRIOR: "starting prior, nothing learned",
    LAST_VALUE: "last value carried forward",
    OWN_LINE: "fit to own data alone",
    "fedavg": "FedAvg",
    "fedprox": "FedProx",
    "maml": "MAML",
    "fomaml": "first-order MAML",
    "reptile": "Reptile",
    "anil": "ANIL-style",
}
"""What people read; DP is put before a name whose epsilon is finite."""

PERSONAL: Final = ("maml", "fomaml", "reptile", "anil")
"""Learned for being adapted: without adaptation they are no method."""

AVERAGED: Final = ("fedavg", "fedprox")

WITH_INTERVALS: Final = (PRIOR, STARTING_PRIOR)
"""Whose forecasts come with a variance."""


@dataclass(frozen=True)
class Method:
    """``kind`` of LABELS; ``epsilon`` inf without privacy; ``variant`` how a point is personalised:
    not at all (""), or fine-tuned as the settings say or as is best on the training patients.
    """

    kind: str
    epsilon: float
    variant: str = ""

    @property
    def name(self) -> str:
        """The key in results.json."""
        private = not math.isinf(self.epsilon)
        head = f"dp_{self.kind}" if private and self.kind != PRIOR else self.kind
        if self.kind == PRIOR and not private:
            head = "prior_not_private"
        tail = f"_{self.variant}" if self.variant else ""
        return f"{head}{tail}_epsilon_{self.epsilon:g}" if private else f"{head}{tail}"

    @property
    def label(self) -> str:
        private = not math.isinf(self.epsilon)
        head = LABELS[self.kind]
        if private:
            head = (
                f"{head}, epsilon {self.epsilon:g}"
                if self.kind == PRIOR
                else f"DP-{head}, epsilon {self.epsilon:g}"
            )
        elif self.kind == PRIOR:
            head = f"{head}, without privacy"
        tail = {
            "": "",
            FINE_TUNED: ", fine-tuned",
            TUNED_FREELY: ", fine-tuned on training patients",
        }
        # Its epsilon is that of what was learned: the choice looked at private results beside.
        uncharged = " without charge" if private and self.variant == TUNED_FREELY else ""
        return head + tail[self.variant] + uncharged


def learned_points(
    ground: Ground, generator: np.random.Generator, primary: float
) -> dict[str, FloatArray]:
    """The point learners that are compared at this epsilon: all without privacy and at the primary
    one, FedAvg at the others.
    """
    if math.isinf(ground.epsilon):
        found = {name: average(name, ground) for name in AVERAGED}
        return found | {name: learn_point(name, ground, generator) for name in PERSONAL}
    names = NAMES if ground.epsilon == primary else ("fedavg",)
    return {name: learn_point(name, ground, generator) for name in names if name != "fedprox"}


def priors(ground: Ground, generator: np.random.Generator) -> dict[str, FloatArray]:
    learned = {PRIOR: learn_prior(ground, generator)}
    if math.isinf(ground.epsilon):
        learned[STARTING_PRIOR] = flatten(ground.model.initial_prior(), ground.model.prior_layout)
    return learned


def tune(ground: Ground, kind: str, point: FloatArray, counting: Counting) -> Tuning:
    """The fine-tuning of least squared error on training patients, for each count by itself.

    It looks at private results without any charge: in favour of what is tuned.
    """
    settings = ground.settings
    every = max(1, len(ground.records) // settings.tuning_patients)
    records = ground.records[::every][: settings.tuning_patients]
    scaled = scaled_records(ground.model, records)
    ruler = Ruler(ground.model, records, settings.later_count, counting, ground.scored)
    points = personal_points(ground, kind, point, records, scaled, counting)
    chosen = {}
    for index, count in enumerate(settings.counts):
        parts = list(items(records, scaled, count, ground.scored, counting, most=24))
        best = (math.inf, (0, 0))
        for rate in range(len(settings.rates)):
            for step in range(len(settings.steps)):
                if not np.isfinite(points[rate, step, :, index]).all():
                    continue
                found = Errors.none(len(records), len(ground.scored))
                for part in parts:
                    own = points[rate, step, part.patient, index]
                    ruler.add(found, ground.model, part, by_point(ground.model, own, part))
                error = mean_error(found)
                best = min(best, (error, (rate, step)))
        chosen[count] = best[1]
    return Tuning(chosen)


def personal_points(
    ground: Ground,
    kind: str,
    point: FloatArray,
    records: Sequence[Record],
    scaled: Sequence[FloatArray],
    counting: Counting,
) -> FloatArray:
    """Parameters by rate, steps, patient and count: float64 [rates, steps, records, counts, P]."""
    settings = ground.settings
    known = known_alone(records, scaled, settings.counts, ground.scored, counting)
    adapted = settings.local["anil"].adapted if kind == "anil" else 1.0
    found = fine_tuned(
        ground.model, point, known, ground.scored, settings.rates, settings.steps, adapted
    )
    return found.reshape(*found.shape[:2], len(records), len(settings.counts), point.size)
