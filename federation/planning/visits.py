"""When synthetic patients come, and what they are given, by what their model is about. Our choice,
after what trials and clinics usually do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twin.protocol import TwinModel
from twin.series import PatientSeries, empty_series
from twin.sickle_cell.channels import DOSE, WEIGHT
from twin.sickle_cell.model import SickleCellModel

FloatArray = NDArray[np.float64]
Habits = Callable[[np.random.Generator], tuple[FloatArray, PatientSeries]]
"""One patient's visits (years from the first, at 0), and the rows of inputs that they are given.
"""

_WEEK: Final = 7 / 365.25


def habits_of(model: TwinModel) -> Habits:
    """Visits for patients of a model.

    Raises:
        ValueError: the model is given something, such as doses, that nobody has habits for.
    """
    if isinstance(model, SickleCellModel):
        return on_hydroxyurea
    if getattr(model, "inputs", None):
        raise ValueError(f"model {model.name} has inputs, and synthetic patients of it have none")
    return yearly


def yearly(generator: np.random.Generator) -> tuple[FloatArray, PatientSeries]:
    """The usual schedule of a trial in a slow disease: 0, 6 and 12 months, then yearly, each with
    jitter, up to 5 to 14 years, with a drop-out of 10 % a visit. Nothing is given.
    """
    planned = np.array([0.0, 0.5] + [float(year) for year in range(1, 15)])
    visits = planned + np.concatenate([[0.0], generator.uniform(-0.1, 0.1, len(planned) - 1)])
    stop = np.argmax(np.append(generator.random(len(visits) - 1) < 0.1, True)) + 1
    visits = visits[:stop]
    return visits[visits <= generator.uniform(5.0, 14.0)], empty_series()


def on_hydroxyurea(generator: np.random.Generator) -> tuple[FloatArray, PatientSeries]:
    """A sickle-cell clinic: visits every 12 weeks, with jitter, for 6 months to 4 years; a drop-out
    of 3 % a visit.

    Hydroxyurea from the first visit at 15 mg/kg/d (every third patient: for long at the dose they
    end with), raised by 5 mg/kg/d at every visit to the patient's own 20 to 30; 4 % of visits pause
    it until the next. The weight is the patient's own (log-normal about 45 kg, SD 0.4).
    """
    every, years = 12 * _WEEK, generator.uniform(0.5, 4.0)
    planned = np.arange(0.0, years, every)
    visits = planned + np.append(0.0, generator.uniform(-0.2, 0.2, len(planned) - 1)) * every
    gone = np.append(generator.random(len(visits) - 1) < 0.03, True)
    visits = visits[: int(np.argmax(gone)) + 1]
    weight = float(np.clip(np.exp(generator.normal(np.log(45.0), 0.4)), 12.0, 120.0))
    most, long_treated = generator.uniform(20.0, 30.0), generator.random() < 1 / 3
    paused = generator.random(len(visits)) < 0.04
    doses, a_kg = [], most if long_treated else 15.0
    for pause in paused:
        doses.append(0.0 if pause else 50.0 * round(a_kg * weight / 50.0))
        a_kg = a_kg if pause else min(most, a_kg + 5.0)
    times = np.append(visits[:1], visits)
    channel = np.append(WEIGHT, np.full(len(visits), DOSE)).astype(np.int64)
    return visits, PatientSeries(times, channel, np.append(weight, doses))
