"""The processes of a local federation: chain, IPFS, SuperLink, SuperNodes, one fork server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from federation.app.coordinator import COORDINATOR_DIR
from federation.gate.site import SITE_DIR
from scripts.local import supernodes
from scripts.local.chains import ExternalNode, Node
from scripts.local.layout import Layout
from stack.flower import SuperLink, SuperNode
from stack.flower_run import register
from stack.kubo import KuboDaemon
from stack.process import ManagedProcess, ProcessGroup
from stack.service import ServiceProcesses

_CLIENTAPP = Path(__file__).resolve().parents[2] / "federation" / "gate" / "bin"
_FORK_SERVER_SECONDS = 180.0


class Services:
    """One chain node, one IPFS node, one SuperLink, a SuperNode a site, one shared fork server.

    Args:
        layout: where its folders are.
        group: what starts, and stops, its processes.
        site_names: one word a site.
        node: the chain's node.
        ports: what was kept ("ipfs", "ipfs-gateway", "superlink" and a site's name); else free
            ones.
        lasting: the SuperLink keeps what it knows in a database.
    """

    def __init__(
        self,
        layout: Layout,
        group: ProcessGroup,
        site_names: Sequence[str],
        node: Node,
        ports: Mapping[str, int] | None = None,
        lasting: bool = False,
    ) -> None:
        self.layout, self.group, self.site_names = layout, group, tuple(site_names)
        self.node, self._lasting, self._ports = node, lasting, dict(ports or {})
        self.kubo = KuboDaemon(
            layout.ipfs,
            layout.log("ipfs"),
            port=self._ports.get("ipfs"),
            gateway_port=self._ports.get("ipfs-gateway"),
        )
        self.superlink = SuperLink(
            layout.superlink,
            layout.log("superlink"),
            port=self._ports.get("superlink"),
            database=layout.superlink_database if lasting else None,
            env={COORDINATOR_DIR: str(layout.coordinator)},
        )
        self.supernodes: dict[str, SuperNode] = {}

    def start_chain(self) -> None:
        """Starts the chain's node, if it is ours."""
        if not isinstance(self.node, ExternalNode):
            self.group.start(self.node)

    def start_rest(self, say: Callable[[str], None] = lambda _text: None) -> None:
        """Starts everything else; `wait_until_connected` says when it works.

        `say` is told what takes long. Raises ProcessError, FlowerError.
        """
        known = self.layout.superlink_database.exists()
        self.group.start(self.kubo, self.superlink)
        self.superlink.wait_for_api()
        for name in self.site_names:
            self.supernodes[name] = self._supernode(name)
        if self._lasting:
            supernodes.admit(self.superlink, self.supernodes, self.layout.admitted, known, say)
        else:
            register(self.superlink, [one.keys.public for one in self.supernodes.values()])
        self.group.start(*self.supernodes.values())
        self._start_fork_server()
        self.kubo.wait_for_api()

    def wait_until_connected(self) -> None:
        """Waits until the SuperLink has accepted every SuperNode. Raises ProcessError."""
        for node in self.supernodes.values():
            node.wait_for_superlink(120.0)
        if self._lasting:
            supernodes.remember(self.supernodes, self.layout.admitted)

    def wait_for_fork_server(self) -> None:
        """Waits until it has loaded its libraries. Raises ProcessError."""
        log = self.fork_server.log_path
        self.fork_server.wait_until_ready(
            lambda: b"ready at" in log.read_bytes()[self._log_began :], _FORK_SERVER_SECONDS
        )

    def start_http_service(self, environment: Mapping[str, str], address: str) -> None:
        """Starts the HTTP service and waits until it answers. Raises ProcessError."""
        service = ServiceProcesses(environment, self.layout.logs, address)
        self.group.start(service.web, service.worker)
        service.wait_until_answering()

    def _supernode(self, name: str) -> SuperNode:
        folder = self.layout.site(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "supernode").mkdir(mode=0o700, exist_ok=True)
        return SuperNode(
            f"the SuperNode of {name}",
            folder / "supernode",
            self.layout.log(name),
            superlink=self.superlink.address,
            ca=self.superlink.certificate.ca,
            clientapp_folder=_CLIENTAPP,
            port=self._ports.get(name),
            env={
                SITE_DIR: str(folder),
                "ASSENT_FORK_SERVER": str(self.layout.fork_server_socket),
                "TMPDIR": str(self.layout.temporary),
            },
        )

    def _start_fork_server(self) -> None:
        argv = [sys.executable, "-m", "federation.gate.fork_server"]
        argv += ["--socket", str(self.layout.fork_server_socket)]
        for node in self.supernodes.values():
            argv += ["--supernode-pid", str(node.pid)]
        log = self.layout.log("fork-server")
        self._log_began = log.stat().st_size if log.exists() else 0
        self.fork_server = ManagedProcess(
            "the fork server", argv, log, env={"TMPDIR": str(self.layout.temporary)}
        )
        self.group.start(self.fork_server)
