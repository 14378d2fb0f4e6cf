"""Who asks too often waits, who sends too much is cut off, and foreign pages get nothing."""

import json
import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection

from api.app import create_app
from api.http.clients import client_of
from api.observability.logs import ALLOWED
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


def test_a_network_of_one_subscriber_is_one_client(strict: TestClient) -> None:
    """An IPv6 subscriber has 2^64 addresses, and would have as many rates."""

    def asked_from(host: str) -> int:
        return TestClient(strict.app, client=(host, 50_000)).get("/problems").status_code

    hosts = [f"2001:db8:7:{place % 2 + 1:x}::{place:x}" for place in range(42)]
    answers = [asked_from(host) for host in hosts]
    assert answers == [200] * 40 + [429] * 2
    assert asked_from("2001:db8:7:3::1") == 200
    assert asked_from("::ffff:192.0.2.7") == asked_from("192.0.2.8") == 200


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("2001:db8:7:1:aaaa::1", "2001:db8:7:1::/64"),
        ("2001:db8:7:1::2", "2001:db8:7:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_an_address_or_a_subscribers_network(host: str, client: str) -> None:
    assert client_of(HTTPConnection({"type": "http", "client": (host, 1)})) == client
    assert client_of(HTTPConnection({"type": "http", "client": None})) == ""


def test_an_address_with_a_slash_too_many_leads_nowhere(strict: TestClient) -> None:
    """A redirection would name whatever host the request had named."""
    for path in ("/v1/studies/", "/problems/"):
        answer = TestClient(strict.app, client=("192.0.2.9", 1)).get(
            path, headers={"Host": "evil.example"}, follow_redirects=False
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
        assert "slash" in answer.json()["fix"]
        assert "location" not in answer.headers


@pytest.mark.usefixtures("service_logs")
def test_logs_hold_nothing_of_what_was_sent(
    strict: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    token, address = "6277101735386680764", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
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
