"""Consent: read, versions, search, and the two operations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Path, Request, Response

from api.fhir.dependencies import NamingOf, PairsOf, ReaderOf, ReadingOf, StrictOf
from api.fhir.examples import (
    FILE_CONSENT,
    REVOKE_CONSENT,
    form_documentation,
    search_documentation,
)
from api.fhir.naming import Resource
from api.fhir.operations import Submission
from api.fhir.outcomes import informational
from api.fhir.reading import Reading
from api.fhir.responses import FhirRoute, prefers, resource_response
from api.fhir.searching import read_search
from api.outbox.intake import IntakeOf
from api.outbox.models import AcceptedAct
from api.problems import NotFound
from api.signin.caller import MaybeCallerOf

router = APIRouter(route_class=FhirRoute)
_ConsentId = Annotated[
    str, Path(examples=["00000000000000013c44cdddb6a900fa2b585dd299e03d12fa4293bc00000000"])
]
_Revocation = Annotated[
    dict[str, Any],
    Body(media_type="application/fhir+json", openapi_examples={"R4": {"value": REVOKE_CONSENT}}),
]


def _submission(
    intake: IntakeOf,
    caller: MaybeCallerOf,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Submission:
    address = None if caller is None else caller.address
    return Submission(intake, address, idempotency_key)


SubmissionOf = Annotated[Submission, Depends(_submission)]


def _search(
    request: Request, reading: Reading, caller: str, pairs: list[tuple[str, str]], strict: bool
) -> Response:
    search = read_search("Consent", pairs, strict)
    bundle = search.bundle(reading.consents(caller, search.after), reading.naming.base)
    for entry in bundle.get("entry", []):
        # Found by the events; what is shown has the chain's own answer.
        token = reading.token_to_see(entry["resource"]["id"], caller)
        entry["resource"] = reading.consent(token)
    return resource_response(bundle, request)


@router.get(
    "/Consent",
    summary="Search the consents that you may see",
    openapi_extra=search_documentation("Consent"),
)
def search_consents(
    request: Request, reading: ReadingOf, caller: ReaderOf, pairs: PairsOf, strict: StrictOf
) -> Response:
    return _search(request, reading, caller.address, pairs, strict)


@router.post(
    "/Consent/_search",
    summary="The same search with a form",
    openapi_extra=form_documentation("Consent"),
)
def search_consents_by_form(
    request: Request, reading: ReadingOf, caller: ReaderOf, pairs: PairsOf, strict: StrictOf
) -> Response:
    return _search(request, reading, caller.address, pairs, strict)


@router.get("/Consent/{resource_id}", summary="A consent as the chain has it")
def read_consent(
    resource_id: _ConsentId, request: Request, reading: ReadingOf, caller: ReaderOf
) -> Response:
    token = reading.token_to_see(resource_id, caller.address)
    return resource_response(reading.consent(token), request)


@router.get("/Consent/{resource_id}/_history", summary="Every version of a consent, newest first")
def consent_history(
    resource_id: _ConsentId, request: Request, reading: ReadingOf, caller: ReaderOf
) -> Response:
    token = reading.token_to_see(resource_id, caller.address)
    found = [reading.consent_as(token, one) for one in reading.consent_versions(token)]
    base = reading.naming.base
    bundle = {
        "resourceType": "Bundle",
        "type": "history",
        "total": len(found),
        "link": [{"relation": "self", "url": f"{base}/Consent/{resource_id}/_history"}],
        "entry": [_past(one, base) for one in reversed(found)],
    }
    return resource_response(bundle, request)


@router.get("/Consent/{resource_id}/_history/{version}", summary="One version of a consent")
def read_consent_version(
    resource_id: _ConsentId, version: str, request: Request, reading: ReadingOf, caller: ReaderOf
) -> Response:
    token = reading.token_to_see(resource_id, caller.address)
    for one in reading.consent_versions(token):
        if str(one.number) == version:
            return resource_response(reading.consent_as(token, one), request)
    raise NotFound("the Consent has no such version")


@router.post(
    "/Consent/$fileConsent",
    status_code=202,
    summary="File a consent: have a signed grant carried to the chain",
)
def file_consent(
    body: Annotated[
        dict[str, Any],
        Body(media_type="application/fhir+json", openapi_examples={"R4": {"value": FILE_CONSENT}}),
    ],
    request: Request,
    submission: SubmissionOf,
    naming: NamingOf,
) -> Response:
    return _accepted(submission.file_consent(body, naming), request)


@router.post(
    "/Consent/$revokeConsent",
    status_code=202,
    summary="Revoke the consent that the parameters name",
)
def revoke_consent(
    body: _Revocation,
    request: Request,
    submission: SubmissionOf,
    naming: NamingOf,
) -> Response:
    return _accepted(submission.revoke_consent(body, None, naming), request)


@router.post(
    "/Consent/{resource_id}/$revokeConsent",
    status_code=202,
    summary="Revoke a consent: have a signed revocation carried to the chain",
)
def revoke_this_consent(
    resource_id: _ConsentId,
    body: _Revocation,
    request: Request,
    submission: SubmissionOf,
    naming: NamingOf,
) -> Response:
    return _accepted(submission.revoke_consent(body, resource_id, naming), request)


def _accepted(act: AcceptedAct, request: Request) -> Response:
    headers = {"Location": act.path}
    if prefers(request).get("return") == "minimal":
        return Response(status_code=202, headers=headers)
    text = f"Kept, and on its way to the chain. GET {act.path} tells how far it has come."
    return resource_response(informational(text), request, 202, headers)


def _past(resource: Resource, base: str) -> dict[str, Any]:
    first = resource["meta"]["versionId"] == "1"
    return {
        "fullUrl": f"{base}/Consent/{resource['id']}",
        "resource": resource,
        "request": {
            "method": "POST" if first else "PUT",
            "url": "Consent" if first else f"Consent/{resource['id']}",
        },
        "response": {
            "status": "201" if first else "200",
            "etag": f'W/"{resource["meta"]["versionId"]}"',
            "lastModified": resource["meta"]["lastUpdated"],
        },
    }
