"""Who asks too often waits, who sends too much is cut off, and foreign pages get nothing."""

import json
import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.observability.logs import ALLOWED, configure_logs
from api.service import Service
from api.settings import Settings
from tests.world import World

HUNDRED_MEGABYTES = 100_000_000
PAGE = "https://app.example"


def _settings(world: World, folder: object, **changes: object) -> Settings:
    deployment = f"{folder}/deployment.json"
    world.deployment.save(type(world.folder)(deployment))
    return Settings(
        rpc_url=world.rpc_url,
        deployment=deployment,
        database_url=f"sqlite:///{folder}/api.db",
        **changes,
    )


@pytest.fixture(scope="module")
def strict(module_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with a low rate, and one page elsewhere that may use it."""
    settings = _settings(
        module_world,
        tmp_path_factory.mktemp("strict"),
        requests_per_minute=20,
        cors_origins=PAGE,
    )
    with TestClient(create_app(Service.start(settings)), base_url=settings.origin) as client:
        yield client


def test_only_a_listed_page_may_read_answers(strict: TestClient) -> None:
    for origin, allowed in ((PAGE, PAGE), ("https://evil.example", None), ("null", None)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = strict.options("/v1/acts", headers=asked)
        assert preflight.headers.get("access-control-allow-origin") == allowed
        answer = strict.get("/problems", headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_a_listed_page_may_send_and_read_what_the_operations_use(strict: TestClient) -> None:
    for header in ("Idempotency-Key", "If-None-Match", "Last-Event-ID", "Prefer"):
        preflight = strict.options(
            "/fhir/Consent/$fileConsent",
            headers={
                "Origin": PAGE,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": header,
            },
        )
        assert preflight.status_code == 200, header
    told = strict.get("/problems", headers={"Origin": PAGE})
    assert "Location" in told.headers["access-control-expose-headers"]


def test_a_body_of_a_hundred_megabytes_is_never_read(strict: TestClient) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < HUNDRED_MEGABYTES:
            sent += 65_536
            yield b"[" * 65_536

    declared = {"Content-Length": str(HUNDRED_MEGABYTES), "Content-Type": "application/json"}
    for headers in (declared, {"Content-Type": "application/json"}):
        answer = strict.post("/v1/acts", content=endless(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


def test_whoever_asks_too_often_is_told_when_to_come_back(strict: TestClient) -> None:
    answers = [strict.get("/problems") for _ in range(21)]
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too-many-requests"
    assert int(refused.headers["retry-after"]) > 0
    # Whoever watches over it is not a client.
    assert strict.get("/healthz").status_code == 200


def test_logs_hold_nothing_of_what_was_sent(
    strict: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    token, address = "6277101735386680764", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    configure_logs()
    assert logging.getLogger("uvicorn.access").disabled
    strict.get(f"/v1/consents/{token}", headers={"Authorization": f"Bearer {address}"})
    strict.post("/v1/acts", json={"signer": address})
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in (out + err).splitlines() if line.startswith("{")]
    assert lines
    for line in lines:
        assert set(line) <= ALLOWED
    assert token not in out + err
    assert address not in out + err
