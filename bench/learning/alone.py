"""Forecasts from one patient's own results alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.learning.forecasting import Items

FloatArray = NDArray[np.float64]


def last_value(part: Items, fallback: FloatArray) -> FloatArray:
    """Each code's last known value; ``fallback`` [items, width] where there is none."""
    found = fallback.copy()
    for row in range(len(part.patient)):
        known = part.known[row] > 0
        for code in np.unique(part.channel[row][known]):
            mine = known & (part.channel[row] == code)
            found[row, part.channel[row] == code] = part.scaled[row][mine][-1]
    return found


def own_line(part: Items, fallback: FloatArray) -> FloatArray:
    """A least-squares line a code through what is known; one time: its mean."""
    found = fallback.copy()
    for row in range(len(part.patient)):
        known = part.known[row] > 0
        for code in np.unique(part.channel[row][known]):
            here = part.channel[row] == code
            mine = known & here
            when, seen = part.times[row][mine], part.scaled[row][mine]
            spread = when - when.mean()
            slope = (spread @ seen) / (spread @ spread) if np.ptp(when) > 0 else 0.0
            found[row, here] = seen.mean() + slope * (part.times[row][here] - when.mean())
    return found
