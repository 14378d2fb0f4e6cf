"""What each row is expected to be, and its derivative in every parameter, by hand.

The same course as `physiology.expected_logs`, whose derivative a test holds this against. Forward
differentiation (`torch.func.jacfwd`) would take all 11 parameters through every operation; but each
of the three courses follows at most four of them, and what a result adds to its course is linear or
nearly so. The derivative is compressed as Curtis, Powell and Reid do (IMA J Appl Math
1974;13:117-119): parameters that no row shares have one column, a slot, in common.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from twin.sickle_cell import figures as f
from twin.sickle_cell import physiology
from twin.sickle_cell.exposure import Exposure
from twin.sickle_cell.neutrophils import APPROACH_RATE, LARGEST_EFFECT, log_steady_share
from twin.sickle_cell.pharmacokinetics import average_concentration
from twin.sickle_cell.physiology import HBF, PARAMETERS, STATE_OF
from twin.sickle_cell.turnover import chained, starts

COURSE_SLOTS: Final = 4
"""Slots that a course's derivative is written in; two more hold what a result adds to it."""

_COLUMNS: Final = (
    # Each result's parameters, slot by slot; None where the result follows fewer.
    ("clearance", "hbf.production", "hbf.elimination", "hbf.inhibition", None, None),
    ("clearance", "mcv.baseline", "mcv.effect", None, None, None),
    (
        "clearance",
        "hbf.production",
        "hbf.elimination",
        "hbf.inhibition",
        "haemoglobin.baseline",
        "haemoglobin.gain",
    ),
    ("clearance", "neutrophils.effect", None, None, "neutrophils.baseline", None),
    ("clearance", "hbf.production", "hbf.elimination", "hbf.inhibition", "crises.rate", None),
)

_MCV_KOUT_BY_EFFECT: Final = f.MCV_KOUT_EFFECT_CORRELATION * f.MCV_KOUT_SD


class Rows(NamedTuple):
    """Where n rows lie, which no parameter changes: ``at`` [n, 3 S], 1 in the column of the row's
    course and stretch; ``elapsed`` [n], days since that stretch began; ``result`` [n, 4], 1 in the
    columns of: a logarithm of its course, haemoglobin, neutrophils, pain; ``follows`` [n, 11], 1
    where the row's result follows the parameter. All float64.
    """

    at: Tensor
    elapsed: Tensor
    result: Tensor
    follows: Tensor


def rows_at(exposure: Exposure, result: Tensor) -> Rows:
    """The rows of an exposure; ``result`` int64 [n], place in `channels.RESULTS`."""
    stretches = exposure.days.shape[-1]
    place = torch.tensor(STATE_OF)[result] * stretches + exposure.stretch
    at = (place.unsqueeze(-1) == torch.arange(3 * stretches)).to(torch.float64)
    kind = (torch.clamp(result - 1, min=0).unsqueeze(-1) == torch.arange(4)).to(torch.float64)
    return Rows(at, exposure.elapsed, kind, _FOLLOWS[result])


def linearised(z: Tensor, exposure: Exposure, rows: Rows) -> tuple[Tensor, Tensor]:
    """`physiology.expected_logs` of the rows, float64 [n], and its derivative at z, [n, 11]."""
    rate, level, first, by_rate, by_level, by_first = _courses(z, exposure)
    start = starts(rate, level, exposure.days, first)
    decay = torch.exp(-rate * exposure.days)
    driven = by_level * (1 - decay) - (start - level) * decay * exposure.days * by_rate
    by_start = chained(decay, driven, by_first)

    tables = torch.cat([torch.stack([rate, level, start]), by_rate, by_level, by_start])
    # One split, whose way back is one concatenation: every slice's would fill a tensor of its own.
    parts = torch.split(rows.at @ tables.flatten(1).T, [1] * 3 + [COURSE_SLOTS] * 3, dim=-1)
    rate, level, start = (one.squeeze(-1) for one in parts[:3])
    by_rate, by_level, by_start = parts[3:]
    left = torch.exp(-rate * rows.elapsed)
    gap = (start - level) * left
    x = level + gap
    by_x = (
        by_level
        + (by_start - by_level) * left.unsqueeze(-1)
        - by_rate * (gap * rows.elapsed).unsqueeze(-1)
    )
    return _results(z, x, by_x, first[HBF], by_first[:, HBF], rows)


