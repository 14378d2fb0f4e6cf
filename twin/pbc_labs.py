"""The five labs of primary biliary cholangitis (PBC): codes, units and published figures that start
the prior.

Nothing here was estimated from data that a federation trains on or is tested with. Sources:

- Harms 2020: Harms MH et al., Gut 2020;69:1502-1510, table 1, untreated patients (median and
  interquartile range, IQR, in multiples of the limit of normal). Spread = ln(upper quartile / lower
  quartile) / 1.349, the SD of a log-normal with that IQR.
- Longo 2002: Longo M et al., Gut 2002;51:265-269, table 1: alkaline phosphatase 729 U/L at a limit
  of 279, an assay nearer to the long series of PBC than today's; prothrombin time normal at the
  median (INR 1.0).
- Ricos 1999: Ricos C et al., Scand J Clin Lab Invest 1999;59:491-500, with its 2014 update:
  within-subject CV in healthy people. Noise starts at twice that: our choice, for disease, changing
  assays and stored samples.
- Limits of normal in conventional units are common adult reference intervals: bilirubin up to 1.2
  mg/dL, albumin from 3.5 g/dL, prothrombin time 11 to 13.5 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin.protocol import Channel

_IQR_TO_SD = 1.349


def _log_sd(lower_quartile: float, upper_quartile: float) -> float:
    return math.log(upper_quartile / lower_quartile) / _IQR_TO_SD


@dataclass(frozen=True)
class Lab:
    """One lab: its channel, and on the natural log scale its typical value and two SDs.

    ``centre`` in the channel's unit; ``spread``, SD between patients of ln(value); ``within``, SD
    within one patient.
    """

    channel: Channel
    centre: float
    spread: float
    within: float


LABS: tuple[Lab, ...] = (
    Lab(
        Channel("bilirubin", "1975-2", "mg/dL", "Bilirubin.total [Mass/volume] in Serum or Plasma"),
        centre=0.65 * 1.2,  # Harms 2020: 0.65 (0.43 to 1.38) x upper limit
        spread=_log_sd(0.43, 1.38),
        within=0.218,  # Ricos 1999
    ),
    Lab(
        Channel("albumin", "1751-7", "g/dL", "Albumin [Mass/volume] in Serum or Plasma"),
        centre=1.15 * 3.5,  # Harms 2020: 1.15 (1.03 to 1.26) x lower limit
        spread=_log_sd(1.03, 1.26),
        within=0.032,  # Ricos 1999
    ),
    Lab(
        Channel(
            "platelets", "777-3", "10*3/uL", "Platelets [#/volume] in Blood by Automated count"
        ),
        centre=217.0,  # Harms 2020: 217 (146 to 271)
        spread=_log_sd(146.0, 271.0),
        within=0.091,  # Ricos 1999
    ),
    Lab(
        Channel("prothrombin_time", "5902-2", "s", "Prothrombin time (PT)"),
        centre=math.sqrt(
            11.0 * 13.5
        ),  # Longo 2002: normal; middle of the reference interval on the log scale
        spread=2
        * math.log(13.5 / 11.0)
        / 3.92,  # twice the SD of that interval: our choice, for disease
        within=0.040,  # Ricos 1999
    ),
    Lab(
        Channel(
            "alkaline_phosphatase",
            "6768-6",
            "U/L",
            "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma",
        ),
        centre=729.0,  # Longo 2002
        spread=_log_sd(1.11, 3.51),  # Harms 2020: 1.94 (1.11 to 3.51) x upper limit
        within=0.0645,  # Ricos 1999
    ),
)

SLOPE_SHARE = 0.1
"""SD of a patient's trend a year, as a share of the spread between patients: our choice, ten years
to drift one SD.
"""

NOISE_FACTOR = 2.0
"""Starting noise over the healthy within-subject CV: our choice, see above."""
