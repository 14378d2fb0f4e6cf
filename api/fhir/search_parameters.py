"""The search parameters of each resource: the search, and the CapabilityStatement, read this."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from api.fhir.naming import Resource

_R4 = "http://hl7.org/fhir/SearchParameter"
_FAST = "http://hl7.org/fhir/us/consent-management/SearchParameter"

#: What a criterion is compared with: ids; (system, code) pairs; instants and Periods; identifiers.
Said = Callable[[Resource], Iterable[Any]]


@dataclass(frozen=True)
class Parameter:
    """One search parameter.

    Attributes:
        kind: FHIR's type of it. References are found by `:identifier`, for they are logical here.
        said: what a resource says of it.
        definition: URL of the SearchParameter.
    """

    name: str
    kind: str
    said: Said
    definition: str
    documentation: str = ""


def _codes(concepts: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (coding["system"], coding["code"]) for concept in concepts for coding in concept["coding"]
    ]


def _identifiers(references: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (reference["identifier"]["system"], reference["identifier"]["value"])
        for reference in references
        if "identifier" in reference
    ]


def _actors(consent: Resource) -> list[dict[str, Any]]:
    return [actor["reference"] for actor in consent["provision"]["actor"]]


def _entities(event: Resource) -> list[dict[str, Any]]:
    return [entity["what"] for entity in event["entity"]]


_ID = Parameter("_id", "token", lambda found: [("", found["id"])], f"{_R4}/Resource-id")
_LAST_UPDATED = Parameter(
    "_lastUpdated",
    "date",
    lambda found: [found["meta"]["lastUpdated"]],
    f"{_R4}/Resource-lastUpdated",
)
_BY_IDENTIFIER = "With the modifier :identifier, as references are logical."

SEARCH_PARAMETERS: dict[str, tuple[Parameter, ...]] = {
    "Consent": (
        _ID,
        _LAST_UPDATED,
        Parameter(
            "identifier",
            "token",
            lambda found: _identifiers({"identifier": one} for one in found["identifier"]),
            f"{_R4}/clinical-identifier",
            "The token id, in decimal.",
        ),
        Parameter(
            "status",
            "token",
            lambda found: [("http://hl7.org/fhir/consent-state-codes", found["status"])],
            f"{_R4}/Consent-status",
        ),
        Parameter(
            "patient",
            "reference",
            lambda found: _identifiers([found["patient"]]),
            f"{_R4}/clinical-patient",
            _BY_IDENTIFIER,
        ),
        Parameter(
            "patientId",
            "token",
            lambda found: _identifiers([found["patient"]]),
            f"{_FAST}/fast-consent-patientId",
        ),
        Parameter(
            "actor",
            "reference",
            lambda found: _identifiers(_actors(found)),
            f"{_R4}/Consent-actor",
            _BY_IDENTIFIER,
        ),
        Parameter(
            "organizationId",
            "token",
            lambda found: _identifiers(_actors(found)),
            f"{_FAST}/fast-consent-organizationId",
        ),
        Parameter(
            "category", "token", lambda found: _codes(found["category"]), f"{_R4}/Consent-category"
        ),
        Parameter("scope", "token", lambda found: _codes([found["scope"]]), f"{_R4}/Consent-scope"),
        Parameter(
            "purpose",
            "token",
            lambda found: _codes([{"coding": found["provision"].get("purpose", [])}]),
            f"{_R4}/Consent-purpose",
        ),
        Parameter(
            "period",
            "date",
            lambda found: [found["provision"]["period"]],
            f"{_R4}/Consent-period",
        ),
        Parameter("date", "date", lambda found: [found["dateTime"]], f"{_R4}/clinical-date"),
    ),
    "AuditEvent": (
        _ID,
        _LAST_UPDATED,
        Parameter("date", "date", lambda found: [found["recorded"]], f"{_R4}/AuditEvent-date"),
        Parameter(
            "agent",
            "reference",
            lambda found: _identifiers(agent["who"] for agent in found["agent"]),
            f"{_R4}/AuditEvent-agent",
            _BY_IDENTIFIER,
        ),
        Parameter(
            "entity",
            "reference",
            lambda found: _identifiers(_entities(found)),
            f"{_R4}/AuditEvent-entity",
            f"{_BY_IDENTIFIER} A study, a round, a commitment or an object on IPFS.",
        ),
        Parameter(
            "type",
            "token",
            lambda found: _codes([{"coding": [found["type"]]}]),
            f"{_R4}/AuditEvent-type",
        ),
        Parameter(
            "subtype",
            "token",
            lambda found: _codes([{"coding": found["subtype"]}]),
            f"{_R4}/AuditEvent-subtype",
        ),
        Parameter(
            "patient",
            "reference",
            lambda found: _identifiers(
                entity["what"] for entity in found["entity"] if entity["type"]["code"] == "1"
            ),
            f"{_R4}/AuditEvent-patient",
            "The accounting of disclosures, for the signed-in holder alone: PATIENT is an address.",
        ),
        Parameter(
            "consent",
            "reference",
            lambda found: [
                ("", what["reference"].removeprefix("Consent/"))
                for what in _entities(found)
                if "reference" in what
            ],
            f"{_FAST}/fast-auditevent-consent",
            "The accounting of disclosures of one consent, for its signed-in holder alone.",
        ),
    ),
    "Provenance": (
        _ID,
        _LAST_UPDATED,
        Parameter(
            "target",
            "reference",
            lambda found: _identifiers(found["target"]),
            f"{_R4}/Provenance-target",
            f"{_BY_IDENTIFIER} urn:ietf:rfc:3986|ipfs://CID of the checkpoint or the manifest.",
        ),
        Parameter(
            "entity",
            "reference",
            lambda found: _identifiers(entity["what"] for entity in found["entity"]),
            f"{_R4}/Provenance-entity",
            _BY_IDENTIFIER,
        ),
        Parameter(
            "agent",
            "reference",
            lambda found: _identifiers(agent["who"] for agent in found["agent"]),
            f"{_R4}/Provenance-agent",
            _BY_IDENTIFIER,
        ),
        Parameter(
            "recorded", "date", lambda found: [found["recorded"]], f"{_R4}/Provenance-recorded"
        ),
        Parameter(
            "when", "date", lambda found: [found["occurredPeriod"]], f"{_R4}/Provenance-when"
        ),
    ),
}
