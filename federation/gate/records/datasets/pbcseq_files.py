"""Writing pbcseq's sites as the files that a hospital would export: FHIR R4 NDJSON, or LIS CSV.

Hospitals write the same quantity in different units, so `site-2` writes SI units (umol/L, g/L,
10*9/L, mmol/L), and every loader's conversions are used on real values.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Any, Final

import yaml

from federation.gate.records.codes import CODES
from federation.gate.records.datasets.pbcseq import EPOCH, LABS, PbcPatient, PbcSite
from federation.gate.records.fhir_resources import LOINC_SYSTEM, UCUM_SYSTEM
from federation.gate.records.units import convert_from_canonical

SI_SITES: Final = frozenset({"site-2"})
LIS_SITE: Final = "site-4"
"""The site that the demo loads from its LIS instead of from FHIR."""

_SI_UNITS: Final = {
    "1975-2": "umol/L",
    "1751-7": "g/L",
    "777-3": "10*9/L",
    "2093-3": "mmol/L",
}
_UNITS: Final = dict(LABS.values())
_LIS_CODES: Final = {
    "BILI": "1975-2",
    "ALB": "1751-7",
    "PLT": "777-3",
    "PT": "5902-2",
    "ALP": "6768-6",
    "AST": "1920-8",
    "CHOL": "2093-3",
}
_LIS_MISSING: Final = "n.d."


def write_fhir(site: PbcSite, folder: Path, *, compress: bool = False) -> tuple[Path, Path]:
    """Write Patient.ndjson and Observation.ndjson (.gz when compressed) into `folder`.

    The same site gives the same bytes. Dates are EPOCH plus the visit's day, without a time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    end = ".ndjson.gz" if compress else ".ndjson"
    patients, observations = folder / f"Patient{end}", folder / f"Observation{end}"
    _write_lines(patients, (patient_resource(p) for p in site.patients))
    si = site.name in SI_SITES
    _write_lines(observations, (o for p in site.patients for o in observation_resources(p, si=si)))
    return patients, observations


def patient_resource(patient: PbcPatient) -> dict[str, Any]:
    """A Patient: no name, and of the birth date the year alone, from the age at enrolment."""
    born = EPOCH - timedelta(days=patient.age * 365.25)
    return {
        "resourceType": "Patient",
        "id": patient.record_id,
        "meta": {"versionId": "1"},
        "active": True,
        "gender": patient.gender,
        "birthDate": f"{born.year:04d}",
    }


def observation_resources(patient: PbcPatient, *, si: bool = False) -> Iterator[dict[str, Any]]:
    """One Observation for each result; `si` writes the units of _SI_UNITS."""
    for visit in patient.visits:
        for loinc, value in visit.values.items():
            unit = _SI_UNITS.get(loinc, _UNITS[loinc]) if si else _UNITS[loinc]
            yield {
                "resourceType": "Observation",
                "id": f"{patient.record_id}-{visit.day}-{loinc}",
                "meta": {"versionId": "1"},
                "status": "final",
                "category": [
                    {
                        "coding": [
                            {
                                "system": "http://terminology.hl7.org/CodeSystem/"
                                "observation-category",
                                "code": "laboratory",
                            }
                        ]
                    }
                ],
                "code": {
                    "coding": [
                        {"system": LOINC_SYSTEM, "code": loinc, "display": CODES[loinc].display}
                    ]
                },
                "subject": {"reference": f"Patient/{patient.record_id}"},
                "effectiveDateTime": _day(visit.day).isoformat(),
                "valueQuantity": {
                    "value": convert_from_canonical(CODES[loinc], value, unit),
                    "unit": unit,
                    "system": UCUM_SYSTEM,
                    "code": unit,
                },
            }


def write_lis(site: PbcSite, folder: Path) -> tuple[Path, Path]:
    """Write lab.csv (semicolons, decimal commas, local codes) and mapping.yaml into `folder`.

    A result that pbcseq lacks is a row that says "n.d.". Loading them gives the same records as
    the site's FHIR files do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, mapping = folder / "lab.csv", folder / "mapping.yaml"
    with table.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, delimiter=";", lineterminator="\n")
        rows.writerow(["case", "taken", "test", "result", "unit"])
        for patient in site.patients:
            for visit in patient.visits:
                for local, loinc in _LIS_CODES.items():
                    value = visit.values.get(loinc)
                    result = _LIS_MISSING if value is None else repr(value).replace(".", ",")
                    taken = _day(visit.day).strftime("%d.%m.%Y")
                    unit = _UNITS[loinc].lower()
                    rows.writerow(
                        [patient.record_id.removeprefix("pbc-"), taken, local, result, unit]
                    )
    mapping.write_text(yaml.safe_dump(lis_mapping(), sort_keys=False), encoding="utf-8")
    return table, mapping


def lis_mapping() -> dict[str, Any]:
    """The mapping that reads `write_lis`, as plain values."""
    return {
        "format": "assent-lis-1",
        "csv": {"delimiter": ";", "decimal": ","},
        "timezone": "UTC",
        "columns": {
            "patient": "case",
            "time": "taken",
            "code": "test",
            "value": "result",
            "unit": "unit",
        },
        "time_formats": ["%d.%m.%Y"],
        "patient_prefix": "pbc-",
        "unknown_patients": "create",
        "missing": [_LIS_MISSING],
        # This laboratory writes units in lower case; in UCUM case matters (u/l is an atomic mass).
        "units": {unit.lower(): unit for unit in sorted(set(_UNITS.values()))},
        "codes": {local: {"loinc": loinc} for local, loinc in _LIS_CODES.items()},
    }


def _day(day: int) -> date:
    return EPOCH + timedelta(days=day)


def _write_lines(path: Path, resources: Iterable[dict[str, Any]]) -> None:
    with path.open("wb") as raw:
        if path.suffix == ".gz":
            # No name and no time in the header, so that the same site gives the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
                _dump(stream, resources)
        else:
            _dump(raw, resources)


def _dump(stream: IO[bytes] | gzip.GzipFile, resources: Iterable[dict[str, Any]]) -> None:
    for resource in resources:
        stream.write(json.dumps(resource, separators=(",", ":")).encode() + b"\n")
