"""What nobody expected is told as all else is, and its text stays out of answers and logs."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import QueuePool

from api.app import create_app
from api.http.headers import SECURITY_HEADERS
from api.index import repository
from api.index.indexer import Indexer
from api.observability.logs import ALLOWED
from api.service import Service
from api.settings import Settings

PAGE = "https://app.example"
SENT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    service = Service.start(settings.model_copy(update={"cors_origins": (PAGE,)}))
    Indexer(service).run_once()
    with TestClient(create_app(service), base_url=settings.origin) as found:
        yield found
    service.close()


@pytest.mark.usefixtures("service_logs")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_defect_has_every_answers_headers_and_nothing_of_what_was_sent(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> list[int]:
        raise RuntimeError(SENT)

    monkeypatch.setattr(repository, "study_ids", fail)
    monkeypatch.setattr(logging.root, "handlers", [])  # as in the service's own process
    answer = client.get("/v1/studies", headers={"Origin": PAGE})
    logging.getLogger("uvicorn.error").error("In an application\n", exc_info=RuntimeError(SENT))
    logging.getLogger("asyncio").error("Never retrieved\nfuture: <Task exception=%s>", SENT)
    assert (answer.status_code, answer.json()["code"]) == (500, "defect")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert {name.lower() for name in SECURITY_HEADERS} <= set(answer.headers)
    assert answer.headers["access-control-allow-origin"] == PAGE
    out, err = capfd.readouterr()
    assert SENT not in answer.text + out + err
    lines = [json.loads(line) for line in (out + err).splitlines()]
    assert {one["event"] for one in lines} >= {"problem", "In an application", "Never retrieved"}
    assert all(set(line) <= ALLOWED for line in lines)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_the_framework_refuses_has_a_code_and_a_page_too(client: TestClient) -> None:
    sign_in, json_ = "/v1/signin/ethereum", {"Content-Type": "application/json"}
    for answer, status, code in (
        (client.post(sign_in, content=b"\xff{", headers=json_), 400, "body-unreadable"),
        (client.post(sign_in, content=b"[" * 100_000, headers=json_), 400, "body-unreadable"),
        (client.patch("/v1/acts"), 405, "method-not-served"),
    ):
        told = answer.json()
        assert (answer.status_code, told["code"]) == (status, code), told
        assert told["fix"]
        assert client.get(told["type"]).json()["code"] == code
    assert client.patch("/v1/acts").headers["allow"] == "POST"
    form = client.post(sign_in, content=b"{}").json()
    assert (form["code"], "Content-Type: application/json" in form["fix"]) == (
        "request-invalid",
        True,
    )


def test_what_a_database_cannot_have_is_not_taken_for_a_database_that_is_away(
    client: TestClient,
) -> None:
    # SQLite looks for it and finds nothing; PostgreSQL has no NUL.
    assert client.get("/v1/acts/%00").status_code in (404, 422)


def test_who_finds_every_connection_taken_is_told_to_come_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads that wait for a slow node keep theirs; nobody else's request is a defect for that."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    pool = service.engine.pool
    assert isinstance(pool, QueuePool)
    monkeypatch.setattr(pool, "_timeout", 0.0)
    with ExitStack() as taken:
        for _ in range(pool.size() + pool._max_overflow):
            taken.enter_context(service.engine.connect())
        for path in ("/v1/studies", "/fhir/AuditEvent"):
            answer = client.get(path)
            assert answer.status_code == 503, answer.text
            assert "database-unreachable" in answer.text
            assert int(answer.headers["retry-after"]) > 0
    assert client.get("/v1/studies").status_code == 200
