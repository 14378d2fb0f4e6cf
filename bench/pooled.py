"""The noise of the benches' private runs."""

from __future__ import annotations

import math


def rho_of(epsilon: float, delta: float) -> float:
    """The zCDP rho with rho + 2 sqrt(rho ln(1/delta)) = epsilon.

    Bun and Steinke 2016, proposition 1.3.
    """
    log = math.log(1 / delta)
    return (math.sqrt(log + epsilon) - math.sqrt(log)) ** 2


def noise_multiplier(epsilon: float, delta: float, rounds: int) -> float:
    """sigma with which ``rounds`` full-batch rounds of rho = 1 / (2 sigma^2) spend epsilon."""
    return math.sqrt(rounds / (2 * rho_of(epsilon, delta)))
