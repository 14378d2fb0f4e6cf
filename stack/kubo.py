"""Kubo, the IPFS node: its own repository, loopback only, and no contact with anyone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from stack import rpc
from stack.binaries import ipfs_binary
from stack.ports import HOST, free_port
from stack.process import ManagedProcess

QUIET = {"IPFS_TELEMETRY": "off"}


class IpfsError(Exception):
    """The IPFS repository could not be made, or IPFS_API is not usable."""


def provided_api() -> str | None:
    """The multiaddr in IPFS_API, when the user runs a node already; http://host:port is also read.

    Raises `IpfsError` when it is neither.
    """
    address = os.environ.get("IPFS_API", "").strip()
    if not address or address.startswith("/"):
        return address or None
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("http", "https") or host is None or port is None:
        raise IpfsError(
            f"IPFS_API is {address!r}: it must be a multiaddr like /ip4/127.0.0.1/tcp/5001"
        )
    kind = "ip4" if host.replace(".", "").isdigit() else "ip6" if ":" in host else "dns"
    return f"/{kind}/{host}/tcp/{port}/{parts.scheme}"


class KuboDaemon(ManagedProcess):
    """A Kubo daemon with the repository `folder` (IPFS_PATH), which is kept between runs.

    `api` is the multiaddr for `ipfshttpclient.Client(api, session=True)`.
    """

    def __init__(
        self,
        folder: Path,
        log_path: Path,
        *,
        port: int | None = None,
        gateway_port: int | None = None,
        outlives_us: bool = False,
    ) -> None:
        self.folder = folder
        self.port, self.gateway_port = port or free_port(), gateway_port or free_port()
        self.api = f"/ip4/{HOST}/tcp/{self.port}/http"
        self.gateway_url = f"http://{HOST}:{self.gateway_port}"
        self._program = ipfs_binary()
        argv = [str(self._program), "daemon", "--offline", "--migrate=false"]
        env = {**QUIET, "IPFS_PATH": str(folder)}
        super().__init__("the Kubo daemon", argv, log_path, env=env, outlives_us=outlives_us)

    def start(self) -> None:
        """Make the repository if there is none, set its addresses, start. Raises `IpfsError`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        configuration = self.folder / "config"
        if not configuration.exists():
            made = subprocess.run(
                [self._program, "init", "--empty-repo"],
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode != 0:
                raise IpfsError(f"{self.folder} could not be initialised: {made.stderr.strip()}")
        settings = json.loads(configuration.read_text(encoding="utf-8"))
        make_private(settings, self.port, self.gateway_port)
        fresh = configuration.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(settings, indent=2), encoding="utf-8")
        fresh.replace(configuration)
        super().start()

    def wait_for_api(self, timeout: float = 60.0) -> None:
        """Wait until its API answers. Raises `ProcessError`."""
        self.wait_until_ready(self._answers, timeout)

    def _answers(self) -> bool:
        return rpc.answers(f"http://{HOST}:{self.port}/api/v0/id", post=True)


def make_private(settings: dict[str, object], port: int, gateway_port: int) -> None:
    """Change a Kubo configuration: loopback addresses, no peers, nothing fetched from elsewhere."""
    settings["Addresses"] = {
        "API": f"/ip4/{HOST}/tcp/{port}",
        "Gateway": f"/ip4/{HOST}/tcp/{gateway_port}",
        "Swarm": [],
    }
    settings["Bootstrap"] = []
    settings["Discovery"] = {"MDNS": {"Enabled": False}}
    settings["Routing"] = {"Type": "none"}
    settings["AutoConf"] = {"Enabled": False}
    settings["AutoTLS"] = {"Enabled": False}
    settings["DNS"] = {"Resolvers": {}}
    settings["Ipns"] = {"DelegatedPublishers": []}
    settings["Gateway"] = {"NoFetch": True}
    settings["Plugins"] = {"Plugins": {"telemetry": {"Config": {"Mode": "off"}}}}
