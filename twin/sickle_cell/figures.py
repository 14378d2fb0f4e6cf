"""Published figures of hydroxyurea in sickle-cell disease: what the twin and the synthetic cohort
start from.

Nothing here was estimated from data that a federation trains on or is tested with. "SD" is the
standard deviation between patients of the natural logarithm unless it says otherwise. Sources:

- Paule 2011: Paule I et al., Orphanet J Rare Dis 2011;6:30, tables 2 (pharmacokinetics), 4 (HbF)
  and 5 (MCV): 97 adults in France, 500 to 2000 mg once a day, average concentrations 0.5 to 9 mg/L.
  Read in the machine-readable form of the R package nlmixr2lib, and in the abstract.
- Dong 2016: Dong M et al., Br J Clin Pharmacol 2016;81:742-752, table 2: 96 children of the HUSTLE
  trial. Read in the same way.
- Friberg 2002: Friberg LE et al., J Clin Oncol 2002;20:4713-4721: the model of myelosuppression.
- REACH: McGann PT et al., Am J Hematol 2018;93:537-545, abstract: haemoglobin before treatment in
  Angola, the DRC, Kenya and Uganda.
- Tshilolo 2019: N Engl J Med 2019;380:121-131 (REACH after one year), and MSH: Charache S et al.,
  N Engl J Med 1995;332:1317-1322. Their figures are quoted from memory: check them before use.

"Our choice" marks a number that no source gives. docs/sickle-cell.md lists all of them.
"""

from __future__ import annotations

import math
from typing import Final

DAYS_A_YEAR: Final = 365.25
HOURS_A_DAY: Final = 24.0

# Pharmacokinetics of adults (Paule 2011, table 2), at 70 kg.
CLEARANCE: Final = 11.6
"""CL/F, L/h; scales with (weight / 70 kg)^0.75."""
CLEARANCE_SD: Final = 0.29
CENTRAL_VOLUME: Final = 45.3
"""Vc/F, L; scales with weight."""
CENTRAL_VOLUME_SD: Final = 0.34
ABSORPTION: Final = 3.02
"""ka, per hour."""
ABSORPTION_SD: Final = 1.34
TO_PERIPHERAL: Final = 0.027
"""kcp, per hour."""
TO_PERIPHERAL_SD: Final = 0.57
FROM_PERIPHERAL: Final = 0.004
"""kpc, per hour (fixed in the publication)."""
REFERENCE_WEIGHT: Final = 70.0
CLEARANCE_EXPONENT: Final = 0.75

# Pharmacokinetics of children (Dong 2016, table 2), at 70 kg.
CHILD_VMAX: Final = 490.0
"""mg/h; scales with (weight / 70 kg)^0.75."""
CHILD_VMAX_SD: Final = 0.145
CHILD_KM: Final = 25.0
"""mg/L."""
CHILD_VOLUME: Final = 49.6
"""V/F, L; scales with weight."""
CHILD_VOLUME_SD: Final = 0.135
CHILD_ABSORPTION: Final = 8.19
"""Ka, per hour."""
CHILD_TOLERATED_DOSE: Final = 23.4
"""Median maximum tolerated dose, mg/kg/d (range 14.2 to 35.5)."""

# Fetal haemoglobin (Paule 2011, table 4): dH/dt = kin - kout (1 - I) H, H in % of haemoglobin.
HBF_KIN: Final = 0.071
"""% a day."""
HBF_KIN_SD: Final = 0.585
HBF_KOUT: Final = 0.013
"""Per day."""
HBF_KOUT_SD: Final = 0.486
HBF_LOGIT_IMAX: Final = 0.276
HBF_LOGIT_IMAX_SD: Final = 1.44
"""On the logit scale."""
HBF_KOUT_IMAX_CORRELATION: Final = 0.892
HBF_RESIDUAL: Final = 0.142
"""Proportional error of one result."""
HBF_HALF_EFFECT: Final = 0.1
"""mg/L, average concentration of half the effect. Our choice: the publication found the effect at
its maximum in the whole range it saw (from 0.5 mg/L), and without drug there is none.
"""

