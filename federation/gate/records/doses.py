"""The drugs whose doses the loaders accept, and how a patient's doses follow one another.

RxNorm (U.S. National Library of Medicine): 5552 is hydroxyurea, the ingredient; 197797 is its
500 mg oral capsule. The limits are hard plausibility limits of this project, as `codes` describes
them: 10,000 mg a day is twice 35 mg/kg, the usual largest dose, at 140 kg; a dose that is not 0 but
below 10 mg a day is less than any infant is given, and the usual trace of grams called milligrams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from chain.light_dataclass import light_dataclass
from federation.gate.records.codes import LabCode, find_code
from federation.gate.records.rejections import Refused
from federation.gate.records.rejections import RejectionCode as Code
from federation.gate.records.rows import Measurement, measure
from twin.sickle_cell.codes import HYDROXYUREA_CODE

DOSE_UNIT: Final = "mg/d"


@light_dataclass(frozen=True)
class Drug:
    """One accepted drug. `quantity.loinc` is the code of its channel, which is no LOINC code.

    `products`: RxNorm code -> mg in one unit of the product (a capsule), None for the ingredient.
    `least`: mg/d; a dose above 0 and below it is refused.
    """

    quantity: LabCode
    products: Mapping[str, float | None]
    least: float


HYDROXYUREA: Final = Drug(
    LabCode(HYDROXYUREA_CODE, "hydroxyurea, dose a day", "MRat", DOSE_UNIT, 0.0, 10_000.0),
    MappingProxyType({"5552": None, "197797": 500.0}),
    least=10.0,
)

DRUGS: Final[dict[str, Drug]] = {drug.quantity.loinc: drug for drug in (HYDROXYUREA,)}
"""Every accepted drug by its channel's code."""

_BY_RXNORM: Final = {rxnorm: drug for drug in DRUGS.values() for rxnorm in drug.products}


def find_drug(rxnorm: str) -> Drug | None:
    """The drug that an RxNorm code names, or None."""
    return _BY_RXNORM.get(rxnorm)


def find_channel(code: str) -> LabCode | None:
    """What a model's channel measures: a LOINC row of the code table, or a drug's dose."""
    drug = DRUGS.get(code)
    return find_code(code) if drug is None else drug.quantity


def measure_dose(drug: Drug, value: float, unit: str) -> Measurement:
    """A dose a day, converted and checked; refuses as `rows.measure`. 0 is none, or a stop."""
    found = measure(drug.quantity, value, unit)
    if 0 < found.value < drug.least:
        limits = f"{drug.quantity.loinc} must be 0 or from {drug.least:g} {drug.quantity.unit}"
        raise Refused(Code.VALUE_IMPLAUSIBLE, limits)
    return found


@light_dataclass(frozen=True)
class DosePeriod:
    """A dose in force from `start_us` to `stop_us` (half-open); None is until the next one."""

    start_us: int
    stop_us: int | None
    value: float


def changes(periods: Sequence[DosePeriod], first: int, last: int) -> list[tuple[int, float]]:
    """(time, mg/d) of each change of dose in [first, last), in order, one a time.

    A dose is in force until the next one starts or it stops; after a stop the dose is 0. Of doses
    that start together the largest holds. The dose in force at `first` changes there: what a data
    period lets through begins with it, and tells nothing of when it was begun.
    """
    holding: dict[int, DosePeriod] = {}
    for one in sorted(periods, key=_rank):
        holding[one.start_us] = one
    found: dict[int, float] = {}
    ordered = [holding[start] for start in sorted(holding)]
    for place, one in enumerate(ordered):
        found[one.start_us] = one.value
        later = ordered[place + 1 : place + 2]
        if one.stop_us is not None and not (later and later[0].start_us <= one.stop_us):
            found[one.stop_us] = 0.0
    if first >= last:
        return []
    before = [value for time, value in found.items() if time <= first]
    inside = [(time, value) for time, value in found.items() if first < time < last]
    return [(first, before[-1]), *inside] if before else inside


def _rank(one: DosePeriod) -> tuple[float, float]:
    return one.value, float("inf") if one.stop_us is None else one.stop_us
