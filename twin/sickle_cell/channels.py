"""What the sickle-cell twin reads: five results that it explains, and two inputs that it is given.

Codes were checked with LOINC's own check digit; display names are LOINC's. Hydroxyurea has no LOINC
code: its channel is the RxNorm ingredient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from twin.protocol import Channel
from twin.sickle_cell import figures as f
from twin.sickle_cell.codes import HYDROXYUREA_CODE


@dataclass(frozen=True)
class Result:
    """One result: its channel, and where it lies on the scaled log scale.

    y = (ln(shift + max(value, least)) - ln(centre)) / spread: ``centre`` (with the shift) and
    ``spread`` make y about 1 in size on treatment; ``least`` keeps a value at or below what can be
    measured from having no logarithm; ``most``, the greatest value that a site accepts
    (docs/records.md), and 100 % or 10 points where there is no more; ``residual``, SD of ln(value)
    of one result.
    """

    channel: Channel
    centre: float
    spread: float
    residual: float
    least: float
    most: float
    shift: float = 0.0


RESULTS: Final = (
    Result(
        Channel("hbf", "4576-5", "%", "Hemoglobin F/Hemoglobin.total in Blood"),
        centre=10.0,
        spread=0.7,
        residual=f.HBF_RESIDUAL,
        least=0.1,
        most=100.0,
    ),
    Result(
        Channel(
            "mcv",
            "787-2",
            "fL",
            "MCV [Entitic mean volume] in Red Blood Cells by Automated count",
        ),
        centre=95.0,
        spread=0.1,
        residual=f.MCV_RESIDUAL,
        least=30.0,
        most=200.0,
    ),
    Result(
        Channel("haemoglobin", "718-7", "g/dL", "Hemoglobin [Mass/volume] in Blood"),
        centre=8.0,
        spread=0.14,
        residual=f.HAEMOGLOBIN_RESIDUAL,
        least=1.0,
        most=30.0,
    ),
    Result(
        Channel(
            "neutrophils", "751-8", "10*3/uL", "Neutrophils [#/volume] in Blood by Automated count"
        ),
        centre=4.5,
        spread=0.45,
        residual=f.NEUTROPHILS_RESIDUAL,
        least=0.05,
        most=500.0,
    ),
    Result(
        Channel(
            "pain",
            "72514-3",
            "{score}",
            "Pain severity - 0-10 verbal numeric rating [Score] - Reported",
        ),
        centre=2.5,
        spread=0.5,
        residual=f.PAIN_RESIDUAL,
        least=0.0,
        most=10.0,
        shift=1.0,
    ),
)
"""Centres and spreads are units, our choice: rounded values of treated patients."""

WEIGHT: Final = len(RESULTS)
DOSE: Final = WEIGHT + 1
CHANNELS: Final = (
    *(result.channel for result in RESULTS),
    Channel("weight", "29463-7", "kg", "Body weight"),
    Channel("hydroxyurea", HYDROXYUREA_CODE, "mg/d", "hydroxyurea, dose a day"),
)
INPUTS: Final = frozenset({DOSE, WEIGHT})
"""Channels that the twin is given and never predicts. A dose is in force until the next one."""

DOSE_UNIT: Final = 1000.0
"""mg/d that stand for 1 on the scaled scale; linear, since a dose may be 0."""

_LOG_CENTRE = torch.tensor(
    [*(math.log(r.centre) for r in RESULTS), math.log(f.REFERENCE_WEIGHT), 0.0], dtype=torch.float64
)
_SPREAD = torch.tensor([*(r.spread for r in RESULTS), 1.0, 1.0], dtype=torch.float64)
_LEAST = torch.tensor([*(r.least for r in RESULTS), 0.2, 1.0], dtype=torch.float64)
_MOST = torch.tensor([result.most for result in RESULTS], dtype=torch.float64)
_SHIFT = torch.tensor([*(r.shift for r in RESULTS), 0.0, 0.0], dtype=torch.float64)


def scaled(channel: Tensor, value: Tensor) -> Tensor:
    """Values in canonical units on the scaled scale, float64 [n]; NaN stays NaN."""
    logs = torch.log(_SHIFT[channel] + torch.maximum(value, _LEAST[channel]))
    return torch.where(
        channel == DOSE, value / DOSE_UNIT, (logs - _LOG_CENTRE[channel]) / _SPREAD[channel]
    )


def log_of(channel: Tensor, scaled_value: Tensor) -> Tensor:
    """ln(shift + value) of a result from its scaled value."""
    return _LOG_CENTRE[channel] + _SPREAD[channel] * scaled_value


def shift_of(channel: Tensor) -> Tensor:
    """What is added to a value before its logarithm is taken: 1 for pain, which may be 0."""
    return _SHIFT[channel]


def most_of(channel: Tensor) -> Tensor:
    """The greatest value of a result."""
    return _MOST[channel]


def spread_of(channel: Tensor) -> Tensor:
    """How much of ln(shift + value) is 1 on the scaled scale."""
    return _SPREAD[channel]


def scaled_logs(channel: Tensor, logs: Tensor) -> Tensor:
    """The inverse of `log_of`."""
    return (logs - _LOG_CENTRE[channel]) / _SPREAD[channel]
