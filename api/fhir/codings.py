"""Codings of published code systems that several resources use."""

from __future__ import annotations

from typing import Any

Coding = dict[str, str]

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def dicom(code: str) -> Coding:
    """A code of DICOM's Controlled Terminology."""
    return {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": code}


def lifecycle(code: str) -> Coding:
    """An event of a record's life cycle (ISO 21089)."""
    return {"system": f"{_TERMINOLOGY}/iso-21089-lifecycle", "code": code}


def participation(code: str) -> Coding:
    """A code of HL7 v3 ParticipationType."""
    return {"system": f"{_TERMINOLOGY}/v3-ParticipationType", "code": code}


def terminology(name: str, code: str) -> Coding:
    """A code of another system of HL7 Terminology."""
    return {"system": f"{_TERMINOLOGY}/{name}", "code": code}


def resource_type(name: str) -> Coding:
    """A type of resource, as what an entity is."""
    return {"system": "http://hl7.org/fhir/resource-types", "code": name}


def concept(*codings: Any) -> dict[str, Any]:
    """A CodeableConcept."""
    return {"coding": list(codings)}
