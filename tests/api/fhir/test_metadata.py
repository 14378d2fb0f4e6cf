"""What the service says that it serves is what it serves, in the form that FHIR asks for."""

from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.fhir.endpoints import served_routes
from api.fhir.naming import Naming
from api.fhir.search_parameters import SEARCH_PARAMETERS
from tests.api.fhir.conftest import Day
from tests.api.fhir.r4 import leaves, resources_of, valid


@pytest.fixture(scope="module")
def stated(fhir: TestClient) -> dict[str, Any]:
    return valid(fhir.get("/fhir/metadata").json())


def test_every_stated_interaction_answers(
    fhir: TestClient, day: Day, stated: dict[str, Any]
) -> None:
    assert stated["fhirVersion"] == "4.0.1"
    ids = {
        "Consent": day.id_of("anna"),
        "AuditEvent": resources_of(fhir.get("/fhir/AuditEvent").json())[0]["id"],
        "Provenance": f"{day.study}-1",
        "CodeSystem": "activity",
        "StructureDefinition": "disease",
    }
    paths = {
        "read": "/{id}",
        "vread": "/{id}/_history/1",
        "history-instance": "/{id}/_history",
        "search-type": "",
    }
    for resource in stated["rest"][0]["resource"]:
        for interaction in resource["interaction"]:
            path = paths[interaction["code"]].format(id=ids[resource["type"]])
            url = f"/fhir/{resource['type']}{path}"
            assert fhir.get(url, headers=day.headers["anna"]).status_code == 200, url
        for operation in resource.get("operation", []):
            url = f"/fhir/{resource['type']}/${operation['name']}"
            answer = fhir.post(url, json={}, headers=day.headers["anna"])
            assert answer.status_code == 422, url
    assert set(ids) == {one["type"] for one in stated["rest"][0]["resource"]}


def test_every_stated_search_parameter_filters(
    fhir: TestClient, day: Day, stated: dict[str, Any]
) -> None:
    never = {"token": "no-such-code", "reference": "nobody", "date": "1900"}
    for resource in stated["rest"][0]["resource"]:
        for parameter in resource.get("searchParam", []):
            query = f"{parameter['name']}={never[parameter['type']]}"
            answer = fhir.get(f"/fhir/{resource['type']}?{query}", headers=day.headers["anna"])
            assert resources_of(answer.json()) == [], query
    listed = {
        one["type"]: {parameter["name"] for parameter in one.get("searchParam", [])}
        for one in stated["rest"][0]["resource"]
    }
    assert {k: v for k, v in listed.items() if v} == {
        type_: {one.name for one in parameters} for type_, parameters in SEARCH_PARAMETERS.items()
    }


def test_no_route_is_unstated(fhir: TestClient, stated: dict[str, Any]) -> None:
    types = {one["type"] for one in stated["rest"][0]["resource"]}
    paths = {route.path for route in served_routes() if isinstance(route, APIRoute)}
    assert {path.split("/")[1] for path in paths} == types | {"metadata", "{rest:path}"}
    described = fhir.get("/openapi.json").json()["paths"]
    assert {f"/fhir{path}" for path in paths if "{rest" not in path} == {
        path for path in described if path.startswith("/fhir")
    }


def test_every_code_system_and_extension_that_is_used_is_defined(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    reviewer = day.headers["reviewer"]
    shown = [
        fhir.get("/fhir/Consent", headers=reviewer).json(),
        fhir.get("/fhir/AuditEvent").json(),
    ]
    found = [one for bundle in shown for one in resources_of(bundle)]
    used = {value for one in found for _, value in leaves(one, "") if type(value) is str}
    own = {value for value in used if value.startswith(naming.base)}
    assert len(own) == 5
    for url in own:
        assert valid(fhir.get(url).json())["url"] == url
    codes = {one["subtype"][0]["code"] for one in found if "subtype" in one}
    acts = fhir.get(naming.code_system("round-act")).json()
    assert codes <= {one["code"] for one in acts["concept"]}
    assert fhir.get("/fhir/CodeSystem/other").status_code == 404
    assert fhir.get("/fhir/StructureDefinition/other").status_code == 404


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("", "application/fhir+json", 200),
        ("", "application/fhir+json; fhirVersion=4.0", 200),
        ("", "application/fhir+json; fhirVersion=5.0", 406),
        ("", "text/html, */*;q=0.1", 200),
        ("", "application/fhir+xml", 406),
        ("", "application/json;q=0", 406),
        ("?_format=json", "application/fhir+xml", 200),
        ("?_format=application/fhir%2Bjson", "*/*", 200),
        ("?_format=application/fhir+json", "*/*", 200),
        ("?_format=xml", "application/fhir+json", 406),
    ],
)
def test_only_json_of_fhir_4_is_given(
    fhir: TestClient, query: str, accept: str, status: int
) -> None:
    answer = fhir.get(f"/fhir/metadata{query}", headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/fhir+json"
    valid(answer.json())


def test_what_is_not_served_is_refused_as_fhir_refuses(fhir: TestClient) -> None:
    missing = fhir.get("/fhir/Patient/1")
    assert missing.status_code == 404
    assert valid(missing.json())["issue"][0]["code"] == "not-found"
    for method in ("put", "delete", "patch"):
        answer = getattr(fhir, method)("/fhir/Consent/1")
        assert answer.status_code == 405
        assert valid(answer.json())["issue"][0]["code"] == "not-supported"
    broken = fhir.post(
        "/fhir/Consent/$fileConsent",
        content=b"{",
        headers={"Content-Type": "application/fhir+json"},
    )
    assert broken.status_code == 422
    valid(broken.json())
