"""Hydroxyurea in plasma, in closed form; every function is elementwise and differentiable.

Adults: two compartments, first-order absorption (Paule 2011). Children: one compartment, saturable
(Michaelis-Menten) elimination (Dong 2016). The twin needs average concentrations alone: HbF, red
cells and neutrophils change over weeks, the concentration over hours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from twin.sickle_cell import figures as f


class Kinetics(NamedTuple):
    """Rates of one adult, each a float64 tensor of any one shape: ``clearance`` L/h, ``volume`` L,
    ``absorption``, ``to_peripheral`` and ``from_peripheral`` per hour.
    """

    clearance: Tensor
    volume: Tensor
    absorption: Tensor
    to_peripheral: Tensor
    from_peripheral: Tensor


def typical_adult(weight: Tensor) -> Kinetics:
    """The typical adult of this weight (kg); Paule 2011, table 2."""
    share = weight / f.REFERENCE_WEIGHT
    one = torch.ones_like(share)
    return Kinetics(
        f.CLEARANCE * share**f.CLEARANCE_EXPONENT,
        f.CENTRAL_VOLUME * share,
        f.ABSORPTION * one,
        f.TO_PERIPHERAL * one,
        f.FROM_PERIPHERAL * one,
    )


def disposition_rates(kinetics: Kinetics) -> tuple[Tensor, Tensor]:
    """The fast and the slow rate of decline, per hour: roots of x^2 - (ke+kcp+kpc) x + ke kpc."""
    elimination = kinetics.clearance / kinetics.volume
    total = elimination + kinetics.to_peripheral + kinetics.from_peripheral
    root = torch.sqrt(total**2 - 4 * elimination * kinetics.from_peripheral)
    fast = (total + root) / 2
    return fast, elimination * kinetics.from_peripheral / fast  # no cancellation


def concentration(kinetics: Kinetics, dose: Tensor, hours: Tensor) -> Tensor:
    """mg/L, ``hours`` (>= 0) after one oral dose (mg): a sum of three exponentials."""
    return _exponentials(kinetics, dose, hours, None)


def steady_state_concentration(
    kinetics: Kinetics, dose: Tensor, interval: Tensor, hours: Tensor
) -> Tensor:
    """mg/L, ``hours`` after a dose (0 to ``interval``, h) once doses (mg) have gone on for ever."""
    return _exponentials(kinetics, dose, hours, interval)


def average_concentration(clearance: Tensor, dose_a_day: Tensor) -> Tensor:
    """mg/L at steady state, from clearance (L/h) and dose (mg/d): dose rate over clearance,
    whatever the compartments.
    """
    return dose_a_day / (f.HOURS_A_DAY * clearance)


def saturable_average(vmax: Tensor, volume: Tensor, dose: Tensor) -> Tensor:
    """mg/L over a day of a child who takes ``dose`` (mg) once a day; vmax mg/h, volume L.

    The area under the curve of one dose that is absorbed at once and gone before the next is
    dose/vmax (Km + dose / (2 volume)): the integral of C dt along dC/dt = -vmax/volume C/(Km + C).
    Both hold: absorption takes minutes, elimination hours.
    """
    return dose / vmax * (f.CHILD_KM + dose / (2 * volume)) / f.HOURS_A_DAY


def _exponentials(
    kinetics: Kinetics, dose: Tensor, hours: Tensor, interval: Tensor | None
) -> Tensor:
    fast, slow = disposition_rates(kinetics)
    rates = (kinetics.absorption, fast, slow)
    total = torch.zeros(())
    for one in rates:
        # The numerator is kpc - rate; each other rate gives one factor below.
        weight = kinetics.from_peripheral - one
        for other in rates:
            if other is not one:
                weight = weight / (other - one)
        term = weight * torch.exp(-one * hours)
        if interval is not None:
            term = term / -torch.expm1(-one * interval)
        total = total + term
    return dose * kinetics.absorption / kinetics.volume * total
