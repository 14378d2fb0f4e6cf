"""A real browser registers a passkey, signs in with it and signs out, at a real server."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import Response
from pydantic import HttpUrl

from api.app import create_app
from api.service import Service
from api.settings import Settings
from chain.messages import account_of_signer
from tests.browser_passkey import FOLDER, NODE, PATIENCE

_PAGE = "<!doctype html><title>A patient's app</title>"


@pytest.fixture
def page(settings: Settings) -> Iterator[str]:
    """The address of an empty page of the service's own origin, http://localhost."""
    listening = socket.create_server(("127.0.0.1", 0))
    origin = f"http://localhost:{listening.getsockname()[1]}"
    service = Service.start(settings.model_copy(update={"public_url": HttpUrl(origin)}))
    app = create_app(service)

    @app.get("/page")
    def empty() -> Response:
        policy = {"Content-Security-Policy": "default-src 'none'; connect-src 'self'"}
        return Response(_PAGE, media_type="text/html", headers=policy)

    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    running = threading.Thread(target=server.run, args=([listening],))
    running.start()
    yield f"{origin}/page"
    server.should_exit = True
    running.join()


def test_a_passkey_of_a_real_browser_signs_in_and_out(page: str) -> None:
    if not (FOLDER / "chromium" / "chromium").exists():
        raise FileNotFoundError("the browser is not installed: run `make setup`")
    ran = subprocess.run(
        [NODE, "signin.mjs", page],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    signer = bytes.fromhex(told["registered"]["signer"][2:])
    assert told["signedIn"]["address"] == account_of_signer(signer)
    assert told["signedIn"]["address"] == told["registered"]["address"]
    assert [one["method"] for one in told["sessions"]["items"]] == ["passkey"]
    # The cookie worked, and the page's scripts never saw it.
    assert told["cookieSeen"] == ""
    assert (told["signOut"], told["after"]) == (204, 401)
