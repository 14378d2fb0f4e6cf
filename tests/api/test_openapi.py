"""Whatever anyone sends to any operation, the service answers with no defect."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import one_of
from pydantic import SecretStr
from schemathesis import GenerationMode

from api.app import create_app
from api.index.indexer import Indexer
from api.service import Service
from api.settings import Settings
from federation.gate.private_files import write_private_file
from tests.api.people import signed_in
from tests.world import World

ALL = list(HealthCheck)
#: They never end; their own tests read them.
STREAMS = {"/v1/stream"}


@pytest.fixture(scope="module")
def application(
    module_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, dict[str, str]]]:
    """The app over a chain with a study and consents, and headers of one who is signed in."""
    folder: Path = tmp_path_factory.mktemp("openapi")
    module_world.deployment.save(folder / "deployment.json")
    study = module_world.approved_study()
    holder = module_world.accounts[20]
    module_world.give_consent(study, module_world.sites[0], holder)
    relayer_key = folder / "relayer.key"
    write_private_file(relayer_key, b"0x" + bytes(module_world.carrier.key).hex().encode())
    webhook_key = folder / "webhook.key"
    write_private_file(webhook_key, b"0x" + b"77" * 32)
    service = Service.start(
        Settings(
            rpc_url=module_world.rpc_url,  # type: ignore[arg-type]
            deployment=folder / "deployment.json",
            database_url=SecretStr(f"sqlite:///{folder / 'api.db'}"),
            relayer_key=relayer_key,
            webhook_keys=(webhook_key,),
            requests_per_minute=1_000_000,
        )
    )
    while Indexer(service).run_once():
        pass
    app = create_app(service)
    with TestClient(app, base_url=service.settings.origin) as client:
        yield app, signed_in(client, holder)


def test_no_request_makes_it_fail(application: tuple[Any, dict[str, str]]) -> None:
    """Requests drawn from the OpenAPI document, for every operation, by one who is signed in."""
    app, headers = application
    wrong: list[str] = []
    operations = [
        one.ok()
        for one in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]
    assert len(operations) > 50
    for operation in operations:
        if operation.path in STREAMS:
            continue

        @settings(max_examples=12, database=None, derandomize=True, suppress_health_check=ALL)
        @given(case=one_of(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
        def holds(case: Any) -> None:
            answer = case.call(headers=headers)
            kind = answer.headers.get("content-type", [""])[0]
            is_problem = "problem+json" in kind or "fhir+json" in kind
            fails = answer.status_code >= 500 and answer.status_code != 503
            if fails or (answer.status_code >= 400 and not is_problem):
                wrong.append(f"{case.method} {case.formatted_path}: {answer.status_code} {kind}")

        holds()
    assert wrong == []


def test_errors_are_described_as_they_are_told(application: tuple[Any, dict[str, str]]) -> None:
    app, _ = application
    described = app.openapi()
    with TestClient(app) as client:
        for path, kind in (("/v1/me", "application/problem+json"), ("/fhir/Consent/0", None)):
            told = client.get(path)
            kind = kind or "application/fhir+json"
            assert told.headers["content-type"] == kind
            shown = described["paths"][path.replace("/0", "/{resource_id}")]["get"]["responses"]
            assert set(shown["default"]["content"]) == {kind}
            lacking = set(shown["default"]["content"][kind]["schema"].get("required", []))
            assert lacking <= set(told.json())
    assert "#/$defs/" not in str(described)
    assert "HTTPValidationError" not in described["components"]["schemas"]
    assert {"access token": []} in described["paths"]["/v1/me"]["get"]["security"]
    assert {"session": []} in described["paths"]["/v1/me"]["get"]["security"]


def test_every_operation_has_a_summary_and_an_example(
    application: tuple[Any, dict[str, str]],
) -> None:
    described = application[0].openapi()
    schemas = described["components"]["schemas"]
    lacking = []
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            shown = list(_shown(operation))
            if not operation.get("summary"):
                lacking.append(f"{method} {path}: summary")
            if shown and not any(_has_example(one, schemas) for one in shown):
                lacking.append(f"{method} {path}: example")
    assert lacking == []


def test_every_answer_tells_a_block_in_one_shape(application: tuple[Any, dict[str, str]]) -> None:
    schemas = application[0].openapi()["components"]["schemas"]
    block = "#/components/schemas/BlockShown"
    told = 0
    for name, schema in schemas.items():
        members = schema.get("properties", {})
        # FHIR resources have the members that R4 prescribes.
        for one in {"block", "as_of"} & set(members):
            refs = [members[one], *members[one].get("anyOf", []), *members[one].get("allOf", [])]
            assert block in [ref.get("$ref") for ref in refs], f"{name}.{one}"
            told += 1
        assert name == "BlockShown" or not {"number", "hash"} <= set(members), name
    assert told > 8
    assert set(schemas["BlockShown"]["properties"]) == {"number", "hash", "timestamp"}


def _shown(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All that an operation takes, and gives when it succeeds."""
    yield from operation.get("parameters", [])
    yield from operation.get("requestBody", {}).get("content", {}).values()
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).values()


def _has_example(
    value: dict[str, Any], schemas: dict[str, Any], above: tuple[str, ...] = ()
) -> bool:
    if "example" in value or "examples" in value:
        return True
    name = value.get("$ref", "").rpartition("/")[2]
    if name and name not in above:
        return _has_example(schemas[name], schemas, (*above, name))
    below = [value[key] for key in ("schema", "items") if isinstance(value.get(key), dict)]
    below += [one for key in ("anyOf", "allOf", "oneOf") for one in value.get(key, [])]
    below += list(value.get("properties", {}).values())
    return any(_has_example(one, schemas, above) for one in below)
