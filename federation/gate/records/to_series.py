"""A record as the arrays that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.gate.records.doses import find_channel
from federation.gate.records.errors import ChannelUnknown
from federation.gate.records.store import Record
from federation.gate.records.units import UnitNotConvertible, UnitNotUcum, factor_to_canonical

SECONDS_PER_YEAR: Final = 365.25 * 86400.0
"""The Julian year of the IAU and of UCUM's `a_j`."""


def series_of(
    record: Record, channels: Sequence[tuple[str, str]]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """(times, channel, value), each of shape [n]; n is 0 when the record has none of the channels.

    `channels` are (LOINC or a drug's code, UCUM unit). `times` are Julian years since the first
    observation or dose used, `channel` indexes `channels`, `value` is in the channel's unit.
    Ordered by time, then channel, then value, so that equal records give equal arrays.

    Raises ChannelUnknown for a code outside the table, a unit that does not fit, or a repeat.
    """
    factors: dict[str, tuple[int, float]] = {}
    for index, (loinc, unit) in enumerate(channels):
        code = find_channel(loinc)
        if code is None:
            raise ChannelUnknown(f"channel {index}: {loinc} is not in the code table")
        if code.loinc in factors:
            raise ChannelUnknown(f"channel {index}: {loinc} is given twice")
        try:
            factors[code.loinc] = (index, factor_to_canonical(code, unit))
        except (UnitNotUcum, UnitNotConvertible):
            message = f"channel {index}: {unit} does not fit {loinc} ({code.unit})"
            raise ChannelUnknown(message) from None
    used = [o for o in (*record.observations, *record.doses) if o.loinc in factors]
    rows = sorted((o.time, factors[o.loinc][0], o.value / factors[o.loinc][1]) for o in used)
    times = [(time - rows[0][0]).total_seconds() / SECONDS_PER_YEAR for time, _, _ in rows]
    return (
        np.array(times, dtype=np.float64),
        np.array([channel for _, channel, _ in rows], dtype=np.int64),
        np.array([value for _, _, value in rows], dtype=np.float64),
    )
