"""A minimal JSON-RPC and HTTP client, to ask local processes whether they are ready."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any


class RpcError(Exception):
    """A node answered with an error; the message is its own."""


def call(url: str, method: str, *parameters: object, timeout: float = 5.0) -> Any:
    """The result of one JSON-RPC call. Raises OSError when nobody answers, `RpcError` on an
    error.
    """
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
    request = urllib.request.Request(  # noqa: S310 -- the caller's own loopback address
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with _opener(None).open(request, timeout=timeout) as answer:
        decoded = json.loads(answer.read())
    if "error" in decoded:
        raise RpcError(f"{method}: {decoded['error'].get('message')}")
    return decoded["result"]


def answers(url: str, *, ca_path: Path | None = None, post: bool = False) -> bool:
    """Whether a GET (or an empty POST) of `url` succeeds. Raises OSError when nobody answers.

    `ca_path` is the PEM file of the only authority that is trusted.
    """
    request = urllib.request.Request(url, method="POST" if post else "GET")  # noqa: S310
    with _opener(ca_path).open(request, timeout=5.0) as answer:
        return bool(answer.status == 200)


def _opener(ca_path: Path | None) -> urllib.request.OpenerDirector:
    # A proxy from the environment must not come between processes of one machine.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if ca_path is not None:
        context = ssl.create_default_context(cafile=ca_path)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)
