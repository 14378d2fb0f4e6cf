"""Made-up cohorts of many kinds: where the settings of the comparison are chosen, so that neither a
patient nor a data set that results are reported of sets any.

A world has one to ten codes on scales of any magnitude, some negative or zero; levels that differ
between patients and sites and go together between codes; trends that go on, responses that level
off, walks that come back, daily rhythms where visits are dense, outliers, and visits from three a
year to one every five minutes. In some, fewer patients and codes have a course that is common to
all, as growth has; in others codes have long tails, as scores, counts and many laboratory results
have. None of it is drawn from the default model.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from bench.learning.cohort import Cohort, Record
from twin.protocol import Channel

FloatArray = NDArray[np.float64]
Tail = Literal["none", "both", "high", "low", "zeros", "highest"]

TAILS: Final[tuple[Tail, ...]] = ("both", "high", "low", "zeros", "highest", "none")

COURSE_SD: Final = 0.4
"""Of a code's mean trend and mean response, in units of its patients' spread."""


def world(seed: int) -> Cohort:
    """One made-up cohort of five sites; the same seed gives the same one."""
    generator = np.random.default_rng([20_251, seed])
    codes = int(generator.integers(1, 11))
    patients = int(generator.integers(90, 260))
    return _made(f"world-{seed}", generator, codes, patients, COURSE_SD)


def course_world(seed: int) -> Cohort:
    """One whose patients share a course that is up to ten times as strong."""
    generator = np.random.default_rng([20_252, seed])
    codes = int(generator.integers(1, 5))
    patients = int(generator.integers(60, 200))
    strength = COURSE_SD * float(10 ** generator.uniform(0.4, 1.0))
    return _made(f"course-world-{seed}", generator, codes, patients, strength)


def tailed_world(seed: int) -> Cohort:
    """One whose codes have long tails on both sides or one, many zeros, or a highest value."""
    generator = np.random.default_rng([20_253, seed])
    codes = int(generator.integers(1, 6))
    patients = int(generator.integers(90, 260))
    return _made(f"tailed-world-{seed}", generator, codes, patients, COURSE_SD, tailed=True)


def _made(
    name: str,
    generator: np.random.Generator,
    codes: int,
    patients: int,
    course: float,
    *,
    tailed: bool = False,
) -> Cohort:
    dense = generator.random() < 0.35
    span = float(generator.uniform(2, 20)) if dense else float(generator.uniform(200, 3000))
    gap = span / generator.uniform(60, 200) if dense else span / generator.uniform(6, 25)
    shares = generator.dirichlet(np.full(5, 6.0))
    site_of = generator.choice(5, size=patients, p=shares)
    mixing = generator.normal(size=(codes, codes)) * generator.uniform(0, 1) + np.eye(codes)
    mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
    kinds = [_Kind(generator, dense, span, course) for _ in range(codes)]
    if tailed:
        for kind in kinds:
            kind.give_tail(generator)
    offsets = generator.normal(0, 0.3, size=(5, codes))
    records = []
    for number in range(patients):
        site = int(site_of[number])
        levels = mixing @ generator.normal(size=codes) + offsets[site]
        days = _visits(generator, span, gap)
        times, channel, value = [], [], []
        for code, kind in enumerate(kinds):
            kept = generator.random(len(days)) < kind.presence
            if not kept.any():
                continue
            times.append(days[kept])
            channel.append(np.full(int(kept.sum()), code))
            value.append(kind.values(generator, days[kept], levels[code], span))
        if not times:
            continue
        joined = np.concatenate(times)
        order = np.argsort(joined, kind="stable")
        joined = joined[order] - joined.min()
        records.append(
            Record(
                f"made-up-{number}",
                f"site-{site + 1}",
                joined,
                np.concatenate(channel)[order].astype(np.int64),
                np.concatenate(value)[order],
            )
        )
    channels = tuple(Channel(f"code-{n}", f"code-{n}", "1", f"code {n}") for n in range(codes))
    return Cohort(name, channels, tuple(records))


def _visits(generator: np.random.Generator, span: float, gap: float) -> FloatArray:
    lasted = span * float(np.exp(generator.normal(0, 0.4)))
    steps = generator.gamma(4.0, gap / 4.0, size=int(3 * lasted / gap) + 2)
    days = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(days[days <= lasted][:200], dtype=np.float64)


class _Kind:
    """How one code behaves, and on what scale it is told."""

    def __init__(
        self, generator: np.random.Generator, dense: bool, span: float, course: float
    ) -> None:
        shares = generator.dirichlet([3.0, 1.0, 1.0, 1.5, 2.0])
        self.level, self.trend, self.response, self.walk, self.noise = np.sqrt(shares)
        self.mean_trend, self.mean_response = generator.normal(0, course, size=2)
        self.pace = span * float(10 ** generator.uniform(-2.5, -0.3))
        self.settled = span * float(10 ** generator.uniform(-1.5, 0.0))
        self.rhythm = float(generator.uniform(0, 0.5)) if dense else 0.0
        self.outliers = float(generator.choice([0.0, 0.0, 0.02, 0.05]))
        self.presence = float(generator.choice([1.0, 0.9, 0.5]))
        self.log = generator.random() < 0.6
        self.width = float(generator.uniform(0.02, 0.9)) if self.log else 1.0
        self.unit = float(10 ** generator.uniform(-2, 4))
        self.centre = 0.0 if generator.random() < 0.3 else float(generator.uniform(2, 20))
        self.tail: Tail = "none"
        self.weight = 0.0

    def give_tail(self, generator: np.random.Generator) -> None:
        """Drawn apart, so that worlds without tails stay what they are."""
        self.tail = TAILS[int(generator.integers(len(TAILS)))]
        self.weight = float(generator.uniform(0.5, 1.2))
        if self.tail in ("zeros", "highest"):
            self.log, self.centre = False, 0.0 if self.tail == "zeros" else 20.0

    def _tailed(self, y: FloatArray) -> FloatArray:
        weight = self.weight
        match self.tail:
            case "none":
                return y
            case "both":
                return np.sinh(weight * y) / weight
            case "high" | "zeros":
                high: FloatArray = np.expm1(weight * y) / weight
                return high if self.tail == "high" else np.maximum(high, 0.0).round(1)
            case "low" | "highest":
                low: FloatArray = -np.expm1(-weight * y) / weight
                return low if self.tail == "low" else np.minimum(low, 0.3)

    def values(
        self, generator: np.random.Generator, days: FloatArray, level: float, span: float
    ) -> FloatArray:
        trend = self.mean_trend + self.trend * generator.normal()
        response = self.mean_response + self.response * generator.normal()
        walk = np.zeros(len(days))
        state = generator.normal()
        for place in range(len(days)):
            if place:
                kept = np.exp(-(days[place] - days[place - 1]) / self.pace)
                state = kept * state + np.sqrt(1 - kept**2) * generator.normal()
            walk[place] = state
        noise = generator.normal(size=len(days))
        noise *= np.where(generator.random(len(days)) < self.outliers, 5.0, 1.0)
        y = (
            self.level * level
            + trend * days / span
            + response * (1 - np.exp(-days / self.settled))
            + self.walk * walk
            + self.rhythm * np.sin(2 * np.pi * days + level)
            + self.noise * noise
        )
        y = self._tailed(y)
        plain = np.exp(self.width * y) if self.log else self.centre + y
        return np.asarray(self.unit * plain, dtype=np.float64)
