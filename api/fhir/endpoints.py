"""HL7 FHIR R4 at /fhir: metadata, terminology, and the routers of each resource."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.routing import BaseRoute

from api.fhir import consent_endpoints, round_endpoints
from api.fhir.capability import capability_statement
from api.fhir.dependencies import NamingOf
from api.fhir.responses import FhirRoute, resource_response
from api.fhir.terminology import code_system, extension_definition
from api.problems import MethodNotServed, NotFound

router = APIRouter(tags=["FHIR R4"], route_class=FhirRoute)
_RESOURCES = (consent_endpoints.router, round_endpoints.router)


def served_routes() -> list[BaseRoute]:
    """Every route below /fhir."""
    return [route for one in (router, *_RESOURCES) for route in one.routes]


@router.get(
    "/metadata",
    summary="What is served: a CapabilityStatement",
    responses={
        200: {
            "content": {
                "application/fhir+json": {
                    "example": {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
                }
            }
        }
    },
)
def metadata(request: Request, naming: NamingOf) -> Response:
    stated = capability_statement(served_routes(), version("assent"), naming)
    return resource_response(stated, request)


@router.get("/CodeSystem/{resource_id}", summary="A code system that the resources use")
def read_code_system(
    resource_id: Annotated[str, Path(examples=["activity"])], request: Request, naming: NamingOf
) -> Response:
    found = code_system(resource_id, naming)
    if found is None:
        raise NotFound("there is no such CodeSystem")
    return resource_response(found, request)


@router.get("/StructureDefinition/{resource_id}", summary="An extension that the resources use")
def read_structure_definition(
    resource_id: Annotated[str, Path(examples=["disease"])], request: Request, naming: NamingOf
) -> Response:
    found = extension_definition(resource_id, naming)
    if found is None:
        raise NotFound("there is no such StructureDefinition")
    return resource_response(found, request)


for _one in _RESOURCES:
    router.include_router(_one)


@router.api_route(
    "/{rest:path}",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    include_in_schema=False,
)
def not_served(rest: str, request: Request) -> Response:
    """Whatever else is asked for below /fhir is refused as FHIR refuses."""
    if request.method == "GET":
        raise NotFound("it is not served; GET /fhir/metadata says what is")
    raise MethodNotServed("this interaction is not served; GET /fhir/metadata says what is")
