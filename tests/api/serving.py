"""The service at an address of its own, for programs that speak HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from pydantic import SecretStr
from structlog.testing import capture_logs

from api.app import create_app
from api.index.indexer import Indexer
from api.service import Service
from api.settings import Settings


@dataclass
class Served:
    """A running service, in this process."""

    service: Service

    @property
    def url(self) -> str:
        return self.service.settings.origin

    def index(self) -> None:
        """The index catches up with the chain."""
        while Indexer(self.service).run_once():
            pass


@contextmanager
def serving(rpc_url: str, deployment: Path, folder: Path) -> Iterator[Served]:
    """Serves until the block ends; its database is in `folder`."""
    # Commands in this process print to the same standard output.
    with capture_logs(), socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        service = Service.start(
            Settings(
                rpc_url=rpc_url,  # type: ignore[arg-type]
                deployment=deployment,
                public_url=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
                database_url=SecretStr(f"sqlite:///{folder / 'served.db'}"),
            )
        )
        server = uvicorn.Server(uvicorn.Config(create_app(service), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        try:
            yield Served(service)
        finally:
            server.should_exit = True
            thread.join(30)
