"""Flower as hospitals would run it: a SuperLink with TLS and SuperNode authentication, and
SuperNodes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from stack import rpc
from stack.certificates import (
    LOCAL_NAMES,
    NodeKeys,
    ServerCertificate,
    make_node_keys,
    make_server_certificate,
)
from stack.ports import HOST, free_port
from stack.process import TOOLS, ManagedProcess

CONNECTION = "assent"

# No reports to anyone, no look-ups of newer versions; a task is picked up within a quarter of a
# second.
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.25",
}

Value = str | int | float | bool


class SuperLink(ManagedProcess):
    """Flower's SuperLink: HTTPS on one port for SuperNodes, apps and the `flwr` command.

    `folder` gets the certificate (`tls/`), FLWR_HOME (`flower/`) with the `flwr` command's
    connection to this SuperLink, and its logs. `names` are the DNS names and addresses that the
    certificate is for; `env` is what the ServerApp is to find in its environment. Without
    `database` (a file's path) all is forgotten when it stops.
    """

    def __init__(
        self,
        folder: Path,
        log_path: Path,
        *,
        names: tuple[str, ...] = LOCAL_NAMES,
        host: str = HOST,
        port: int | None = None,
        database: Path | None = None,
        env: Mapping[str, str] | None = None,
        outlives_us: bool = False,
    ) -> None:
        self.folder, self.port = folder, port or free_port()
        self.address = f"{HOST if host == '0.0.0.0' else host}:{self.port}"  # noqa: S104
        self.certificate: ServerCertificate = make_server_certificate(folder / "tls", names)
        self.home = folder / "flower"
        flower_config(self.home, self.address, self.certificate.ca)
        argv = ["flower-superlink", "--host", host, "--port", str(self.port)]
        argv += [*self.certificate.flower_arguments, "--enable-supernode-auth"]
        argv += ["--disable-runtime-dependency-installation"]
        argv += ["--database", str(database)] if database else []
        super().__init__(
            "the SuperLink",
            argv,
            log_path,
            env={**(env or {}), **QUIET, "FLWR_HOME": str(self.home)},
            cwd=folder,
            outlives_us=outlives_us,
        )

    def wait_for_api(self, timeout: float = 60.0) -> None:
        """Wait until it answers over TLS. Raises `ProcessError`."""
        url = f"https://{self.address}/health"
        self.wait_until_ready(lambda: rpc.answers(url, ca_path=self.certificate.ca), timeout)


class SuperNode(ManagedProcess):
    """A site's SuperNode, authenticated by its key, in its own folder.

    `folder` is its working folder and gets its keys (`keys/`), the certificate of its inner API
    (`tls/`) and FLWR_HOME (`flower/`). `superlink` is the SuperLink's host:port and `ca` the
    authority that signed its certificate. The `flwr-clientapp` in `clientapp_folder` comes before
    Flower's own. `env` and `node_config` are what the ClientApp finds in its environment and in
    `context.node_config`. Its public key (`keys.public`) must be registered first, see
    `register_command`.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        log_path: Path,
        *,
        superlink: str,
        ca: Path,
        clientapp_folder: Path | None = None,
        node_config: Mapping[str, Value] | None = None,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        outlives_us: bool = False,
    ) -> None:
        self.folder, self.port = folder, port or free_port()
        self.keys: NodeKeys = make_node_keys(folder / "keys")
        self.certificate = make_server_certificate(folder / "tls")
        argv = ["flower-supernode", "--superlink", superlink, "--root-certificates", str(ca)]
        argv += ["--auth-supernode-private-key", str(self.keys.private)]
        argv += ["--host", HOST, "--port", str(self.port), *self.certificate.flower_arguments]
        if node_config:
            argv += ["--node-config", _pairs(node_config)]
        programs = [clientapp_folder] if clientapp_folder else []
        super().__init__(
            name,
            argv,
            log_path,
            env={**(env or {}), **QUIET, "FLWR_HOME": str(folder / "flower")},
            programs=programs,
            cwd=folder,
            outlives_us=outlives_us,
        )

    def start(self) -> None:
        """Start it, without waiting."""
        (self.folder / "flower").mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log_began = self.log_path.stat().st_size if self.log_path.exists() else 0
        super().start()

    def wait_for_superlink(self, timeout: float = 60.0) -> None:
        """Wait until the SuperLink has accepted it. Raises `ProcessError`."""
        self.wait_until_ready(lambda: self.node_id is not None, timeout)

    @property
    def node_id(self) -> int | None:
        """The id under which the SuperLink knows it; None until it is connected."""
        with self.log_path.open("rb") as log:
            log.seek(self._log_began)
            found = re.search(rb"SuperNode ID: (\d+)", log.read())
        return int(found.group(1)) if found else None


def flower_config(home: Path, address: str, ca: Path) -> Path:
    """Write FLWR_HOME's config.toml, by which `flwr` reaches the SuperLink at `address`.

    Returns its path.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "config.toml"
    lines = [
        "[superlink]",
        f"default = {json.dumps(CONNECTION)}",
        f"[superlink.{CONNECTION}]",
        f"address = {json.dumps(address)}",
        f"root-certificates = {json.dumps(str(ca.resolve()))}",
        "insecure = false",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def flwr_environment(home: Path) -> dict[str, str]:
    """What to add to the environment of a `flwr` command that uses `home`."""
    return {**QUIET, "FLWR_HOME": str(home)}


def flwr_program() -> str:
    """The `flwr` command of this virtual environment."""
    return str(TOOLS / "flwr")


def toml_value(value: Value) -> str:
    """A value as Flower reads it from a command line. Raises ValueError for a string with a
    quote.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if '"' in value or "\n" in value:
            raise ValueError(
                f"Flower cannot be given a value with a quote or line break: {value!r}"
            )
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def _pairs(values: Mapping[str, Value]) -> str:
    return " ".join(f"{key}={toml_value(value)}" for key, value in values.items())
