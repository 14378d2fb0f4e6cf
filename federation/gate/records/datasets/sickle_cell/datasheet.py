"""The sheet that is written beside the data: what it is, and how it differs from patients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from federation.gate.records.datasets.sickle_cell.centres import CENTRES, Centre

_TEXT: Final = """# Data sheet: synthetic sickle-cell cohort

**Nobody in these files exists.** They were made by `assent data synth-scd` with seed {seed}, format
{form}, {total} patients. The same command in the same environment makes the same bytes.

Use it to try software, to choose hyper-parameters and to compare methods. Do not use it to learn
anything about sickle-cell disease, about hydroxyurea, or about a dose.

## Centres

{centres}

## Files

- `centre-N/fhir/*.ndjson`: FHIR R4: Patient, Condition, Observation, MedicationStatement,
  Encounter (one for each crisis).
- `centre-N/lis/`: results of visits as CSV, with the mapping that reads it. No doses, no wearables.
- `observations.csv`: every result: patient, site, time in days, code, value, canonical unit.
- `doses.csv`: the same columns; a dose (mg/d) is in force until the next. 0 is a pause or none yet.
- `patients.csv`: age, sex, genotype, wearable, treated before the first visit.
- `truth.csv`: what each patient was made from. For checking a method; never for training one.

## How it differs from patients

- Concentrations, HbF, MCV and neutrophils follow published models (docs/sickle-cell.md names them),
  and only those. Patients do much that no model here does: iron, infection, malaria, alpha
  thalassaemia, pregnancy, other drugs, death, moving away. Nobody dies and nobody is lost.
- Haemoglobin rises with HbF alone, towards 14 g/dL. Pain is in proportion to the crisis rate.
  Leukocytes, platelets, reticulocytes, LDH, bilirubin, creatinine and vital signs are drawn around
  plausible levels.
- Centres, genotype shares, adherence, assay bias, visit habits, gaps, noise of most results and the
  effect of age on HbF are our choice. Gaps are at random: in life the sicker are measured more.
- A patient's parameters come from log-normal distributions with the published spreads, so that
  extremes are smoother than in life. Fits were made in adults in France (HbF, MCV) and children in
  the USA (kinetics); here they serve all.
- Results never contradict each other, units are right, no line is a duplicate, no date is wrong.
- Prescriptions follow one rule a centre. What is prescribed is on record, what is taken is not.
- Two figures were quoted from memory and are to be checked before anyone relies on them: the rise
  of haemoglobin against HbF (Tshilolo 2019) and the fall of crises on hydroxyurea (MSH, 1995).

## Privacy

No patient's data went in. Identifiers are made up; dates count from 2018-01-01 for everyone.
"""


def datasheet(seed: int, counts: Mapping[str, int], form: str) -> str:
    """The sheet in Markdown; ``counts``: patients by centre."""
    rows = [
        "| centre | patients | ages | Hb before, g/dL | start, step, ceiling mg/kg/d | days between"
        " visits | missed | wearable | units |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(centre, counts[centre.name]) for centre in CENTRES),
    ]
    total = sum(counts.values())
    return _TEXT.format(seed=seed, form=form, total=total, centres="\n".join(rows))


def _row(centre: Centre, count: int) -> str:
    dosing = centre.dosing
    cells = (
        centre.name,
        str(count),
        f"{centre.ages[0]:g} to {centre.ages[1]:g}",
        f"{centre.haemoglobin[0]:g} (SD {centre.haemoglobin[1]:g})",
        f"{dosing.start:g}, {dosing.step:g}, {dosing.ceiling:g}",
        f"{centre.visit_days[0]}, later {centre.visit_days[1]}",
        f"{100 * centre.missed:.0f} %",
        f"{100 * centre.wearables:.0f} %",
        "SI" if centre.si else "conventional",
    )
    return f"| {' | '.join(cells)} |"
