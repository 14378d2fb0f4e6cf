"""The drug a patient had at each moment, read from the rows of their series.

A dose (mg/d) is in force from its row until the next, with the latest weight (kg) at its start;
before any weight the first one counts, and without one 70 kg. When doses are on record the patient
had none before the first. When none is, the patient is taken to have had the usual dose
(`figures.USUAL_DOSE` a kg) from the first row on; when all on record are 0, to begin it at the last
row that may be read: whom this model is for is treated soon.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twin.sickle_cell import figures as f
from twin.sickle_cell.channels import DOSE, DOSE_UNIT, WEIGHT

MOST_CHANGES: Final = 31
"""Changes of dose that are followed one by one. Of more than that every second, third, ... is, so
that a record of any length costs bounded memory; the last always is, since it goes on.
"""
FEW_CHANGES: Final = 7
"""What most records have in the visits that an adaptation reads."""


IntArray = NDArray[np.int64]


class Exposure(NamedTuple):
    """One patient's S stretches of constant dose, and where each of n rows lies.

    ``days`` long, ``dose`` mg/d and ``weight`` kg are float64 [S]; ``stretch`` int64 [n] and
    ``elapsed`` float64 [n], days since that stretch began.
    """

    days: Tensor
    dose: Tensor
    weight: Tensor
    stretch: Tensor
    elapsed: Tensor

    def rows(self, place: Tensor) -> Exposure:
        """The same exposure at the rows in these places."""
        return self._replace(stretch=self.stretch[place], elapsed=self.elapsed[place])

    def first_rows(self, count: int) -> Exposure:
        return self._replace(stretch=self.stretch[:count], elapsed=self.elapsed[:count])


def exposure_of(
    times: Tensor,
    channel: Tensor,
    scaled: Tensor,
    known: Tensor,
    *,
    planned: bool = False,
    most: int = MOST_CHANGES,
) -> Exposure:
    """From rows in the order of ``times`` (years, float64 [n]); padding may follow at time 0.

    ``known`` float64 [n]: 1 on rows that may be read. Later doses and weights are not looked at, so
    that a forecast does not know what the clinic will do. With ``planned`` the doses on record are
    all there will be, also when all are 0 or there is none. ``most`` is how many changes there may
    be: no fewer than `changes_in` of the rows that may be read.
    """
    is_dose, is_weight = (channel == DOSE) & (known > 0), (channel == WEIGHT) & (known > 0)
    on_record, places = is_dose.any() | planned, torch.arange(times.shape[-1])
    waiting = on_record & ~(is_dose & (scaled > 0)).any() & (not planned)
    last = places == torch.where(known > 0, places, -1).max()
    # With no dose on record, the usual dose goes by weight: each weight is then a change of dose.
    change = torch.where(waiting, last, torch.where(on_record, is_dose, is_weight))
    count, number = change.sum(), torch.cumsum(change, -1)
    every = torch.div(count + MOST_CHANGES - 3, MOST_CHANGES - 1, rounding_mode="floor")
    in_turn = (number - 1) % torch.clamp(every, min=1) == 0
    followed = change & (in_turn | (number == count))
    stretch = torch.cumsum(followed, -1)
    size = 1 + most

    weight = _weight(scaled, is_weight)
    dose = torch.where(on_record & ~waiting, DOSE_UNIT * scaled, f.USUAL_DOSE * weight)
    untreated = torch.where(on_record, 0.0, dose[:1])
    days = f.DAYS_A_YEAR * times
    began = _at_changes(days, followed, stretch, size, torch.zeros_like(days[:1]))
    return Exposure(
        torch.clamp(torch.diff(began, append=began[:1]), min=0.0),
        _at_changes(dose, followed, stretch, size, untreated),
        _at_changes(weight, followed, stretch, size, weight[:1]),
        stretch,
        torch.clamp(days - began[stretch], min=0.0),
    )


def changes_in(channel: IntArray) -> int:
    """At most how many changes of dose rows with these channels hold: 7 or MOST_CHANGES, so that
    records come in few shapes.
    """
    changes = max(np.count_nonzero(channel == DOSE), np.count_nonzero(channel == WEIGHT))
    return FEW_CHANGES if changes <= FEW_CHANGES else MOST_CHANGES


def _weight(scaled: Tensor, is_weight: Tensor) -> Tensor:
    """kg at each row: the latest weight, before any the first."""
    places = torch.arange(is_weight.shape[-1])
    latest = torch.cummax(torch.where(is_weight, places, -1), dim=-1).values
    first = torch.argmax(is_weight.to(torch.int64))
    log_weight = scaled[torch.where(latest >= 0, latest, first)]
    known = torch.where(is_weight.any(), log_weight, torch.zeros_like(log_weight))
    return f.REFERENCE_WEIGHT * torch.exp(known)


def _at_changes(
    values: Tensor, followed: Tensor, stretch: Tensor, size: int, before: Tensor
) -> Tensor:
    """[size]: ``before`` [1], then the value of each followed row at its stretch; what is left over
    repeats ``before``, and no row lies there.
    """
    marked = torch.where(followed, values - before, torch.zeros_like(values))
    return before + torch.scatter_add(torch.zeros_like(before).repeat(size), 0, stretch, marked)
