"""Neutrophils under a constant effect on the marrow: Friberg's model where it has a closed form.

Friberg 2002: dP/dt = ktr P ((1 - E) (B / N)^gamma - 1), three transit compartments and blood N,
each emptied at ktr = 4 / MTT. It has no closed form in general, and solving it step by step would
be most of the twin's work for two or three weeks after a change of dose: visits are further apart.
So the twin takes

- the exact steady state, N = B (1 - E)^(1 / gamma);
- on the way there, ln N approaches it at the rate gamma ktr. Linearised in logarithms, Friberg's
  blood count overshoots and settles; this is the one rate with the same area between the count and
  its new steady state.

When neutrophils halve, the error against Friberg's equations is at most 6 % from four weeks after a
change of dose and 1.5 % from five; within three weeks it reaches 25 %. A test holds these figures.
The synthetic cohort is made with Friberg's equations themselves.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from twin.sickle_cell import figures as f

TRANSIT_RATE: Final = (f.TRANSITS + 1) / f.TRANSIT_DAYS
"""ktr, per day."""
APPROACH_RATE: Final = f.FEEDBACK * TRANSIT_RATE
"""Per day."""
LARGEST_EFFECT: Final = 0.6
"""Bound of E, which leaves half a per cent of the neutrophils: a guard for odd parameters."""


def log_steady_share(effect: Tensor) -> Tensor:
    """ln(N / B) at steady state for an effect E on proliferation, 0 to LARGEST_EFFECT (clamped)."""
    return torch.log1p(-torch.clamp(effect, max=LARGEST_EFFECT)) / f.FEEDBACK
