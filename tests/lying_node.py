"""A node that tells one client other bytes than the chain has, wherever they occur."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.serving import Silent, serving

#: Methods that tell of the chain's state; blocks and receipts are told as they are.
ABOUT_STATE = frozenset({"eth_call", "eth_getLogs"})


@contextmanager
def lying_node(rpc_url: str, told: dict[bytes, bytes]) -> Iterator[str]:
    """The URL of a node that says the values of `told` in place of its keys."""

    class Handler(Silent, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = urllib.request.Request(rpc_url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request) as answer:
                data = answer.read()
            if _methods(json.loads(body)) & ABOUT_STATE:
                for truth, lie in told.items():
                    data = data.replace(truth.hex().encode(), lie.hex().encode())
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def _methods(asked: Any) -> set[str]:
    calls = asked if isinstance(asked, list) else [asked]
    return {call["method"] for call in calls}
