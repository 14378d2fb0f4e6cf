"""A service that lies, or something else at its address, is an error in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

import pytest

from study.service_client import ServiceClient, ServiceRefused, ServiceUnreachable
from tests.serving import Silent, serving


@contextmanager
def answering(status: int, body: bytes, times: int = 1) -> Iterator[str]:
    """A server that gives every request this answer, its body so many times."""

    class Handler(Silent, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            with suppress(ConnectionError):  # the client has read enough
                for _ in range(times):
                    self.wfile.write(body)

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def test_an_answer_is_its_json() -> None:
    with answering(200, b'{"items": []}') as url, ServiceClient(url) as service:
        assert service.get("/v1/studies") == {"items": []}


def test_a_refusal_says_what_to_do() -> None:
    body = b'{"code": "study-unknown", "title": "No such study", "fix": "List them"}'
    with (
        answering(404, body) as url,
        ServiceClient(url) as service,
        pytest.raises(ServiceRefused) as refused,
    ):
        service.get("/v1/studies/1")
    assert (refused.value.status, refused.value.code) == (404, "study-unknown")
    assert str(refused.value) == "No such study. List them."


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (502, b"[]"), (500, b'"no"'), (200, b"\xff"), (200, b"[" * 100_000)],
)
def test_what_is_no_service_is_told(status: int, body: bytes) -> None:
    with (
        answering(status, body) as url,
        ServiceClient(url) as service,
        pytest.raises(ServiceUnreachable) as unreachable,
    ):
        service.get("/v1/studies")
    assert url in str(unreachable.value)


def test_an_answer_without_end_is_not_kept() -> None:
    with (
        answering(200, b" " * (1 << 20), times=200) as url,
        ServiceClient(url) as service,
        pytest.raises(ServiceUnreachable, match="answers with over 64 MiB"),
    ):
        service.get("/v1/studies")
