"""A model that knows the gradient of its own meta-learning loss."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class SeenRows(NamedTuple):
    """The usable rows of so many ``patients``, one patient below the other and each in order of
    time, [n]: whose each is, ``times`` in years, ``channel``, ``scaled`` values, and the ``visit``
    of that patient, from 0.
    """

    patients: int
    patient: IntArray
    times: FloatArray
    channel: IntArray
    scaled: FloatArray
    visit: IntArray


@runtime_checkable
class ClosedForm(Protocol):
    """What a `TwinModel` may offer beside, so that a meta-gradient needs no differentiation."""

    def loss_gradients(
        self, prior: FloatArray, rows: SeenRows, support_visits: int, counts: range
    ) -> FloatArray:
        """The part of each patient's gradient that comes from these support ``counts``, which are
        of 0 to ``support_visits``: float64 [patients, D].

        The gradient, in the prior vector [D], of the loss of
        `federation.app.learning.meta_gradient`: the mean over every count that leaves a later
        visit. It need not be finite. One patient's bits are the same in any company.
        """
        ...
