"""Traces reach the collector that the environment names, without what was looked at by whom."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.service import Service
from api.settings import Settings
from tests.world import World

TOKEN = "6277101735386680764856636523970481806547819498980467802112"


class Collector(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    received: list[bytes] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    yield Collector.received
    server.shutdown()


def test_a_span_names_the_route_and_neither_the_path_nor_the_client(
    module_world: World, tmp_path: Path, collector: list[bytes]
) -> None:
    deployment = tmp_path / "deployment.json"
    module_world.deployment.save(deployment)
    settings = Settings(
        rpc_url=module_world.rpc_url,  # type: ignore[arg-type]
        deployment=deployment,
        database_url=SecretStr(f"sqlite:///{tmp_path / 'api.db'}"),
    )
    with TestClient(create_app(Service.start(settings)), base_url=settings.origin) as client:
        client.get(f"/v1/consents/{TOKEN}?who=me", headers={"User-Agent": "a-rare-browser"})
        while not collector:
            time.sleep(0.05)
    sent = b"".join(collector)
    assert b"/v1/consents/{token}" in sent
    for withheld in (TOKEN.encode(), b"who=me", b"a-rare-browser", b"testclient"):
        assert withheld not in sent
