"""Why a line was not loaded: stable codes, and for each a sentence that says how to fix it.

A rejection holds where a line is and what is wrong with its form. It never holds what the line
says about a patient: no value, no date, no name, and resource ids only as a keyed hash.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final


class RejectionCode(StrEnum):
    """Stable: sites' scripts may depend on these spellings."""

    FILE_TRUNCATED = "FILE_TRUNCATED"
    LINE_TOO_LONG = "LINE_TOO_LONG"
    LINE_NOT_UTF8 = "LINE_NOT_UTF8"
    LINE_NOT_JSON = "LINE_NOT_JSON"
    LINE_NOT_RESOURCE = "LINE_NOT_RESOURCE"
    LINE_NOT_CSV = "LINE_NOT_CSV"
    FHIR_INVALID = "FHIR_INVALID"
    FHIR_ID_MISSING = "FHIR_ID_MISSING"
    FHIR_MODIFIER = "FHIR_MODIFIER"
    FHIR_META_INVALID = "FHIR_META_INVALID"
    FHIR_STATUS_UNKNOWN = "FHIR_STATUS_UNKNOWN"
    FHIR_STATUS_NOT_FINAL = "FHIR_STATUS_NOT_FINAL"
    FHIR_GENDER_UNKNOWN = "FHIR_GENDER_UNKNOWN"
    SUBJECT_MISSING = "SUBJECT_MISSING"
    SUBJECT_OTHER_SERVER = "SUBJECT_OTHER_SERVER"
    SUBJECT_UNKNOWN = "SUBJECT_UNKNOWN"
    SUBJECT_NOT_IN_FOCUS = "SUBJECT_NOT_IN_FOCUS"
    CODE_MISSING = "CODE_MISSING"
    CODE_NOT_LOINC = "CODE_NOT_LOINC"
    CODE_NOT_IN_TABLE = "CODE_NOT_IN_TABLE"
    CODE_AMBIGUOUS = "CODE_AMBIGUOUS"
    CODE_NOT_MAPPED = "CODE_NOT_MAPPED"
    VALUE_MISSING = "VALUE_MISSING"
    VALUE_NOT_NUMBER = "VALUE_NOT_NUMBER"
    VALUE_NOT_FINITE = "VALUE_NOT_FINITE"
    VALUE_NEGATIVE = "VALUE_NEGATIVE"
    VALUE_IMPLAUSIBLE = "VALUE_IMPLAUSIBLE"
    VALUE_CENSORED = "VALUE_CENSORED"
    UNIT_MISSING = "UNIT_MISSING"
    UNIT_NOT_UCUM = "UNIT_NOT_UCUM"
    UNIT_NOT_CONVERTIBLE = "UNIT_NOT_CONVERTIBLE"
    DATE_MISSING = "DATE_MISSING"
    DATE_INVALID = "DATE_INVALID"
    DATE_TOO_COARSE = "DATE_TOO_COARSE"
    DATE_IMPLAUSIBLE = "DATE_IMPLAUSIBLE"
    DATE_IN_FUTURE = "DATE_IN_FUTURE"
    DATE_BEFORE_BIRTH = "DATE_BEFORE_BIRTH"
    DOSE_UNCLEAR = "DOSE_UNCLEAR"
    DUPLICATE = "DUPLICATE"


