"""AuditEvent and Provenance: admissions, rounds, and a holder's accounting of disclosures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request, Response

from api.fhir.dates import DateCriterion
from api.fhir.dependencies import PairsOf, ReaderOf, ReadingOf, StrictOf
from api.fhir.examples import RECORD_DISCLOSURE, form_documentation, search_documentation
from api.fhir.naming import disclosure_of_id
from api.fhir.operations import known_disclosure
from api.fhir.outcomes import informational
from api.fhir.reading import Reading
from api.fhir.responses import FhirRoute, resource_response
from api.fhir.searching import Search, read_search
from api.signin.caller import Caller, MaybeCallerOf
from api.signin.problems import NotSignedIn, ScopeMissing
from api.signin.scopes import Scope

router = APIRouter(route_class=FhirRoute)
_OPENS_AFTER = frozenset({"eq", "ge", "gt", "sa"})
_CLOSES_BEFORE = frozenset({"eq", "le", "lt", "eb"})


def _search_audit_events(
    request: Request,
    reading: Reading,
    caller: Caller | None,
    pairs: list[tuple[str, str]],
    strict: bool,
) -> Response:
    search = read_search("AuditEvent", pairs, strict)
    base = reading.naming.base
    if search.names("patient") or search.names("consent"):
        address = _reader(caller)
        return resource_response(
            search.bundle(reading.disclosures(address, search.after), base), request
        )
    since, before = _times(search)
    events = reading.audit_events(search.after, since, before, _study(search, reading))
    return resource_response(search.bundle(events, base), request)


@router.get(
    "/AuditEvent",
    summary="Search admissions and acts of rounds, or the accounting of your disclosures",
    openapi_extra=search_documentation("AuditEvent"),
)
def search_audit_events(
    request: Request,
    reading: ReadingOf,
    caller: MaybeCallerOf,
    pairs: PairsOf,
    strict: StrictOf,
) -> Response:
    return _search_audit_events(request, reading, caller, pairs, strict)


@router.post(
    "/AuditEvent/_search",
    summary="The same search with a form",
    openapi_extra=form_documentation("AuditEvent"),
)
def search_audit_events_by_form(
    request: Request,
    reading: ReadingOf,
    caller: MaybeCallerOf,
    pairs: PairsOf,
    strict: StrictOf,
) -> Response:
    return _search_audit_events(request, reading, caller, pairs, strict)


@router.get(
    "/AuditEvent/{resource_id}", summary="One admission or act of a round, or one disclosure"
)
def read_audit_event(
    resource_id: Annotated[str, Path(examples=["1204-0"])],
    request: Request,
    reading: ReadingOf,
    caller: MaybeCallerOf,
) -> Response:
    if disclosure_of_id(resource_id) is not None:
        return resource_response(reading.disclosure(resource_id, _reader(caller)), request)
    return resource_response(reading.audit_event(resource_id), request)


@router.post(
    "/AuditEvent/$recordDisclosure",
    summary="Whether the chain tells of a disclosure; nothing is recorded",
)
def record_disclosure(
    body: Annotated[
        dict[str, Any],
        Body(
            media_type="application/fhir+json",
            openapi_examples={"R4": {"value": RECORD_DISCLOSURE}},
        ),
    ],
    request: Request,
    reading: ReadingOf,
    caller: ReaderOf,
) -> Response:
    id_ = known_disclosure(reading, body, caller.address)
    text = f"The chain has it already; to the holder it is AuditEvent/{id_}. Nothing was added."
    return resource_response(informational(text), request)


@router.get(
    "/Provenance",
    summary="Search closed rounds",
    openapi_extra=search_documentation("Provenance"),
)
def search_provenances(
    request: Request, reading: ReadingOf, pairs: PairsOf, strict: StrictOf
) -> Response:
    search = read_search("Provenance", pairs, strict)
    found = search.bundle(reading.provenances(search.after), reading.naming.base)
    return resource_response(found, request)


@router.post(
    "/Provenance/_search",
    summary="The same search with a form",
    openapi_extra=form_documentation("Provenance"),
)
def search_provenances_by_form(
    request: Request, reading: ReadingOf, pairs: PairsOf, strict: StrictOf
) -> Response:
    return search_provenances(request, reading, pairs, strict)


@router.get("/Provenance/{resource_id}", summary="How a closed round's checkpoint was made")
def read_provenance(
    resource_id: Annotated[str, Path(examples=["1-3"])], request: Request, reading: ReadingOf
) -> Response:
    return resource_response(reading.provenance(resource_id), request)


def _reader(caller: Caller | None) -> str:
    if caller is None:
        raise NotSignedIn
    if Scope.CONSENT_READ not in caller.scopes:
        raise ScopeMissing(f"the scope {Scope.CONSENT_READ.value} is needed")
    return caller.address


def _times(search: Search) -> tuple[int | None, int | None]:
    """Chain times that hold every event which the search's dates can match, to read no others."""
    since, before = None, None
    for criterion in search.criteria:
        if criterion.parameter.name not in ("date", "_lastUpdated") or len(criterion.values) > 1:
            continue
        date = DateCriterion.parse(criterion.values[0])
        if date.prefix in _OPENS_AFTER:
            since = max(since or 0, int(date.low))
        if date.prefix in _CLOSES_BEFORE:
            high = int(date.high) + 1
            before = high if before is None else min(before, high)
    return since, before


def _study(search: Search, reading: Reading) -> int | None:
    """The study that every match must be of, when the search names one as an entity."""
    values = search.values("entity")
    if values is None or len(values) != 1:
        return None
    system, _, value = values[0].rpartition("|")
    number = value.partition("/")[0]
    named = system in (reading.naming.studies, reading.naming.rounds)
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    return int(number) if named and is_number else None
