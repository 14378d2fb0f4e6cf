"""The service's processes and a Hardhat node, and loads that meet them, for `bench.relay`."""

from __future__ import annotations

import json
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from eth_account import Account

from bench.relay_study import BenchStudy
from stack.binaries import ROOT
from stack.hardhat import HardhatNode
from stack.ports import HOST, free_port
from stack.process import ManagedProcess
from stack.rpc import answers, call

STEP_SECONDS = 600.0
_PARTS = {"hardhat": "chain node", "api.web": "web", "api.worker": "worker"}


class ServiceUnderLoad:
    """The parts, started in a folder."""

    def __init__(self, folder: Path, node: HardhatNode) -> None:
        self.folder, self.node = folder, node
        self.study = BenchStudy(node, folder)
        self.study.deployment.save(folder / "deployment.json")
        key = Account.from_key(secrets.token_bytes(32))
        (folder / "relayer.key").touch(0o600)
        (folder / "relayer.key").write_text("0x" + bytes(key.key).hex())
        call(node.rpc_url, "hardhat_setBalance", key.address, hex(10**21))
        self.port = free_port()
        self.host = f"http://{HOST}:{self.port}"
        values = {
            "RPC_URL": node.rpc_url,
            "DEPLOYMENT": str(folder / "deployment.json"),
            "DATABASE_URL": f"sqlite:///{folder / 'api.db'}",
            "RELAYER_KEY": str(folder / "relayer.key"),
            "PUBLIC_URL": f"http://localhost:{self.port}",
            "PORT": str(self.port),
            "REQUESTS_PER_MINUTE": "10000000",
        }
        self._environment = {f"ASSENT_API_{name}": value for name, value in values.items()}
        self._environment["PYTHONPATH"] = str(ROOT)

    @contextmanager
    def web(self) -> Iterator[None]:
        """The web process, once it answers."""
        with self._process("api.web") as process:
            process.wait_until_ready(lambda: answers(f"{self.host}/healthz"), 120)
            yield

    @contextmanager
    def worker(self) -> Iterator[None]:
        """The chain writer, once it has carried and indexed everything that waited."""
        before = self._times_working()
        with self._process("api.worker") as process:
            process.wait_until_ready(lambda: self._times_working() > before, 120)
            self.wait_settled()
            yield

    def _times_working(self) -> int:
        log = self.folder / "api.worker.log"
        return log.read_text().count('"working"') if log.exists() else 0

    @contextmanager
    def _process(self, module: str) -> Iterator[ManagedProcess]:
        argv = [sys.executable, "-P", "-m", module]
        log = self.folder / f"{module}.log"
        process = ManagedProcess(module, argv, log, env=self._environment)
        process.start()
        try:
            yield process
        finally:
            process.stop()

    def acts(self, count: int, *options: str) -> dict[str, Any]:
        """Brings so many new acts."""
        bodies = [json.dumps(act.to_json()) for act in self.study.grants(count)]
        return self._load("acts", bodies, *options)

    def reads(self, paths: list[str], *options: str) -> dict[str, Any]:
        """Reads pages again and again, each with the ETag of last time."""
        return self._load("reads", paths, *options)

    def _load(self, kind: str, what: list[str], *options: str) -> dict[str, Any]:
        name = secrets.token_hex(4)
        given, result = self.folder / f"{name}.given.json", self.folder / f"{name}.json"
        given.write_text(json.dumps(what))
        argv = [sys.executable, "-m", "bench.relay_load", kind, self.host, str(given), str(result)]
        before, began = cpu(), time.monotonic()
        with (self.folder / "locust.log").open("ab") as log:
            subprocess.run(
                [*argv, *options], cwd=ROOT, check=True, timeout=STEP_SECONDS, stderr=log
            )
        seconds = time.monotonic() - began
        told: dict[str, Any] = json.loads(result.read_text())
        if told["failures"]:
            sys.exit(f"the service failed: {told['failures']}")
        used = cpu_since(before)
        told["cpu"] = {name: round(value / seconds, 3) for name, value in used.items()}
        told["cpu_seconds"] = used
        return told

    def wait_settled(self) -> None:
        """Until every act is confirmed, and the index is at the chain's head."""
        deadline = time.monotonic() + STEP_SECONDS
        while (
            self.one("SELECT count(*) FROM outbox_acts WHERE state <> 'confirmed'")
            or self.one("SELECT coalesce(max(number), 0) FROM blocks")
            < self.study.chain.head().number
        ):
            if self.one("SELECT count(*) FROM outbox_acts WHERE state = 'failed'"):
                sys.exit("an act failed")
            if time.monotonic() > deadline:
                sys.exit("not all acts were confirmed")
            time.sleep(0.1)

    def confirmed_per_second(self, after: int) -> float:
        """Of acts after a sequence number: from when the first was accepted until all are known
        to be confirmed.
        """
        count, seconds = self._row(
            "SELECT count(*), (julianday(max(settled_at)) - julianday(min(accepted_at))) * 86400.0"
            f" FROM outbox_acts WHERE sequence > {int(after)}"
        )
        return float(count / seconds)

    def seconds_to_confirm(self, after: int) -> list[float]:
        """From acceptance to being known as confirmed, of each act after a sequence number."""
        asked = (
            "SELECT (julianday(settled_at) - julianday(accepted_at)) * 86400.0"
            f" FROM outbox_acts WHERE sequence > {int(after)}"
        )
        return [row[0] for row in self._rows(asked)]

    def one(self, question: str) -> Any:
        """The first value that the service's database answers."""
        return self._row(question)[0]

    def _row(self, question: str) -> Any:
        return self._rows(question)[0]

    def _rows(self, question: str) -> list[Any]:
        path = f"file:{self.folder / 'api.db'}?mode=ro"
        with sqlite3.connect(path, uri=True, timeout=30) as database:
            return database.execute(question).fetchall()


def cpu() -> dict[str, float]:
    """Seconds of CPU so far of this program's children, by part, and of the whole machine."""
    found: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        try:
            line, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        part = next((name for mark, name in _PARTS.items() if mark in line), "other")
        found[part] = found.get(part, 0.0) + times.user + times.system
    # Locust has ended by then; what was waited for is counted by the kernel.
    children = psutil.Process().cpu_times()
    found["load"] = children.children_user + children.children_system
    machine = psutil.cpu_times()
    found["whole machine"] = sum(machine) - machine.idle - machine.iowait
    return found


def cpu_since(before: dict[str, float]) -> dict[str, float]:
    """Seconds of CPU since `cpu` gave what it gave before, by the same parts."""
    return {name: value - before.get(name, 0.0) for name, value in cpu().items()}