C = RejectionCode
HOW_TO_FIX: Final[dict[RejectionCode, str]] = {
    C.FILE_TRUNCATED: "The compressed file ends early or is damaged here: export or copy it again.",
    C.LINE_TOO_LONG: "The line is longer than 1 MiB: write one resource a line.",
    C.LINE_NOT_UTF8: "The line is not in the stated text encoding: export as UTF-8, or name the"
    " encoding in the mapping.",
    C.LINE_NOT_JSON: "The line is not one JSON value: write NDJSON, one resource a line, no NaN or"
    " Infinity, no repeated keys.",
    C.LINE_NOT_RESOURCE: "The line is not a JSON object with a resourceType: export FHIR R4.",
    C.LINE_NOT_CSV: "The row does not fit the header or has an open quote: check delimiter, quoting"
    " and that no field holds a line break.",
    C.FHIR_INVALID: "The resource breaks the FHIR R4 structure at the named element.",
    C.FHIR_ID_MISSING: "Give the resource an id of 1 to 64 letters, digits, '-' or '.'.",
    C.FHIR_MODIFIER: "A modifierExtension or implicitRules may change what the resource means:"
    " export without it.",
    C.FHIR_META_INVALID: "Write meta.lastUpdated as an instant with a time zone.",
    C.FHIR_STATUS_UNKNOWN: "Use a status of the FHIR R4 value set observation-status or, of"
    " a MedicationStatement, medication-statement-status.",
    C.FHIR_STATUS_NOT_FINAL: "Only final, amended and corrected results, and doses that are or"
    " were taken, are loaded: load it again once it is final.",
    C.FHIR_GENDER_UNKNOWN: "Use male, female, other or unknown, or leave the element out.",
    C.SUBJECT_MISSING: "Give a subject that refers to a Patient, as Patient/<id>.",
    C.SUBJECT_OTHER_SERVER: "The subject refers to a server that was not named: name its base URL"
    " for the load, or export relative references.",
    C.SUBJECT_UNKNOWN: "Load the Patient first or in the same load, and check that it is active and"
    " was not itself rejected.",
    C.SUBJECT_NOT_IN_FOCUS: "Observation.focus names whom or what was measured instead of the"
    " patient, such as a donor or a fetus: nothing to fix, unless it is the patient after all; then"
    " export without it.",
    C.CODE_MISSING: "Give Observation.code.coding, or fill the mapped code column.",
    C.CODE_NOT_LOINC: "Give a coding with system http://loinc.org and a code whose check digit is"
    " right.",
    C.CODE_NOT_IN_TABLE: "A LOINC code that no model uses: nothing to fix unless it should be"
    " accepted (see docs/records.md).",
    C.CODE_AMBIGUOUS: "Two LOINC codings name different quantities: keep the one that is meant.",
    C.CODE_NOT_MAPPED: "Add the local code under 'codes' in the mapping, or set unknown_codes:"
    " skip.",
    C.VALUE_MISSING: "Give valueQuantity.value, or fill the mapped value column.",
    C.VALUE_NOT_NUMBER: "Write a plain decimal number without separators for thousands; check"
    " 'decimal' in the mapping.",
    C.VALUE_NOT_FINITE: "The number is too large to represent: check the export.",
    C.VALUE_NEGATIVE: "This quantity cannot be negative: check the export and the missing-value"
    " marker.",
    C.VALUE_IMPLAUSIBLE: "The value lies outside the hard limits of its code once converted: check"
    " the unit first.",
    C.VALUE_CENSORED: "A value below or above a detection limit is not a number: leave it out, or"
    " map it under 'censored' in a LIS mapping.",
    C.UNIT_MISSING: "Give valueQuantity.code, or a unit for the code in the mapping.",
    C.UNIT_NOT_UCUM: "Give a UCUM code with system http://unitsofmeasure.org (case matters), or"
    " translate it under 'units' in the mapping.",
    C.UNIT_NOT_CONVERTIBLE: "The UCUM unit measures another quantity than the code does.",
    C.DATE_MISSING: "Give effectiveDateTime, effectiveInstant or effectivePeriod.start, or fill the"
    " mapped time column.",
    C.DATE_INVALID: "Write a date that exists, as FHIR dateTime (a time needs its zone) or in a"
    " format of the mapping.",
    C.DATE_TOO_COARSE: "Give the date to the day at least.",
    C.DATE_IMPLAUSIBLE: "The date is before 1900, or a period ends before it starts.",
    C.DATE_IN_FUTURE: "The date has not come yet: check it, and this machine's clock.",
    C.DATE_BEFORE_BIRTH: "The result is older than the patient: check both dates.",
    C.DOSE_UNCLEAR: "Write how much is taken a day: each dosage with one doseAndRate that has a"
    " doseQuantity, and a timing (frequency, period and periodUnit, or a code such as BID); not as"
    " needed, no ranges.",
    C.DUPLICATE: "Two versions of one resource differ and neither is newer: none is used until a"
    " newer meta.lastUpdated or versionId (LIS: updated) says which holds.",
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """One line that was not loaded. `resource_hash` is keyed to the store, or empty."""

    file: str
    line: int
    resource: str
    resource_hash: str
    code: RejectionCode
    message: str

    def to_json(self) -> dict[str, object]:
        """Plain values, ready for json.dumps."""
        return asdict(self) | {"code": str(self.code)}


class Refused(Exception):
    """A line is not loaded, for `code`. `detail` names form, never content about a patient."""

    def __init__(self, code: RejectionCode, detail: str = "") -> None:
        super().__init__(str(code))
        self.code = code
        self.detail = detail

    def message(self) -> str:
        """The detail, when there is one, and how to fix it."""
        how = HOW_TO_FIX[self.code]
        return f"{self.detail}. {how}" if self.detail else how


def shown(text: object) -> str:
    """A short technical token (a code, a unit, a status) for a message; anything else is hidden.

    Tokens hold no space and are short, so that a sentence or a name typed into the wrong column
    does not reach a report.
    """
    if isinstance(text, str) and re.fullmatch(r"[!-~]{1,20}", text):
        return f"'{text}'"
    return "(not shown)"
