"""What makes one synthetic patient: drawn once, from published spreads where there are any.

Sources: `twin.sickle_cell.figures`. Unlike the twin, patients are drawn with all of Paule 2011's
correlations, children clear the drug by Dong 2016's saturable elimination, HbF falls with age, and
how much of the drug is taken changes from month to month: the truth is not the twin's own model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.gate.records.datasets.sickle_cell.centres import Centre
from twin.sickle_cell import figures as f

_WEIGHT_AGES: Final = (1.0, 2.0, 5.0, 8.0, 12.0, 15.0, 18.0, 25.0)
_WEIGHT_KG: Final = (9.0, 11.5, 17.0, 23.0, 36.0, 49.0, 56.0, 60.0)
"""Median weight by age: our choice, light for age, 60 kg in adults (Paule 2011's median)."""

_HBF: Final = np.linalg.cholesky(
    np.array([[1.0, f.HBF_KOUT_IMAX_CORRELATION], [f.HBF_KOUT_IMAX_CORRELATION, 1.0]])
)
_MCV: Final = np.linalg.cholesky(
    np.array(
        [
            [1.0, f.MCV_KIN_KOUT_CORRELATION, f.MCV_KIN_EFFECT_CORRELATION],
            [f.MCV_KIN_KOUT_CORRELATION, 1.0, f.MCV_KOUT_EFFECT_CORRELATION],
            [f.MCV_KIN_EFFECT_CORRELATION, f.MCV_KOUT_EFFECT_CORRELATION, 1.0],
        ]
    )
)
_CRISIS_SHAPE: Final = 1.5
"""Shape of the gamma that rates are spread by, so that counts are negative binomial: our choice."""


@dataclass(frozen=True)
class Traits:
    """One patient. Rates and effects are those of `twin.sickle_cell.figures`; ``vmax`` mg/h and
    ``volume`` L at 70 kg, of a child; ``heavy``, weight against the median of the age;
    ``first_dose`` day of the first hydroxyurea, before 0 for those treated before their first visit
    here; ``days``, how long they are followed.
    """

    age: float
    sex: str
    genotype: str
    heavy: float
    clearance: float
    vmax: float
    volume: float
    hbf_kin: float
    hbf_kout: float
    hbf_imax: float
    mcv_kin: float
    mcv_kout: float
    mcv_effect: float
    haemoglobin: float
    haemoglobin_gain: float
    neutrophils: float
    marrow_effect: float
    crises: float
    adherence: float
    has_wearable: bool
    first_dose: int
    days: int

    def weight(self, day: float) -> float:
        """kg, ``day`` days after the first visit."""
        age = self.age + day / f.DAYS_A_YEAR
        return self.heavy * float(np.interp(age, _WEIGHT_AGES, _WEIGHT_KG))

    @property
    def hbf_baseline(self) -> float:
        """% without drug, apart from age."""
        return self.hbf_kin / self.hbf_kout


def draw(centre: Centre, generator: np.random.Generator) -> Traits:
    """One patient of this centre."""
    z = generator.standard_normal(16)
    genotype = str(generator.choice(list(centre.genotypes), p=list(centre.genotypes.values())))
    mild = genotype == "SC"
    kout, imax = _HBF @ z[0:2]
    mcv = _MCV @ z[2:5]
    treated = bool(generator.random() < centre.treated)
    first = -int(generator.integers(200, 900)) if treated else int(generator.integers(0, 90))
    mean, sd = centre.haemoglobin
    hbf_kin = f.HBF_KIN * math.exp(f.HBF_KIN_SD * z[5]) * (0.4 if mild else 1.0)
    return Traits(
        age=float(generator.uniform(*centre.ages)),
        sex=("female", "male")[int(generator.random() < 0.5)],
        genotype=genotype,
        heavy=math.exp(0.13 * z[6]),
        clearance=f.CLEARANCE * math.exp(f.CLEARANCE_SD * z[7]),
        vmax=f.CHILD_VMAX * math.exp(f.CHILD_VMAX_SD * z[7]),
        volume=f.CHILD_VOLUME * math.exp(f.CHILD_VOLUME_SD * z[8]),
        hbf_kin=hbf_kin,
        hbf_kout=f.HBF_KOUT * math.exp(f.HBF_KOUT_SD * kout),
        hbf_imax=1 / (1 + math.exp(-f.HBF_LOGIT_IMAX - f.HBF_LOGIT_IMAX_SD * imax)),
        mcv_kin=f.MCV_KIN * math.exp(f.MCV_KIN_SD * mcv[0]) * (0.92 if mild else 1.0),
        mcv_kout=f.MCV_KOUT * math.exp(f.MCV_KOUT_SD * mcv[1]),
        mcv_effect=f.MCV_EFFECT * math.exp(f.MCV_EFFECT_SD * mcv[2]),
        haemoglobin=max(4.5, mean + sd * z[9] + (3.5 if mild else 0.0)),
        haemoglobin_gain=f.HAEMOGLOBIN_GAIN * math.exp(f.HAEMOGLOBIN_GAIN_SD * z[10]),
        neutrophils=f.NEUTROPHILS * math.exp(f.NEUTROPHILS_SD * z[11]),
        marrow_effect=f.MARROW_EFFECT * math.exp(f.MARROW_EFFECT_SD * z[12]),
        crises=f.CRISES
        * centre.crises
        * float(generator.gamma(_CRISIS_SHAPE, 1 / _CRISIS_SHAPE))
        * (0.6 if mild else 1.0),
        adherence=float(generator.beta(10 * centre.adherence, 10 * (1 - centre.adherence))),
        has_wearable=bool(generator.random() < centre.wearables),
        first_dose=first,
        days=int(f.DAYS_A_YEAR * generator.uniform(*centre.years)),
    )