def _courses(z: Tensor, exposure: Exposure) -> tuple[Tensor, ...]:
    """``rate`` and ``level`` [3, S] and ``first`` [3] of `physiology.Turnover`, then the derivative
    of each by slot, [4, 3, S] and [4, 3].
    """
    average = average_concentration(
        physiology.clearance(z, exposure.weight), exposure.dose
    )  # its logarithm falls by CLEARANCE_SD a unit of z[0]
    none = torch.zeros_like(average)
    nothing = torch.zeros_like(z[0])

    kin = f.HBF_KIN * torch.exp(f.HBF_KIN_SD * z[1])
    kout = f.HBF_KOUT * torch.exp(f.HBF_KOUT_SD * z[2])
    inhibition = torch.sigmoid(f.HBF_LOGIT_IMAX + f.HBF_LOGIT_IMAX_SD * z[3])
    reached = average / (average + f.HBF_HALF_EFFECT)
    survival = physiology.hbf_survival(z, average)
    free = inhibition * (survival > physiology.SMALLEST_SURVIVAL) * reached / survival
    by_clearance = f.CLEARANCE_SD * free * (1 - reached)  # of ln(survival)
    by_inhibition = -f.HBF_LOGIT_IMAX_SD * free * (1 - inhibition)
    hbf_rate, hbf_first = kout * survival, kin / kout
    hbf_level = kin / hbf_rate
    hbf = (
        (hbf_rate * by_clearance, none, f.HBF_KOUT_SD * hbf_rate, hbf_rate * by_inhibition),
        (
            -hbf_level * by_clearance,
            f.HBF_KIN_SD * hbf_level,
            -f.HBF_KOUT_SD * hbf_level,
            -hbf_level * by_inhibition,
        ),
        (nothing, f.HBF_KIN_SD * hbf_first, -f.HBF_KOUT_SD * hbf_first, nothing),
    )

    mcv_first = f.MCV_KIN / f.MCV_KOUT * torch.exp(physiology.MCV_BASELINE_SD * z[4])
    effect = physiology.mcv_inhibition(z, average)
    odds = effect * (effect < physiology.LARGEST_MCV_EFFECT) / (1 - effect)
    mcv_rate = f.MCV_KOUT * torch.exp(_MCV_KOUT_BY_EFFECT * z[5]) * (1 - effect)
    mcv_level = mcv_first / (1 - effect)
    by_clearance = f.MCV_EXPONENT * f.CLEARANCE_SD * odds  # of ln(1 - effect)
    by_effect = -f.MCV_EFFECT_SD * odds
    mcv = (
        (mcv_rate * by_clearance, none, mcv_rate * (_MCV_KOUT_BY_EFFECT + by_effect), none),
        (
            -mcv_level * by_clearance,
            physiology.MCV_BASELINE_SD * mcv_level,
            -mcv_level * by_effect,
            none,
        ),
        (nothing, physiology.MCV_BASELINE_SD * mcv_first, nothing, nothing),
    )

    marrow = physiology.marrow_effect(z, average)
    share = log_steady_share(marrow)
    odds = marrow * (marrow < LARGEST_EFFECT) / (1 - torch.clamp(marrow, max=LARGEST_EFFECT))
    falls = odds / f.FEEDBACK
    neutrophils = (
        (none, none, none, none),
        (f.CLEARANCE_SD * falls, -f.MARROW_EFFECT_SD * falls, none, none),
        (nothing, nothing, nothing, nothing),
    )

    slopes = [
        torch.stack([torch.stack(one) for one in of_all], dim=1)
        for of_all in zip(hbf, mcv, neutrophils, strict=True)
    ]
    return (
        torch.stack([hbf_rate, mcv_rate, torch.full_like(share, APPROACH_RATE)]),
        torch.stack([hbf_level, mcv_level, share]),
        torch.stack([hbf_first, mcv_first, nothing]),
        *slopes,
    )


def _results(
    z: Tensor, x: Tensor, by_x: Tensor, hbf_first: Tensor, by_hbf_first: Tensor, rows: Rows
) -> tuple[Tensor, Tensor]:
    """From each row's course x [n] and its derivative [n, 4] to those of the result."""
    is_log, is_haemoglobin, is_neutrophils, is_pain = rows.result.unbind(-1)
    gains = is_haemoglobin + is_pain
    gained = gains * (x - hbf_first)
    by_x = by_x - gains.unsqueeze(-1) * by_hbf_first
    gain = f.HAEMOGLOBIN_GAIN * torch.exp(f.HAEMOGLOBIN_GAIN_SD * z[7])
    pain = f.PAIN_AT_TYPICAL_RATE / f.CRISES * physiology.crisis_rate(z, gained)
    felt = is_pain * (1 - 1 / (1 + pain))
    positive = torch.where(is_log > 0, x, 1.0)  # ln(share) may be below 0
    logs = (
        torch.log(positive)
        + is_haemoglobin * (math.log(f.HAEMOGLOBIN) + f.HAEMOGLOBIN_SD * z[6] + gain * gained)
        + is_neutrophils * (math.log(f.NEUTROPHILS) + f.NEUTROPHILS_SD * z[8] + x)
        + is_pain * torch.log1p(pain)
    )
    of_course = is_log / positive + is_haemoglobin * gain + is_neutrophils - f.CRISES_LOSS * felt
    baseline = (
        f.HAEMOGLOBIN_SD * is_haemoglobin + f.NEUTROPHILS_SD * is_neutrophils + f.CRISES_SD * felt
    )
    of_gain = f.HAEMOGLOBIN_GAIN_SD * gain * is_haemoglobin * gained
    slots = torch.cat(
        [by_x * of_course.unsqueeze(-1), torch.stack([baseline, of_gain], dim=-1)], dim=-1
    )
    return logs, (slots @ _SPREAD) * rows.follows


def _follows() -> Tensor:
    return torch.tensor(
        [[float(name in columns) for name in PARAMETERS] for columns in _COLUMNS],
        dtype=torch.float64,
    )


def _spread() -> Tensor:
    """[6, 11]: 1 where a parameter is written in a slot."""
    return torch.tensor(
        [
            [float(any(columns[slot] == name for columns in _COLUMNS)) for name in PARAMETERS]
            for slot in range(COURSE_SLOTS + 2)
        ],
        dtype=torch.float64,
    )


_FOLLOWS, _SPREAD = _follows(), _spread()
