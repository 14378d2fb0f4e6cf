"""A way to the chain's node that a test can close, and where it hears of every request."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Called with the methods of a request: before it is passed on, and before its answer is.
Hook = Callable[[list[str]], None]


def _nothing(methods: list[str]) -> None:
    pass


class RpcGate:
    """An HTTP server before a node. `is_open` False: whoever asks is cut off; `is_empty` True: all
    results are null; calls that hold the text `refused` get the node's own error.
    """

    def __init__(self, rpc_url: str) -> None:
        self.is_open, self.is_empty = True, False
        self.refused: str | None = None
        self.before: Hook = _nothing
        self.after: Hook = _nothing
        self.seen: list[str] = []
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = json.loads(body)
                calls = asked if isinstance(asked, list) else [asked]
                methods = [call["method"] for call in calls]
                if not gate.is_open:
                    self.close_connection = True
                    return
                gate.seen += methods
                gate.before(methods)
                request = urllib.request.Request(
                    rpc_url, body, {"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(request) as answer:
                    data = answer.read()
                gate.after(methods)
                if gate.is_empty:
                    empty = [{"id": call["id"], "result": None} for call in calls]
                    data = json.dumps(empty).encode()
                if gate.refused is not None:
                    data = _refusing(gate.refused, calls, json.loads(data))
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _refusing(text: str, calls: list[dict[str, Any]], answered: Any) -> bytes:
    refused = {call["id"] for call in calls if text in json.dumps(call["params"])}
    for one in answered if isinstance(answered, list) else [answered]:
        if one["id"] in refused:
            one.pop("result", None)
            one["error"] = {"code": -32000, "message": "execution timeout"}
    return json.dumps(answered).encode()
