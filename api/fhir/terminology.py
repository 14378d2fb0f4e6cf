"""The code systems and extensions that the resources here use and no one else defines."""

from __future__ import annotations

from api.fhir.audit_resource import ACTS
from api.fhir.naming import Naming, Resource

_DATE = "2026-01-01"

_ACTIVITIES = {
    "training": "The record may make a contribution to a round",
    "evaluation": "The error of a model may be measured on the record; it enters no sum",
}
_ACT_WORDS = {
    "opened": "The coordinator has opened a round",
    "committed": "A site has admitted records and committed to what it made of them",
    "sealed": "The ledger has fixed the members of a round and charged its privacy cost",
    "delivery-recorded": "A member has put on record which masked vector it delivers",
    "closed": "The round's checkpoint is made",
    "aborted": "The round ends without a checkpoint",
    "barred": "A site that did not deliver may take part in no round until it is readmitted",
    "readmitted": "A reviewer lets a barred site take part again",
    "challenged": "A site has to answer a question about a round",
    "answered": "A site has answered it",
    "faulted": "A site has not answered in time",
}
#: By name: where it stands, what it holds, whether it changes a meaning, and what it says.
_EXTENSIONS = {
    "disease": (
        "Coding",
        "Coding",
        False,
        "The disease (MONDO) that disease specific research (DUO:0000007) is limited to",
    ),
    "condition": (
        "Consent.provision",
        "Coding",
        True,
        "A condition (DUO) without which the provision permits nothing",
    ),
    "signed-hash": (
        "Consent.verification",
        "code",
        False,
        "The EIP-712 digest that the holder has signed, 0x and 64 hexadecimal digits",
    ),
}


def code_system(name: str, naming: Naming) -> Resource | None:
    """A CodeSystem by id; None when there is none."""
    if name == "activity":
        return _code_system(name, "Activities of a study", _ACTIVITIES, naming)
    if name == "round-act":
        codes = {code: _ACT_WORDS[code] for code, _, _ in ACTS.values()}
        return _code_system(name, "Acts of a round", codes, naming)
    return None


def extension_definition(name: str, naming: Naming) -> Resource | None:
    """The StructureDefinition of an extension by id; None when there is none."""
    if name not in _EXTENSIONS:
        return None
    place, type_, modifies, words = _EXTENSIONS[name]
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "url": naming.extension(name),
        "name": "".join(part.capitalize() for part in name.split("-")),
        "status": "active",
        "date": _DATE,
        "description": words,
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": place}],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {
            "element": [
                {
                    "id": "Extension",
                    "path": "Extension",
                    "short": words,
                    "definition": words,
                    "min": 0,
                    "max": "*" if modifies else "1",
                    "isModifier": modifies,
                    **({"isModifierReason": "It restricts a permission"} if modifies else {}),
                },
                {
                    "id": "Extension.url",
                    "path": "Extension.url",
                    "fixedUri": naming.extension(name),
                },
                {
                    "id": "Extension.value[x]",
                    "path": "Extension.value[x]",
                    "min": 1,
                    "type": [{"code": type_}],
                },
            ]
        },
    }


def _code_system(name: str, title: str, codes: dict[str, str], naming: Naming) -> Resource:
    return {
        "resourceType": "CodeSystem",
        "id": name,
        "url": naming.code_system(name),
        "name": "".join(part.capitalize() for part in name.split("-")),
        "title": title,
        "status": "active",
        "experimental": False,
        "date": _DATE,
        "caseSensitive": True,
        "content": "complete",
        "count": len(codes),
        "concept": [{"code": code, "display": words} for code, words in codes.items()],
    }
