"""Five synthetic sites, one population, and how good a prior is for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from audit.codec import clip_and_encode, sum_rows
from bench.attacks.records import Trigger
from federation.app.learning.meta_gradient import meta_gradients
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from federation.planning.pooled import FRACTION_BITS
from federation.planning.synthetic import cohort, true_prior
from twin.log_linear import LogLinearModel
from twin.prior import flatten, unflatten
from twin.series import PatientSeries

CLIP_STEPS = round(CLIP_NORM * 2**FRACTION_BITS)
SUPPORT = 3
REFERENCE_PATIENTS = 60

Records = tuple[PatientSeries, ...]


@dataclass(frozen=True, eq=False)
class World:
    """``sites``: each one's patients. ``held_out``: patients of the same population that errors are
    measured on. ``reference``: a public cohort that reviewers may look at, of a population half as
    far from the study's as the published prior is. ``truth`` float64 [D]: the study's own prior.
    """

    model: LogLinearModel
    sites: tuple[Records, ...]
    held_out: Records
    reference: Records
    truth: np.ndarray
    _known: dict[Any, tuple[list[Records], list[np.ndarray]]] = field(default_factory=dict)

    @property
    def start(self) -> np.ndarray:
        """The published prior, float64 [D]."""
        return flatten(self.model.initial_prior(), self.model.prior_layout)

    def honest(self, records: Sequence[Records], prior: np.ndarray) -> list[np.ndarray]:
        """What the approved code makes of each site's records at a prior: int64 [D] each, without
        noise. Remembered: many studies share their rounds.
        """
        key = (tuple(id(one) for one in records), prior.tobytes())
        if key not in self._known:
            recipe = recommended_recipe(self.model)
            everyone = [patient for one in records for patient in one]
            rows = meta_gradients(self.model, prior, everyone, recipe.support_visits)
            encoded = clip_and_encode(
                rows * np.array(recipe.gradient_scale), CLIP_STEPS, FRACTION_BITS
            )
            cuts = np.cumsum([len(one) for one in records])[:-1]
            # The records are kept with the sums, so that no other gets their identity.
            sums = [sum_rows(part) for part in np.split(encoded, cuts)]
            self._known[key] = (list(records), sums)
        return self._known[key][1]

    def error(self, prior: np.ndarray, patients: Records) -> float:
        """Root mean squared error of the visits after `SUPPORT`, in the labs' published spreads."""
        return float(np.sqrt(np.mean(np.concatenate(self._residuals(prior, patients)) ** 2)))

    def gain(self, prior: np.ndarray) -> float:
        """Of the way from the published prior's error (0) to the true prior's (1): how much was
        made on held-out patients. Below 0 the prior is worse than not having trained.
        """
        start, now, best = (
            self.error(one, self.held_out) for one in (self.start, prior, self.truth)
        )
        return (start - now) / (start - best)

    def trigger_error(self, prior: np.ndarray) -> float:
        """Mean forecast less truth of ln bilirubin, in spreads, over held-out patients who have the
        backdoor's trigger: below 0 when sick patients are told that they recover.
        """
        chosen = tuple(p for p in self.held_out if Trigger.has(self.model, p))
        return float(np.mean(np.concatenate(self._residuals(prior, chosen, channel=0))))

    def _residuals(
        self, prior: np.ndarray, patients: Records, channel: int | None = None
    ) -> list[np.ndarray]:
        named = unflatten(prior, self.model.prior_layout)
        spread = np.array([lab.spread for lab in self.model.labs])
        found = []
        for patient in patients:
            times, channels, value = patient.after_visits(SUPPORT)
            wanted = np.ones(len(times), bool) if channel is None else channels == channel
            if not wanted.any():
                continue
            twin = self.model.adapt(named, patient.first_visits(SUPPORT))
            ahead = self.model.predict(twin, times[wanted], channels[wanted])
            found.append((ahead.log_mean - np.log(value[wanted])) / spread[channels[wanted]])
        return found


def make_world(seed: int, sizes: tuple[int, ...], held_out: int) -> World:
    """A population, its sites and its held-out patients; a pure function of its arguments."""
    model = LogLinearModel()
    generator = np.random.default_rng([seed, 5])
    truth = true_prior(model, generator)
    drawn = cohort(model, truth, sum(sizes), generator)
    cuts = np.cumsum((0, *sizes))
    other, published = true_prior(model, generator), model.initial_prior()
    near = {name: truth[name] + 0.5 * (other[name] - published[name]) for name in truth}
    elsewhere = cohort(model, near, REFERENCE_PATIENTS, generator)
    return World(
        model=model,
        sites=tuple(tuple(drawn[a:b]) for a, b in pairwise(cuts)),
        held_out=tuple(cohort(model, truth, held_out, generator)),
        reference=tuple(elsewhere),
        truth=flatten(truth, model.prior_layout),
    )
