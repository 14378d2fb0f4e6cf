"""Synthetic patients as a centre's records hold them: results with noise, bias, rounding and gaps.

Reproducible: each patient draws from a generator of their own, keyed by seed, centre and number, so
that more patients change nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.gate.records.codes import CODES
from federation.gate.records.datasets.sickle_cell import centres as c
from federation.gate.records.datasets.sickle_cell.centres import CENTRES, Centre
from federation.gate.records.datasets.sickle_cell.course import Course, Dose, follow
from federation.gate.records.datasets.sickle_cell.traits import Traits, draw
from federation.gate.records.units import convert_from_canonical
from twin.sickle_cell import figures as f

WEARABLE_DAYS: Final = 14
WEARABLE_HOURS: Final = 1
"""A wearable is worn for two weeks and read every hour, from a random day on: our choice."""
CRISIS_DAYS: Final = 7
"""How long a crisis shows in pain and vitals: our choice."""

_NOISE: Final[Mapping[str, float]] = {
    c.HBF: f.HBF_RESIDUAL,
    c.MCV: f.MCV_RESIDUAL,
    c.HB: 0.03,
    c.ANC: f.NEUTROPHILS_RESIDUAL,
    c.WBC: 0.1,
    c.PLATELETS: 0.12,
    c.RETICULOCYTES: 0.2,
    c.LDH: 0.15,
    c.BILIRUBIN: 0.2,
    c.CREATININE: 0.12,
    c.WEIGHT: 0.01,
}
"""SD of ln(result) from one visit to the next; HbF and MCV: Paule 2011, the rest our choice."""


@dataclass(frozen=True)
class Result:
    """One result as it is reported: ``day`` since the first visit (fractions are times of day),
    ``value`` rounded, in the centre's UCUM ``unit``.
    """

    day: float
    loinc: str
    value: float
    unit: str


@dataclass(frozen=True)
class Patient:
    """One patient's records; ``traits`` and ``course`` are the truth, which no file of a centre
    holds.
    """

    record_id: str
    traits: Traits
    course: Course
    results: tuple[Result, ...]

    @property
    def doses(self) -> list[Dose]:
        return self.course.doses


def patients_of(centre: Centre, seed: int, count: int | None = None) -> Iterator[Patient]:
    """A centre's patients, one after another; ``count`` instead of the centre's own number."""
    place = [one.name for one in CENTRES].index(centre.name)
    for number in range(1, (centre.patients if count is None else count) + 1):
        key = np.random.SeedSequence([seed, place, number])
        yield _patient(centre, place + 1, number, np.random.Generator(np.random.PCG64(key)))


def _patient(centre: Centre, place: int, number: int, generator: np.random.Generator) -> Patient:
    traits = draw(centre, generator)
    visits = _visits(centre, traits, generator)
    course = follow(traits, centre.dosing, visits, generator)
    results = _results(centre, traits, course, visits, generator)
    if traits.has_wearable:
        results += _vitals(centre, traits, course, generator)
    results.sort(key=lambda one: (one.day, one.loinc))
    return Patient(f"scd-{place}-{number:03d}", traits, course, tuple(results))


def _visits(centre: Centre, traits: Traits, generator: np.random.Generator) -> NDArray[np.float64]:
    """Days of visits: early and later intervals with jitter, some missed, never the first."""
    early, late = centre.visit_days
    days, day = [0.0], 0.0
    while True:
        planned = early if day < f.DAYS_A_YEAR / 2 else late
        day += max(7.0, round(planned * math.exp(0.2 * generator.standard_normal())))
        if day > traits.days:
            return np.array(days)
        if generator.random() >= centre.missed:
            days.append(day)


def _results(
    centre: Centre,
    traits: Traits,
    course: Course,
    visits: NDArray[np.float64],
    generator: np.random.Generator,
) -> list[Result]:
    level = generator.standard_normal(4)
    found = []
    for visit in visits:
        truth = _truth(traits, course, int(visit), level)
        for loinc, share in centre.measured.items():
            noise, drawn, pain = (
                generator.standard_normal(),
                generator.random(),
                generator.gamma(1.5, 1 / 1.5),
            )
            if drawn >= share:
                continue
            if loinc == c.PAIN:
                ill = any(0 <= visit - crisis < CRISIS_DAYS for crisis in course.crises)
                value = min(10.0, round(truth[c.PAIN] * pain + (5 if ill else 0)))
            else:
                value = truth[loinc] * centre.bias.get(loinc, 1.0) * math.exp(_NOISE[loinc] * noise)
            found.append(_reported(centre, visit, loinc, value))
    return found


def _truth(
    traits: Traits, course: Course, day: int, level: NDArray[np.float64]
) -> dict[str, float]:
    """What is so on a day, in canonical units; links and levels beyond the twin's five results are
    our choice.
    """
    gained = course.gained[day]
    neutrophils = course.neutrophils[day]
    age = traits.age + day / f.DAYS_A_YEAR
    rate = traits.crises * math.exp(-f.CRISES_LOSS * gained)
    return {
        c.HBF: course.hbf[day],
        c.MCV: course.mcv[day],
        c.HB: course.haemoglobin[day],
        c.ANC: neutrophils,
        c.WBC: neutrophils + 5.0 * math.exp(0.2 * level[0]),
        c.PLATELETS: 420.0 * math.exp(0.25 * level[1]) * (neutrophils / traits.neutrophils) ** 0.35,
        c.RETICULOCYTES: 11.0 * math.exp(0.3 * level[2] - 0.05 * gained),
        c.LDH: 460.0 * math.exp(0.3 * level[3] - 0.03 * gained),
        c.BILIRUBIN: 2.8 * math.exp(0.3 * level[2] - 0.03 * gained),
        c.CREATININE: 0.3 + 0.35 * min(1.0, age / 18.0),
        c.WEIGHT: traits.weight(day),
        c.PAIN: f.PAIN_AT_TYPICAL_RATE / f.CRISES * rate,
    }


def _vitals(
    centre: Centre, traits: Traits, course: Course, generator: np.random.Generator
) -> list[Result]:
    """Heart rate and oxygen from a wearable, with hours off the wrist; all our choice."""
    start = int(generator.integers(0, max(1, traits.days - WEARABLE_DAYS)))
    rest = 75.0 + 35.0 * math.exp(-traits.age / 6) + 6.0 * generator.standard_normal()
    oxygen = 96.0 + 1.2 * generator.standard_normal()
    found = []
    for hour in range(0, 24 * WEARABLE_DAYS, WEARABLE_HOURS):
        beat, breath, worn = (
            generator.standard_normal(),
            generator.standard_normal(),
            generator.random() < 0.85,
        )
        day = start + hour / 24
        if not worn or day > traits.days:
            continue
        ill = any(0 <= day - crisis < CRISIS_DAYS for crisis in course.crises)
        rhythm = -8.0 * math.cos(2 * math.pi * (hour % 24 - 3) / 24)
        found.append(
            _reported(centre, day, c.HEART_RATE, max(35.0, rest + rhythm + 5 * beat + 15 * ill))
        )
        found.append(
            _reported(centre, day, c.OXYGEN, min(100.0, oxygen + 1.0 * breath - 2.5 * ill))
        )
    return found


def _reported(centre: Centre, day: float, loinc: str, value: float) -> Result:
    """In the centre's unit, rounded as its laboratory does, inside the table's hard limits."""
    unit, decimals = centre.units[loinc]
    code = CODES[loinc]
    kept = min(max(float(value), code.low), code.high)
    return Result(
        float(day), loinc, round(convert_from_canonical(code, kept, unit), decimals), unit
    )
