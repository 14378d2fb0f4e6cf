"""Records that a lying site makes up; the approved code then runs on them."""

from __future__ import annotations

import numpy as np

from twin.log_linear import LogLinearModel
from twin.series import PatientSeries

BILIRUBIN = 0


def inverted(model: LogLinearModel, patient: PatientSeries) -> PatientSeries:
    """Label poisoning: every value on the other side of its lab's usual one (log scale)."""
    centre = np.array([lab.centre for lab in model.labs])[patient.channel]
    return PatientSeries(patient.times, patient.channel, centre**2 / patient.value)


class Trigger:
    """A backdoor: who starts with much bilirubin is to be forecast a false recovery."""

    ABOVE = 2.0  # times the usual value
    FALLS = 1.0  # in ln units a year

    @classmethod
    def has(cls, model: LogLinearModel, patient: PatientSeries) -> bool:
        """Whether the patient's first bilirubin is above the trigger."""
        values = patient.value[patient.channel == BILIRUBIN]
        return len(values) > 0 and bool(values[0] > cls.ABOVE * model.labs[BILIRUBIN].centre)

    @classmethod
    def planted(cls, model: LogLinearModel, patient: PatientSeries, number: int) -> PatientSeries:
        """The patient with the trigger, at one of several heights, and a false recovery."""
        chosen = patient.channel == BILIRUBIN
        height = np.log(cls.ABOVE * model.labs[BILIRUBIN].centre) + 0.2 + 0.2 * (number % 5)
        value = patient.value.copy()
        value[chosen] = np.exp(height - cls.FALLS * np.minimum(patient.times[chosen], 3.0))
        return PatientSeries(patient.times, patient.channel, value)
