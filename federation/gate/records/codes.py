"""The laboratory codes that a site's loaders accept.

Display names and properties are LOINC's (loinc.org); each code was checked with LOINC's own check
digit. Molar masses in g/mol: bilirubin, creatinine and cholesterol from PubChem (CID 5280352, 588,
5997), albumin from UniProt P02768 (mature chain), haemoglobin monomer from ICSH 1978 (16114.5).

`low` and `high` are **hard plausibility limits, not reference intervals**. They are this project's
own choice: wide enough for any living patient (every value of `pbcseq`, a cohort with severe liver
disease, lies inside), narrow enough that a common slip of unit (albumin in g/L called g/dL,
platelets per uL called 10*3/uL) falls outside. No site's data was used to set them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LabCode:
    """One accepted LOINC code.

    `unit` is the UCUM unit that values are stored in; `low` and `high` (inclusive) are in it.
    `molar_mass` (g/mol) lets mass and molar concentrations be converted into each other.
    `same_units` are units that mean exactly `unit` but that UCUM holds to be incommensurable.
    `same_codes` are LOINC codes of the same quantity in another property, stored as this one.
    """

    loinc: str
    display: str
    property: str
    unit: str
    low: float
    high: float
    molar_mass: float | None = None
    same_units: tuple[str, ...] = ()
    same_codes: tuple[str, ...] = ()


# UCUM keeps [IU] apart from U (umol/min); for enzymes laboratories use both for the IUPAC unit.
_ENZYME: Final = ("[IU]/L", "[iU]/L")

_SERUM: Final = "in Serum or Plasma"
_ACTIVITY: Final = f"[Enzymatic activity/volume] {_SERUM}"
_COUNT: Final = "[#/volume] in Blood by Automated count"

_TABLE: Final = (
    LabCode(
        "1975-2",
        f"Bilirubin.total [Mass/volume] {_SERUM}",
        "MCnc",
        "mg/dL",
        0.01,
        100.0,
        molar_mass=584.67,
        same_codes=("14631-6",),
    ),
    LabCode(
        "1751-7",
        f"Albumin [Mass/volume] {_SERUM}",
        "MCnc",
        "g/dL",
        0.3,
        10.0,
        molar_mass=66438.0,
        same_codes=("54347-0",),
    ),
    LabCode("777-3", f"Platelets {_COUNT}", "NCnc", "10*3/uL", 1.0, 5000.0),
    LabCode("5902-2", "Prothrombin time (PT)", "Time", "s", 5.0, 200.0),
    LabCode(
        "6768-6",
        f"Alkaline phosphatase {_ACTIVITY}",
        "CCnc",
        "U/L",
        1.0,
        20000.0,
        same_units=_ENZYME,
    ),
    LabCode(
        "1920-8",
        f"Aspartate aminotransferase {_ACTIVITY}",
        "CCnc",
        "U/L",
        1.0,
        50000.0,
        same_units=_ENZYME,
    ),
    LabCode(
        "1742-6",
        f"Alanine aminotransferase {_ACTIVITY}",
        "CCnc",
        "U/L",
        1.0,
        50000.0,
        same_units=_ENZYME,
    ),
    LabCode(
        "2093-3",
        f"Cholesterol [Mass/volume] {_SERUM}",
        "MCnc",
        "mg/dL",
        10.0,
        3000.0,
        molar_mass=386.65,
        same_codes=("14647-2",),
    ),
    LabCode(
        "2160-0",
        f"Creatinine [Mass/volume] {_SERUM}",
        "MCnc",
        "mg/dL",
        0.05,
        50.0,
        molar_mass=113.12,
        same_codes=("14682-9",),
    ),
    LabCode(
        "2532-0",
        f"Lactate dehydrogenase {_ACTIVITY}",
        "CCnc",
        "U/L",
        5.0,
        50000.0,
        same_units=_ENZYME,
    ),
    LabCode(
        "718-7",
        "Hemoglobin [Mass/volume] in Blood",
        "MCnc",
        "g/dL",
        1.0,
        30.0,
        molar_mass=16114.5,
        same_codes=("59260-0",),
    ),
    LabCode(
        "787-2",
        "MCV [Entitic mean volume] in Red Blood Cells by Automated count",
        "EntMeanVol",
        "fL",
        30.0,
        200.0,
    ),
    LabCode("6690-2", f"Leukocytes {_COUNT}", "NCnc", "10*3/uL", 0.01, 1500.0),
    LabCode("751-8", f"Neutrophils {_COUNT}", "NCnc", "10*3/uL", 0.0, 500.0),
    LabCode(
        "17849-1",
        "Reticulocytes/100 erythrocytes in Blood by Automated count",
        "NFr",
        "%",
        0.0,
        80.0,
    ),
    LabCode("4576-5", "Hemoglobin F/Hemoglobin.total in Blood", "MFr", "%", 0.0, 100.0),
    LabCode("29463-7", "Body weight", "Mass", "kg", 0.2, 650.0),
    LabCode(
        "72514-3",
        "Pain severity - 0-10 verbal numeric rating [Score] - Reported",
        "Score",
        "{score}",
        0.0,
        10.0,
        same_units=("1",),
    ),
    LabCode("8867-4", "Heart rate", "NRat", "/min", 5.0, 350.0),
    LabCode(
        "59408-5",
        "Oxygen saturation in Arterial blood by Pulse oximetry",
        "MFr",
        "%",
        10.0,
        100.0,
    ),
)

CODES: Final[dict[str, LabCode]] = {row.loinc: row for row in _TABLE}
"""Every accepted code by its canonical LOINC."""

_BY_ANY: Final[dict[str, LabCode]] = CODES | {s: r for r in _TABLE for s in r.same_codes}


def find_code(loinc: str) -> LabCode | None:
    """The row that serves a LOINC code, through `same_codes` too, or None."""
    return _BY_ANY.get(loinc)


def is_loinc(text: str) -> bool:
    """Whether text has LOINC's form and the right mod 10 check digit (LOINC Users' Guide)."""
    number, dash, check = text.partition("-")
    if not (dash and number.isascii() and number.isdigit() and len(number) <= 7):
        return False
    if not (check.isascii() and check.isdigit() and len(check) == 1):
        return False
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return (10 - total % 10) % 10 == int(check)
