"""How well a study would forecast synthetic patients, by how many take part.

One world is one synthetic population (`federation.planning.synthetic`): patients to learn from and
others, held out, to forecast. In each world and for each number of patients the prior is learned as
a study would (`federation.planning.pooled`), once with the study's noise and once without. Every
prior is then adapted to a held-out patient's first visits and forecasts the later ones.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor
from torch.func import vmap

from audit.recipe import Recipe
from federation.app.learning.meta_gradient import unflatten_tensor
from federation.app.models import model_named
from federation.planning.pooled import train
from federation.planning.synthetic import cohort, true_prior
from twin.prior import flatten
from twin.protocol import TwinModel
from twin.series import PatientSeries, stack

FloatArray = NDArray[np.float64]

SUPPORT_VISITS: Final = 3
"""Visits of a held-out patient that are known when the later ones are forecast."""

ARMS: Final = ("private", "without_noise", "starting", "true")
"""Priors: learned with noise, learned without, the published one, the one patients come from."""

_AT_ONCE: Final = 50


@dataclass(frozen=True)
class Task:
    """One world, and how many of its patients take part."""

    recipe: Recipe
    rounds: int
    clip_norm: float
    noise_of_sum: float
    world: int
    patients: int
    held_out: int
    seed: int


@dataclass(frozen=True)
class Estimate:
    """A mean over worlds with its 95 % interval (Student's t); nan limits for a single world.

    Of errors it is the geometric mean, and the interval that of their logarithms.
    """

    mean: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """Plain values to nine digits; what is not known is null."""
        return {
            name: None if math.isnan(value) else float(f"{value:.9g}")
            for name, value in (("mean", self.mean), ("low", self.low), ("high", self.high))
        }


@dataclass(frozen=True)
class ErrorBySize:
    """For one number of patients: each arm's RMSE on the model's scale, and by how much the private
    prior's and the noiseless one's are lower than the starting prior's, as shares.
    """

    patients: int
    rmse: dict[str, Estimate]
    reduction: dict[str, Estimate]


def run_tasks(
    tasks: Sequence[Task], jobs: int, progress: Callable[[float], None]
) -> list[dict[str, float]]:
    """Each task's RMSE by arm, in order. ``progress`` is told of patients as they are done: in all,
    the sum of the tasks'.

    With one job in this process; with more in fresh processes, each on one thread. The same tasks
    give the same numbers in either, but for the last bits of a forecast.
    """
    found: dict[int, dict[str, float]] = {}
    if jobs == 1:
        with _one_thread():
            for place, task in enumerate(tasks):
                found[place] = run_task(task, progress)
    else:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(jobs, context, initializer=torch.set_num_threads, initargs=(1,))
        try:
            # Long ones first: no process then works alone at the end.
            order = sorted(range(len(tasks)), key=lambda place: -tasks[place].patients)
            waiting = {pool.submit(run_task, tasks[place]): place for place in order}
            for done in as_completed(waiting):
                found[waiting[done]] = done.result()
                progress(tasks[waiting[done]].patients)
        finally:
            pool.shutdown(cancel_futures=True)
    return [found[place] for place in range(len(tasks))]


def run_task(task: Task, progress: Callable[[float], None] = lambda _: None) -> dict[str, float]:
    """RMSE of each arm on the held-out patients of the task's world."""
    model = model_named(task.recipe.model)
    seeds = np.random.SeedSequence([task.seed, task.world]).spawn(3)
    of_truth, of_training, of_held_out = (np.random.default_rng(one) for one in seeds)
    truth = true_prior(model, of_truth)
    training = cohort(model, truth, task.patients, of_training)
    held_out = cohort(model, truth, task.held_out, of_held_out)
    noise = np.random.default_rng([task.seed, task.world, task.patients])

    def learned(noise_sd: float) -> FloatArray:
        return train(
            model,
            training,
            task.recipe,
            task.rounds,
            task.clip_norm,
            noise_sd,
            noise,
            lambda: progress(task.patients / (2 * task.rounds)),
        )

    priors = {
        "private": learned(task.noise_of_sum),
        "without_noise": learned(0.0),
        "starting": flatten(model.initial_prior(), model.prior_layout),
        "true": flatten(truth, model.prior_layout),
    }
    return {arm: forecast_error(model, prior, held_out) for arm, prior in priors.items()}


def forecast_error(model: TwinModel, prior: FloatArray, patients: Sequence[PatientSeries]) -> float:
    """RMSE, on the model's scale, of all results after the first SUPPORT_VISITS visits.

    Raises:
        ValueError: no patient has a result after them.
    """
    inputs = list(getattr(model, "inputs", frozenset()))
    longest = max((len(one) for one in patients), default=0)
    squares, count = 0.0, 0
    for start in range(0, len(patients), _AT_ONCE):
        batch = stack(patients[start : start + _AT_ONCE], longest)
        channel = torch.tensor(batch.channel)
        scaled = model.scaled(channel, torch.tensor(batch.value))
        support = torch.tensor(batch.observed & (batch.visit < SUPPORT_VISITS)).to(torch.float64)
        mean = _forecast(model, prior, torch.tensor(batch.times), channel, scaled, support)
        later = batch.observed & (batch.visit >= SUPPORT_VISITS)
        later &= ~np.isin(batch.channel, inputs)
        squares += float(((scaled - mean).numpy()[later] ** 2).sum())
        count += int(later.sum())
    if count == 0:
        raise ValueError(f"no synthetic patient has more than {SUPPORT_VISITS} visits")
    return math.sqrt(squares / count)


def _forecast(
    model: TwinModel,
    prior: FloatArray,
    times: Tensor,
    channel: Tensor,
    scaled: Tensor,
    support: Tensor,
) -> Tensor:
    named = unflatten_tensor(torch.tensor(prior), model.prior_layout)

    def mean(t: Tensor, c: Tensor, y: Tensor, s: Tensor) -> Tensor:
        return model.conditional(named, t, c, y, s)[0]

    with torch.no_grad():
        found: Tensor = vmap(mean)(times, channel, scaled, support)
    return found


def summarise(tasks: Sequence[Task], results: Sequence[dict[str, float]]) -> list[ErrorBySize]:
    """Over worlds, by number of patients."""
    found = []
    for patients in sorted({task.patients for task in tasks}):
        rows = [
            result for task, result in zip(tasks, results, strict=True) if task.patients == patients
        ]
        rmse = {arm: _geometric([row[arm] for row in rows]) for arm in ARMS}
        reduction = {
            arm: _estimate([1 - row[arm] / row["starting"] for row in rows])
            for arm in ("private", "without_noise")
        }
        found.append(ErrorBySize(patients, rmse, reduction))
    return found


def _geometric(values: Sequence[float]) -> Estimate:
    logs = _estimate([math.log(value) for value in values])
    return Estimate(math.exp(logs.mean), math.exp(logs.low), math.exp(logs.high))


def _estimate(values: Sequence[float]) -> Estimate:
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Estimate(mean, math.nan, math.nan)
    half = float(stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / math.sqrt(count))
    return Estimate(mean, mean - half, mean + half)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
