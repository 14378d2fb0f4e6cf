"""The course of one synthetic patient, day by day: what the drug does, and what the clinic does.

Neutrophils follow Friberg's equations (fourth-order Runge-Kutta, one step a day), HbF and MCV Paule
2011's turnover with the day's own concentration. The clinic sees noisy counts and changes the dose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.gate.records.datasets.sickle_cell.centres import Dosing
from federation.gate.records.datasets.sickle_cell.traits import Traits
from twin.sickle_cell import figures as f

FloatArray = NDArray[np.float64]
Marrow = tuple[float, float, float, float, float]

ADULT_AGE: Final = 18.0
TOXIC: Final = 1.5
"""Neutrophils, 10*3/uL, below which the drug is paused until the next visit: our choice."""
SOFTENING: Final = 0.1
"""Share of the dose taken off after a pause."""
HBF_LARGEST: Final = 60.0
"""%: a ceiling for synthetic patients."""
HEALTHY_HAEMOGLOBIN: Final = 14.0
"""g/dL: what haemoglobin rises towards with HbF, and not beyond: about a healthy adult's. Our
choice."""

_TRANSIT_RATE: Final = (f.TRANSITS + 1) / f.TRANSIT_DAYS
_YOUNG_HBF: Final = 1.5
_YOUNG_YEARS: Final = 3.0
"""HbF of a newborn's side: production is 1 + 1.5 exp(-age / 3 years) times the adult's. Our
choice."""


@dataclass(frozen=True)
class Dose:
    """A prescription: mg a day from ``day`` on, at this weight (kg); 0 is a pause."""

    day: int
    milligrams: float
    weight: float


@dataclass
class Course:
    """``hbf``, ``mcv``, ``haemoglobin``, ``neutrophils`` and ``gained`` (HbF above the untreated
    patient's of that age, percentage points) float64, one a day from day 0; ``doses`` in order;
    ``crises``, days on which one began.
    """

    hbf: FloatArray
    mcv: FloatArray
    haemoglobin: FloatArray
    neutrophils: FloatArray
    gained: FloatArray
    doses: list[Dose] = field(default_factory=list)
    crises: list[int] = field(default_factory=list)


def concentration(traits: Traits, dose: float, age: float, weight: float) -> float:
    """Average concentration of a day, mg/L, of a daily dose (mg)."""
    share = weight / f.REFERENCE_WEIGHT
    if age >= ADULT_AGE:
        return dose / (f.HOURS_A_DAY * traits.clearance * math.pow(share, f.CLEARANCE_EXPONENT))
    vmax = traits.vmax * math.pow(share, f.CLEARANCE_EXPONENT)
    return dose / vmax * (f.CHILD_KM + dose / (2 * traits.volume * share)) / f.HOURS_A_DAY


def settled_haemoglobin(traits: Traits, gained: float) -> float:
    """g/dL after HbF rose by so many percentage points: its logarithm rises by ``haemoglobin_gain``
    a point at first, and levels off as a logistic curve does.
    """
    untreated = traits.haemoglobin
    if untreated >= HEALTHY_HAEMOGLOBIN:
        return untreated
    pace = traits.haemoglobin_gain / (1 - untreated / HEALTHY_HAEMOGLOBIN)
    left = (HEALTHY_HAEMOGLOBIN / untreated - 1) * math.exp(-pace * gained)
    return HEALTHY_HAEMOGLOBIN / (1 + left)


def marrow_day(state: Marrow, effect: float, baseline: float) -> Marrow:
    """Friberg's five compartments [proliferating, three transits, blood] a day later."""
    one = _change(state, effect, baseline)
    two = _change(_moved(state, one, 0.5), effect, baseline)
    three = _change(_moved(state, two, 0.5), effect, baseline)
    four = _change(_moved(state, three, 1.0), effect, baseline)
    slopes = zip(state, one, two, three, four, strict=True)
    p, a, b, c, n = (max(x + (k + 2 * m + 2 * u + v) / 6, 1e-3) for x, k, m, u, v in slopes)
    return p, a, b, c, n


def _change(state: Marrow, effect: float, baseline: float) -> Marrow:
    """Each compartment's slope a day. Plain floats: five of them are slow as an array."""
    p, a, b, c, n = state
    growth = p * ((1 - effect) * math.pow(baseline / n, f.FEEDBACK) - 1)
    k = _TRANSIT_RATE
    return k * growth, k * (p - a), k * (a - b), k * (b - c), k * (c - n)


def _moved(state: Marrow, slope: Marrow, days: float) -> Marrow:
    p, a, b, c, n = (x + days * dx for x, dx in zip(state, slope, strict=True))
    return p, a, b, c, n


def follow(
    traits: Traits, dosing: Dosing, visits: FloatArray, generator: np.random.Generator
) -> Course:
    """The course from day 0 to the patient's last; ``visits`` are whole days, in order."""
    first = min(0, traits.first_dose)
    length = traits.days - first + 1
    taken = np.clip(traits.adherence + 0.15 * generator.standard_normal(length // 30 + 2), 0.0, 1.0)
    drift = generator.standard_normal(length)
    luck = generator.random((length, 2))
    clinic_noise = np.exp(f.NEUTROPHILS_RESIDUAL * generator.standard_normal(length))
    seen = {int(day) for day in visits}

    hbf = traits.hbf_baseline * _youth(traits.age + first / f.DAYS_A_YEAR)
    mcv = traits.mcv_kin / traits.mcv_kout
    marrow: Marrow = (traits.neutrophils,) * 5
    wander, transfused = 0.0, 0.0
    dose, per_kg, paused, changed = 0.0, 0.0, False, first
    hbf_days, mcv_days, haemoglobin, neutrophils, gains = np.zeros((5, traits.days + 1))
    found = Course(hbf_days, mcv_days, haemoglobin, neutrophils, gains)
    for place, day in enumerate(range(first, traits.days + 1)):
        age, weight = traits.age + day / f.DAYS_A_YEAR, traits.weight(day)
        if day == traits.first_dose:
            per_kg, changed = dosing.start, day
            dose = _portioned(per_kg * weight, dosing)
            found.doses.append(Dose(day, dose, weight))
        elif day in seen and day > traits.first_dose:
            count = marrow[4] * clinic_noise[place]
            if count < TOXIC and not paused:
                paused, per_kg, dose = True, per_kg * (1 - SOFTENING), 0.0
            elif paused and count >= TOXIC:
                paused, dose, changed = False, _portioned(per_kg * weight, dosing), day
            elif not paused:
                due = day - changed >= 7 * dosing.weeks
                if due and count > dosing.target and per_kg < dosing.ceiling:
                    per_kg, changed = min(per_kg + dosing.step, dosing.ceiling), day
                dose = _portioned(per_kg * weight, dosing)
            if dose != found.doses[-1].milligrams:
                found.doses.append(Dose(day, dose, weight))
        average = concentration(traits, dose * taken[place // 30], age, weight)
        gained = hbf - traits.hbf_baseline * _youth(age)
        if day >= 0:
            usual = settled_haemoglobin(traits, gained) * math.exp(wander)
            found.hbf[day] = hbf * (1 - 0.3 * transfused)
            found.mcv[day] = mcv + (86.0 - mcv) * 0.3 * transfused
            found.haemoglobin[day] = usual + 1.5 * transfused
            found.neutrophils[day] = marrow[4]
            found.gained[day] = gained
            rate = traits.crises * math.exp(-f.CRISES_LOSS * gained) / f.DAYS_A_YEAR
            if luck[place, 0] < rate:
                found.crises.append(day)
                if luck[place, 1] < 0.15:  # one crisis in seven ends in a transfusion: our choice
                    transfused = 1.0
        effect = traits.hbf_imax * average / (average + f.HBF_HALF_EFFECT)
        hbf = _turnover(
            hbf, traits.hbf_kin * _youth(age), traits.hbf_kout * (1 - effect), HBF_LARGEST
        )
        inhibition = min(0.9, traits.mcv_effect * math.pow(average, f.MCV_EXPONENT))
        mcv = _turnover(mcv, traits.mcv_kin, traits.mcv_kout * (1 - inhibition), 140.0)
        marrow = marrow_day(marrow, min(0.6, traits.marrow_effect * average), traits.neutrophils)
        wander = 0.98 * wander + 0.01 * drift[place]  # SD 0.05, forgotten in two months
        transfused *= 0.975  # gone with the cells given: half in four weeks
    return found


def _turnover(now: float, production: float, rate: float, largest: float) -> float:
    level = production / max(rate, 1e-9)
    return min(level + (now - level) * math.exp(-rate), largest)


def _youth(age: float) -> float:
    return 1 + _YOUNG_HBF * math.exp(-max(age, 0.0) / _YOUNG_YEARS)


def _portioned(milligrams: float, dosing: Dosing) -> float:
    return max(dosing.portion, dosing.portion * round(milligrams / dosing.portion))
