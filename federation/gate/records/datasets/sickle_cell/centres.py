"""The five centres: who is treated there, with which doses, how often they come, what is measured.

Haemoglobin before treatment at the first four is that of REACH's four countries (McGann PT et al.,
Am J Hematol 2018;93:537-545: 7.2, 7.0, 7.4 and 7.5 g/dL, SD about 1). Everything else about a
centre is our choice, made so that centres differ as hospitals do; no centre stands for a real
one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

HBF, MCV, HB, ANC, WBC = "4576-5", "787-2", "718-7", "751-8", "6690-2"
PLATELETS, RETICULOCYTES, LDH = "777-3", "17849-1", "2532-0"
BILIRUBIN, CREATININE, WEIGHT, PAIN = "1975-2", "2160-0", "29463-7", "72514-3"
HEART_RATE, OXYGEN = "8867-4", "59408-5"

SI_UNITS: Final = {
    HB: ("g/L", 0),
    BILIRUBIN: ("umol/L", 0),
    CREATININE: ("umol/L", 0),
    WBC: ("10*9/L", 1),
    ANC: ("10*9/L", 2),
    PLATELETS: ("10*9/L", 0),
}
USUAL_UNITS: Final = {
    HBF: ("%", 1),
    MCV: ("fL", 0),
    HB: ("g/dL", 1),
    ANC: ("10*3/uL", 2),
    WBC: ("10*3/uL", 1),
    PLATELETS: ("10*3/uL", 0),
    RETICULOCYTES: ("%", 1),
    LDH: ("U/L", 0),
    BILIRUBIN: ("mg/dL", 1),
    CREATININE: ("mg/dL", 2),
    WEIGHT: ("kg", 1),
    PAIN: ("{score}", 0),
    HEART_RATE: ("/min", 0),
    OXYGEN: ("%", 0),
}
"""LOINC -> UCUM unit and decimals, as a laboratory reports them."""


@dataclass(frozen=True)
class Dosing:
    """mg/kg/d to start with, how much more every ``weeks`` while neutrophils stay above ``target``
    (10*3/uL), up to ``ceiling``; doses are given in multiples of ``portion`` mg.
    """

    start: float
    step: float
    weeks: int
    ceiling: float
    target: float
    portion: float


@dataclass(frozen=True)
class Centre:
    """One centre. ``ages`` in years at the first visit; ``haemoglobin`` mean and SD, g/dL;
    ``genotypes`` shares of SS, SB0 and SC; ``visit_days`` between visits in the first half year and
    later; ``missed``, share of visits that do not happen; ``measured``, LOINC -> share of visits
    with that result; ``bias``, LOINC -> what this laboratory's results are multiplied by;
    ``wearables``, share of patients with one; ``treated``, share on hydroxyurea long before their
    first record here; ``adherence``, mean share of doses taken; ``crises``, against the cohort's.
    """

    name: str
    patients: int
    ages: tuple[float, float]
    haemoglobin: tuple[float, float]
    genotypes: Mapping[str, float]
    dosing: Dosing
    visit_days: tuple[int, int]
    missed: float
    measured: Mapping[str, float]
    bias: Mapping[str, float]
    si: bool = False
    wearables: float = 0.25
    treated: float = 0.0
    adherence: float = 0.85
    crises: float = 1.0
    years: tuple[float, float] = (1.5, 4.0)
    units: Mapping[str, tuple[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", USUAL_UNITS | (SI_UNITS if self.si else {}))


_COUNT: Final = {HB: 0.98, MCV: 0.98, WBC: 0.98, ANC: 0.95, PLATELETS: 0.97}
_CHEMISTRY: Final = {LDH: 0.4, BILIRUBIN: 0.5, CREATININE: 0.6}

CENTRES: Final = (
    Centre(
        "centre-1",
        48,
        (1.0, 10.0),
        (7.2, 1.0),
        {"SS": 1.0},
        Dosing(17.5, 2.5, 8, 35.0, 4.0, 50.0),
        (28, 56),
        0.06,
        _COUNT | {HBF: 0.5, RETICULOCYTES: 0.8, CREATININE: 0.6, WEIGHT: 0.97, PAIN: 0.7},
        {HBF: 1.0, MCV: 1.0, HB: 1.0, ANC: 1.0},
        wearables=0.15,
        adherence=0.9,
    ),
    Centre(
        "centre-2",
        40,
        (2.0, 12.0),
        (7.0, 0.9),
        {"SS": 1.0},
        Dosing(10.0, 0.0, 52, 10.0, 4.0, 100.0),  # a fixed low dose, where few counts can be done
        (42, 91),
        0.25,
        {
            HB: 0.95,
            WBC: 0.9,
            ANC: 0.6,
            PLATELETS: 0.85,
            MCV: 0.75,
            HBF: 0.15,
            WEIGHT: 0.9,
            PAIN: 0.5,
        },
        {HBF: 1.12, MCV: 0.98, HB: 0.97, ANC: 1.05},
        wearables=0.1,
        adherence=0.7,
        crises=1.3,
    ),
    Centre(
        "centre-3",
        36,
        (4.0, 17.0),
        (7.4, 1.1),
        {"SS": 0.95, "SB0": 0.05},
        Dosing(20.0, 5.0, 8, 35.0, 3.0, 50.0),
        (28, 84),
        0.1,
        _COUNT | _CHEMISTRY | {HBF: 0.4, RETICULOCYTES: 0.9, WEIGHT: 0.98, PAIN: 0.9},
        {HBF: 0.95, MCV: 1.03, HB: 1.02, ANC: 0.95},
        si=True,
        wearables=0.4,
        adherence=0.85,
    ),
    Centre(
        "centre-4",
        28,
        (8.0, 25.0),
        (7.5, 1.1),
        {"SS": 0.85, "SB0": 0.08, "SC": 0.07},
        Dosing(15.0, 5.0, 12, 30.0, 3.0, 250.0),
        (35, 98),
        0.15,
        _COUNT | _CHEMISTRY | {HBF: 0.3, RETICULOCYTES: 0.6, WEIGHT: 0.9, PAIN: 0.8},
        {HBF: 1.05, MCV: 0.97, HB: 1.0, ANC: 1.1},
        wearables=0.35,
        treated=0.25,
        adherence=0.75,
        crises=1.2,
    ),
    Centre(
        "centre-5",
        44,
        (18.0, 54.0),
        (8.2, 1.2),
        {"SS": 0.9, "SB0": 0.06, "SC": 0.04},
        Dosing(20.0, 2.5, 12, 30.0, 3.0, 500.0),
        (30, 120),
        0.08,
        _COUNT | _CHEMISTRY | {HBF: 0.7, RETICULOCYTES: 0.95, WEIGHT: 0.85, PAIN: 0.6},
        {HBF: 1.02, MCV: 1.01, HB: 1.0, ANC: 1.0},
        si=True,
        wearables=0.4,
        treated=0.4,
        adherence=0.8,
        crises=1.1,
        years=(2.0, 5.0),
    ),
)
