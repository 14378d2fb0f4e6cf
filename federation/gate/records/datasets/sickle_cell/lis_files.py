"""One centre's visits as its laboratory system exports them: a CSV and the mapping that reads it.

Centres differ here too: delimiter, decimal sign, date format and local codes. Vital signs of
wearables, doses and diagnoses are not in a laboratory system.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from federation.gate.records.datasets.sickle_cell import centres as c
from federation.gate.records.datasets.sickle_cell.centres import Centre
from federation.gate.records.datasets.sickle_cell.fhir_files import EPOCH
from federation.gate.records.datasets.sickle_cell.patients import Patient

_CODES: Final = {
    c.HBF: "HBF",
    c.MCV: "MCV",
    c.HB: "HGB",
    c.ANC: "NEUT",
    c.WBC: "WBC",
    c.PLATELETS: "PLT",
    c.RETICULOCYTES: "RETI",
    c.LDH: "LDH",
    c.BILIRUBIN: "BILI",
    c.CREATININE: "CREA",
    c.WEIGHT: "WEIGHT",
    c.PAIN: "PAIN",
}
_HEADER: Final = ("patient", "taken", "test", "result", "unit")


@dataclass(frozen=True)
class _Form:
    delimiter: str
    decimal: str
    dates: str


_POINT: Final = _Form(",", ".", "%Y-%m-%d")
_COMMA: Final = _Form(";", ",", "%d.%m.%Y")


class LisFiles:
    """Writes one centre's results.csv and mapping.yaml; use in a `with`, `add` each patient."""

    def __init__(self, centre: Centre, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._form = _COMMA if centre.si else _POINT
        text = yaml.safe_dump(mapping(centre), sort_keys=False)
        (folder / "mapping.yaml").write_text(text, encoding="utf-8")
        self._file = (folder / "results.csv").open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, delimiter=self._form.delimiter, lineterminator="\n")
        self._rows.writerow(_HEADER)

    def __enter__(self) -> LisFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, patient: Patient) -> None:
        """Append one patient's results of visits."""
        for result in patient.results:
            if result.loinc not in _CODES:
                continue
            taken = (EPOCH + timedelta(days=result.day)).strftime(self._form.dates)
            value = repr(result.value).replace(".", self._form.decimal)
            self._rows.writerow(
                (patient.record_id, taken, _CODES[result.loinc], value, result.unit)
            )


def mapping(centre: Centre) -> dict[str, Any]:
    """How this centre's CSV is to be read (docs/records.md), as plain values."""
    form = _COMMA if centre.si else _POINT
    return {
        "format": "assent-lis-1",
        "csv": {"delimiter": form.delimiter, "decimal": form.decimal},
        "timezone": "UTC",
        "columns": dict(zip(("patient", "time", "code", "value", "unit"), _HEADER, strict=True)),
        "time_formats": [form.dates],
        "unknown_patients": "create",
        "codes": {local: {"loinc": loinc} for loinc, local in _CODES.items()},
    }
