"""How the recipe was chosen, without a patient: `python -m bench.tune_on_synthetic`.

For each candidate: the share of the possible gain that private training makes on synthetic patients
held out, in root mean squared error and in log density after 3 visits, from the starting prior (0)
to the prior that the patients were drawn from (1); mean over worlds.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

import numpy as np

from bench.pooled import noise_multiplier
from federation.app.learning.recipe import CLIP_NORM, ROUNDS, recommended_recipe
from federation.planning.pooled import train
from federation.planning.synthetic import cohort, true_prior
from twin.log_linear import LogLinearModel
from twin.prior import Prior, unflatten
from twin.series import PatientSeries

SUPPORT, EPSILON, DELTA = 3, 8.0, 1e-5
EXCESS = math.sqrt(5 / 3)


def errors(model: LogLinearModel, prior: Prior, patients: list[PatientSeries]) -> np.ndarray:
    """[2]: scaled RMSE, and mean negative log density of ln(value), of the visits after SUPPORT."""
    residuals, variances = [], []
    for patient in patients:
        times, channel, value = patient.after_visits(SUPPORT)
        forecast = model.predict(model.adapt(prior, patient.first_visits(SUPPORT)), times, channel)
        spread = np.array([lab.spread for lab in model.labs])[channel]
        residuals.append((np.log(value) - forecast.log_mean) / spread)
        variances.append(forecast.log_variance / spread**2)
    e, v = np.concatenate(residuals), np.concatenate(variances)
    return np.array([np.sqrt((e**2).mean()), (0.5 * (np.log(2 * np.pi * v) + e**2 / v)).mean()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--patients", type=int, default=200)
    options = parser.parse_args()
    model = LogLinearModel()
    layout = model.prior_layout
    best = recommended_recipe(model)
    candidates = {"recommended": (best, ROUNDS, CLIP_NORM)}
    candidates |= {
        f"learning rate {r}": (replace(best, learning_rate=(r,) * best.size), ROUNDS, CLIP_NORM)
        for r in (0.2, 0.4)
    }
    candidates |= {
        f"Adam's epsilon {e:g}": (replace(best, adam_epsilon=e), ROUNDS, CLIP_NORM)
        for e in (1e-8, 0.003, 0.03)
    }
    candidates |= {
        f"betas {a}, {b}": (replace(best, beta1=a, beta2=b), ROUNDS, CLIP_NORM)
        for a, b in ((0.3, 0.99), (0.5, 0.9), (0.7, 0.99), (0.9, 0.999))
    }
    candidates |= {f"clip norm {c}": (best, ROUNDS, c) for c in (0.1, 0.5, 1.0, 2.0)}
    candidates |= {
        f"support visits {k}": (replace(best, support_visits=k), ROUNDS, CLIP_NORM)
        for k in (1, 3, 8)
    }
    candidates |= {f"rounds {n}": (best, n, CLIP_NORM) for n in (5, 6, 10)}

    worlds = []
    for seed in range(options.worlds):
        generator = np.random.default_rng(100 + seed)
        truth = true_prior(model, generator)
        training = cohort(model, truth, options.patients, generator)
        held_out = cohort(model, truth, 300, generator)
        start = errors(model, model.initial_prior(), held_out)
        worlds.append((training, held_out, start, errors(model, truth, held_out)))
    print(f"{'gain made, of what is possible':34}{'RMSE':>8}{'density':>9}")
    for name, (recipe, rounds, clip_norm) in candidates.items():
        sd = noise_multiplier(EPSILON, DELTA, rounds) * EXCESS
        gains = []
        for seed, (training, held_out, start, ideal) in enumerate(worlds):
            noise = np.random.default_rng(seed)
            theta = train(model, training, recipe, rounds, clip_norm, sd, noise)
            now = errors(model, unflatten(theta, layout), held_out)
            gains.append((start - now) / (start - ideal))
        rmse, density = np.mean(gains, axis=0)
        print(f"{name:34}{rmse:8.3f}{density:9.3f}", flush=True)


if __name__ == "__main__":
    main()