# Mean corpuscular volume (Paule 2011, table 5): dM/dt = kin - kout (1 - b Cavg^gamma) M, M in fL.
MCV_KIN: Final = 3.71
"""fL a day."""
MCV_KIN_SD: Final = 0.191
MCV_KOUT: Final = 0.042
"""Per day."""
MCV_KOUT_SD: Final = 0.186
MCV_EFFECT: Final = 0.099
"""b, (L/mg)^gamma."""
MCV_EFFECT_SD: Final = 0.457
MCV_EXPONENT: Final = 0.19
MCV_KIN_KOUT_CORRELATION: Final = 0.87
MCV_KIN_EFFECT_CORRELATION: Final = -0.98
MCV_KOUT_EFFECT_CORRELATION: Final = -0.95
MCV_RESIDUAL: Final = 0.036
"""Proportional error of one result."""

# Haemoglobin.
HAEMOGLOBIN: Final = 7.3
"""g/dL before treatment: the middle of REACH's four countries (7.2, 7.0, 7.4, 7.5)."""
HAEMOGLOBIN_SD: Final = 1.0 / HAEMOGLOBIN
"""REACH: SD of about 1 g/dL."""
HAEMOGLOBIN_GAIN: Final = math.log((HAEMOGLOBIN + 1.0) / HAEMOGLOBIN) / 12.5
"""Rise of ln(haemoglobin) for each percentage point of HbF. Tshilolo 2019: haemoglobin rose by 1.0
g/dL while HbF rose by 12.5 points. That the two go together in proportion is our choice.
"""
HAEMOGLOBIN_GAIN_SD: Final = 0.5
"""Our choice."""
HAEMOGLOBIN_RESIDUAL: Final = 0.07
"""Our choice: about 0.5 g/dL from visit to visit."""

# Neutrophils (Friberg 2002).
FEEDBACK: Final = 0.17
"""gamma."""
TRANSIT_DAYS: Final = 5.0
"""Mean transit time through the marrow, days."""
TRANSITS: Final = 3
"""Transit compartments between proliferation and blood."""
NEUTROPHILS: Final = 6.5
"""10*3/uL before treatment: 6 to 7 in sickle-cell disease."""
NEUTROPHILS_SD: Final = 0.35
"""Our choice."""
NEUTROPHILS_RESIDUAL: Final = 0.25
"""Our choice: neutrophils vary much within a day."""
HALVING_DOSE: Final = 22.5
"""mg/kg/d that halves neutrophils in a patient of 70 kg: the middle of 20 to 25."""
MARROW_EFFECT: Final = (1.0 - 0.5**FEEDBACK) / (
    HALVING_DOSE * REFERENCE_WEIGHT / (HOURS_A_DAY * CLEARANCE)
)
"""Friberg's drug slope, L/mg: the loss of proliferation for each mg/L of average concentration,
solved so that HALVING_DOSE halves neutrophils (`twin.sickle_cell.neutrophils`).
"""
MARROW_EFFECT_SD: Final = 0.4
"""Our choice."""

# Vaso-occlusive crises, and the pain that visits record.
CRISES: Final = 0.8
"""A patient-year."""
CRISES_SD: Final = 0.7
"""Our choice. Counts given HbF are then over-dispersed, as a negative binomial is."""
CRISES_LOSS: Final = -math.log(2.5 / 4.5) / (
    HBF_KIN / HBF_KOUT * (1.0 / (1.0 - 1.0 / (1.0 + math.exp(-HBF_LOGIT_IMAX))) - 1.0)
)
"""Fall of ln(crisis rate) for each percentage point of HbF. MSH: 2.5 instead of 4.5 crises a year
on hydroxyurea; put against the HbF rise of Paule 2011's typical patient, which is our choice.
"""
PAIN_AT_TYPICAL_RATE: Final = 2.0
"""Expected score (0 to 10) at a visit of a patient with CRISES a year, in proportion to the crisis
rate. Our choice.
"""
PAIN_RESIDUAL: Final = 0.5
"""SD of ln(1 + score). Our choice."""

USUAL_DOSE: Final = 20.0
"""mg/kg/d: what a patient is taken to have had from the start when no dose is on record (the usual
first dose in Paule 2011 and Dong 2016)."""
