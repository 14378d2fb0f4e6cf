"""From one patient's parameters and exposure to what their blood and their pain do.

Every parameter is a number of published standard deviations from the published typical patient, so
that all are about 1 in size. Sources: `twin.sickle_cell.figures`.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from twin.sickle_cell import figures as f
from twin.sickle_cell.exposure import Exposure
from twin.sickle_cell.neutrophils import APPROACH_RATE, log_steady_share
from twin.sickle_cell.pharmacokinetics import average_concentration
from twin.sickle_cell.turnover import starts, within

PARAMETERS: Final = (
    "clearance",
    "hbf.production",
    "hbf.elimination",
    "hbf.inhibition",
    "mcv.baseline",
    "mcv.effect",
    "haemoglobin.baseline",
    "haemoglobin.gain",
    "neutrophils.baseline",
    "neutrophils.effect",
    "crises.rate",
)

# Paule 2011 correlates MCV's three parameters so closely (0.87, -0.98, -0.95) that two hold all:
# the baseline kin/kout and the effect b; kout follows b by regression.
MCV_BASELINE_SD: Final = math.sqrt(
    f.MCV_KIN_SD**2
    + f.MCV_KOUT_SD**2
    - 2 * f.MCV_KIN_KOUT_CORRELATION * f.MCV_KIN_SD * f.MCV_KOUT_SD
)
MCV_BASELINE_EFFECT_CORRELATION: Final = (
    f.MCV_KIN_EFFECT_CORRELATION * f.MCV_KIN_SD - f.MCV_KOUT_EFFECT_CORRELATION * f.MCV_KOUT_SD
) / MCV_BASELINE_SD

LARGEST_MCV_EFFECT: Final = 0.9
SMALLEST_SURVIVAL: Final = 1e-3
"""Guards for odd parameters: 1 - I stays above 0.1 or 0.001, so that every rate is above 0."""


class Blood(NamedTuple):
    """A course, each float64 [n]: ``hbf`` %, ``mcv`` fL, ``haemoglobin`` g/dL, ``neutrophils``
    10*3/uL, ``crises`` expected a patient-year, ``pain`` expected score.
    """

    hbf: Tensor
    mcv: Tensor
    haemoglobin: Tensor
    neutrophils: Tensor
    crises: Tensor
    pain: Tensor


def clearance(z: Tensor, weight: Tensor) -> Tensor:
    """CL/F of a patient, L/h, at these weights (kg)."""
    share = (weight / f.REFERENCE_WEIGHT) ** f.CLEARANCE_EXPONENT
    return f.CLEARANCE * share * torch.exp(f.CLEARANCE_SD * z[0])


class Turnover(NamedTuple):
    """HbF (%), MCV (fL) and ln(neutrophils / baseline), in this order, in each of S stretches:
    ``rate`` per day, ``level`` where each would settle, ``start`` where each begins; [3, S].
    """

    rate: Tensor
    level: Tensor
    start: Tensor


HBF, MCV, NEUTROPHILS = range(3)

STATE_OF: Final = (HBF, MCV, HBF, NEUTROPHILS, HBF)
"""Which of the three each result follows, in the order of `channels.RESULTS`."""


def turnover(z: Tensor, exposure: Exposure) -> Turnover:
    """The three courses, starting untreated and settled; z float64 [11], see PARAMETERS."""
    average = average_concentration(clearance(z, exposure.weight), exposure.dose)
    hbf_kin = f.HBF_KIN * torch.exp(f.HBF_KIN_SD * z[1])
    hbf_kout = f.HBF_KOUT * torch.exp(f.HBF_KOUT_SD * z[2])
    hbf_rate = hbf_kout * hbf_survival(z, average)
    mcv_baseline = f.MCV_KIN / f.MCV_KOUT * torch.exp(MCV_BASELINE_SD * z[4])
    mcv_kout = f.MCV_KOUT * torch.exp(f.MCV_KOUT_EFFECT_CORRELATION * f.MCV_KOUT_SD * z[5])
    mcv_survival = 1 - mcv_inhibition(z, average)
    share = log_steady_share(marrow_effect(z, average))
    rate = torch.stack([hbf_rate, mcv_kout * mcv_survival, torch.full_like(share, APPROACH_RATE)])
    level = torch.stack([hbf_kin / hbf_rate, mcv_baseline / mcv_survival, share])
    first = torch.stack([hbf_kin / hbf_kout, mcv_baseline, torch.zeros_like(mcv_baseline)])
    return Turnover(rate, level, starts(rate, level, exposure.days, first))


def blood(z: Tensor, exposure: Exposure) -> Blood:
    """The whole course at each row of the exposure."""
    found = turnover(z, exposure)
    rate, level, start = (one[:, exposure.stretch] for one in found)
    hbf, mcv, share = within(rate, level, start, exposure.elapsed)
    gained = hbf - found.start[HBF, 0]
    crises = crisis_rate(z, gained)
    return Blood(
        hbf,
        mcv,
        torch.exp(_log_haemoglobin(z, gained)),
        torch.exp(_log_neutrophils(z, share)),
        crises,
        f.PAIN_AT_TYPICAL_RATE / f.CRISES * crises,
    )


def expected_logs(z: Tensor, exposure: Exposure, result: Tensor) -> Tensor:
    """ln(shift + value) that each row's own result is expected to have, float64 [n].

    ``result`` int64 [n], place in `channels.RESULTS`. Each row computes the one course that it
    follows: adaptation differentiates this for every parameter, and memory is what limits it.
    """
    found = turnover(z, exposure)
    place = torch.tensor(STATE_OF)[result] * exposure.days.shape[-1] + exposure.stretch
    rate, level, start = (one.flatten()[place] for one in found)
    x = within(rate, level, start, exposure.elapsed)
    positive = torch.where(result == 3, torch.ones_like(x), x)  # ln(share) may be below 0
    gained = torch.where(torch.tensor(STATE_OF)[result] == HBF, x - found.start[HBF, 0], 0.0)
    pain = f.PAIN_AT_TYPICAL_RATE / f.CRISES * crisis_rate(z, gained)
    by_result = (
        torch.log(positive),
        torch.log(positive),
        _log_haemoglobin(z, gained),
        _log_neutrophils(z, x),
        torch.log1p(pain),
    )
    logs = by_result[0]
    for place_in_results in range(2, len(by_result)):
        logs = torch.where(result == place_in_results, by_result[place_in_results], logs)
    return logs


def crisis_rate(z: Tensor, hbf_gained: Tensor) -> Tensor:
    """Expected crises a patient-year after HbF rose by so many percentage points."""
    return f.CRISES * torch.exp(f.CRISES_SD * z[10] - f.CRISES_LOSS * hbf_gained)


def _log_haemoglobin(z: Tensor, hbf_gained: Tensor) -> Tensor:
    gain = f.HAEMOGLOBIN_GAIN * torch.exp(f.HAEMOGLOBIN_GAIN_SD * z[7])
    return math.log(f.HAEMOGLOBIN) + f.HAEMOGLOBIN_SD * z[6] + gain * hbf_gained


def _log_neutrophils(z: Tensor, log_share: Tensor) -> Tensor:
    return math.log(f.NEUTROPHILS) + f.NEUTROPHILS_SD * z[8] + log_share


def hbf_survival(z: Tensor, average: Tensor) -> Tensor:
    """1 - I of HbF at an average concentration (mg/L): what is left of its elimination."""
    inhibition = torch.sigmoid(f.HBF_LOGIT_IMAX + f.HBF_LOGIT_IMAX_SD * z[3])
    effect = inhibition * average / (average + f.HBF_HALF_EFFECT)
    return torch.clamp(1 - effect, min=SMALLEST_SURVIVAL)


def mcv_inhibition(z: Tensor, average: Tensor) -> Tensor:
    """b Cavg^gamma of MCV, 0 without drug."""
    some = average > 0
    # A power below 1 has no derivative at 0, and where() would pass its NaN on.
    power = torch.where(some, average, torch.ones_like(average)) ** f.MCV_EXPONENT
    effect = f.MCV_EFFECT * torch.exp(f.MCV_EFFECT_SD * z[5]) * power
    return torch.where(some, torch.clamp(effect, max=LARGEST_MCV_EFFECT), torch.zeros_like(average))


def marrow_effect(z: Tensor, average: Tensor) -> Tensor:
    """E of Friberg's model at an average concentration (mg/L)."""
    return f.MARROW_EFFECT * torch.exp(f.MARROW_EFFECT_SD * z[9]) * average
