"""What of a patient's record learning uses, and the shapes that records are computed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from federation.app.learning.deterministic import deterministic
from twin.closed_form import SeenRows
from twin.protocol import TwinModel
from twin.series import PatientBatch, PatientSeries, empty_series, stack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LONGEST: Final = 4096
"""Observations a record may hold; a longer one gives a zero row, so that one record cannot exhaust
memory and stop a round.
"""

LARGEST: Final = 1e6
"""Largest magnitude of an observation on the model's scaled log scale, and of a time in years, that
is believed.
"""

LEAST_WEIGHT: Final = 1e-9
"""What a mean of squared errors is divided by at least: over no rows it is 0."""

STACKED: Final = 4096
"""Patients whose rows are filled up to one width at a time."""


def by_width(
    patients: Sequence[PatientSeries | None], least: int
) -> Iterator[tuple[IntArray, PatientBatch]]:
    """All patients in batches of one width each, ``least`` or more, and their places: each patient
    once.

    A patient who is None, or whose record is longer than LONGEST, has no observation.
    """
    series = [
        one if one is not None and len(one) <= LONGEST else empty_series() for one in patients
    ]
    widths = np.array([width_of(len(one), least) for one in series], dtype=np.int64)
    for width in sorted(set(widths.tolist())):
        members = np.flatnonzero(widths == width)
        for start in range(0, len(members), STACKED):
            some = members[start : start + STACKED]
            yield some, stack([series[i] for i in some], width)


class Usable(NamedTuple):
    """A batch's rows, [patients, width]: ``times`` and ``scaled`` are 0 where ``seen`` is False."""

    times: FloatArray
    channel: IntArray
    scaled: FloatArray
    seen: BoolArray


def usable(model: TwinModel, batch: PatientBatch) -> Usable:
    """The rows that are believed; a patient with a number that is not has none at all."""
    known = (batch.channel >= 0) & (batch.channel < len(model.channels))
    channel = np.where(known, batch.channel, 0)
    scaled = model.scaled(torch.tensor(channel), torch.tensor(batch.value)).numpy()
    believed = known & (np.abs(scaled) <= LARGEST) & (np.abs(batch.times) <= LARGEST)
    seen = batch.observed & (believed | ~batch.observed).all(axis=1, keepdims=True)
    return Usable(np.where(seen, batch.times, 0.0), channel, np.where(seen, scaled, 0.0), seen)


def seen_rows(model: TwinModel, batch: PatientBatch) -> SeenRows:
    """The usable rows alone, one patient below the other."""
    with deterministic():
        found = usable(model, batch)
    at = patient, _ = np.nonzero(found.seen)
    return SeenRows(
        len(batch), patient, found.times[at], found.channel[at], found.scaled[at], batch.visit[at]
    )


def width_of(observations: int, least: int) -> int:
    """The padded width of so many rows: a power of two, or ``least`` when that is more."""
    return max(least, 1 << max(observations - 1, 0).bit_length())
