"""Sign, relay, confirm: what an accepted act costs, how many a second, and where the time goes.

    python -m bench.relay --acts 600 --rate 30 --out relay.json

One Hardhat node, the service's web process and its worker, and locust in a process of its own. The
same load meets the service with its chain writer (the worker) off and on: the ratio is the price of
the chain. Then acts come as fast as they are taken, until the last is confirmed. Acts are signed
before anything is measured. Milliseconds are as the client sees them; a share of CPU is a process's
seconds of CPU over seconds that passed (1 is one core).
"""

import argparse
import json
import os
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
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

_STEP_SECONDS = 600.0


class Bench:
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
    def process(self, module: str) -> Iterator[ManagedProcess]:
        """One of the service's processes."""
        argv = [sys.executable, "-P", "-m", module]
        log = self.folder / f"{module}.log"
        process = ManagedProcess(module, argv, log, env=self._environment)
        process.start()
        try:
            yield process
        finally:
            process.stop()

    def load(self, kind: str, what: str, *options: str) -> dict[str, Any]:
        """Runs locust; its figures, and the share of CPU of everything meanwhile."""
        result = self.folder / f"{secrets.token_hex(4)}.json"
        argv = [sys.executable, "-m", "bench.relay_load", kind, self.host, what, str(result)]
        before, began = _cpu(), time.monotonic()
        with (self.folder / "locust.log").open("ab") as log:
            subprocess.run(
                [*argv, *options], cwd=ROOT, check=True, timeout=_STEP_SECONDS, stderr=log
            )
        told = json.loads(result.read_text())
        if told["failures"]:
            sys.exit(f"the service failed: {told['failures']}")
        shares = _shares(before, _cpu(), time.monotonic() - began)
        return _figures(told["milliseconds"], told["seconds"]) | {"cpu": shares}

    def acts(self, count: int, *options: str) -> dict[str, Any]:
        """Brings so many new acts."""
        bodies = [json.dumps(act.to_json()) for act in self.study.grants(count)]
        path = self.folder / "acts.json"
        path.write_text(json.dumps(bodies))
        return self.load("acts", str(path), *options)

    def wait_confirmed(self, count: int) -> None:
        """Until so many acts are confirmed in all."""
        deadline = time.monotonic() + _STEP_SECONDS
        while self.one("SELECT count(*) FROM outbox_acts WHERE state = 'confirmed'") < count:
            if self.one("SELECT count(*) FROM outbox_acts WHERE state = 'failed'"):
                sys.exit("an act failed")
            if time.monotonic() > deadline:
                sys.exit("not all acts were confirmed")
            time.sleep(0.1)

    def settled_per_second(self, after: int) -> float:
        """Of acts after a sequence number: from when the first was settled to the last."""
        count = self.one(f"SELECT count(*) FROM outbox_acts WHERE sequence > {int(after)}")
        seconds = self.one(
            "SELECT (julianday(max(settled_at)) - julianday(min(settled_at))) * 86400.0"
            f" FROM outbox_acts WHERE sequence > {int(after)}"
        )
        return float(count / max(seconds, 0.001))

    def one(self, question: str) -> Any:
        """The first value that the service's database answers."""
        path = f"file:{self.folder / 'api.db'}?mode=ro"
        with sqlite3.connect(path, uri=True, timeout=30) as database:
            return database.execute(question).fetchone()[0]


def main() -> None:
    """Measures, prints a table and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--acts", type=int, default=600, help="of each measurement")
    parser.add_argument("--rate", type=float, default=30.0, help="acts a second when compared")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        node = HardhatNode(folder / "hardhat.log")
        node.start()
        try:
            node.wait_for_chain(300)
            measured = _measure(Bench(folder, node), given.acts, given.rate)
        finally:
            node.stop()
    _print(measured)
    if given.out is not None:
        given.out.write_text(json.dumps(measured, indent=2) + "\n")


def _measure(bench: Bench, count: int, rate: float) -> dict[str, Any]:
    measured: dict[str, Any] = {
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "acts": count,
        "rate": rate,
    }
    at_rate = ("--users", "16", "--rate", str(rate))
    with bench.process("api.web") as web:
        web.wait_until_ready(lambda: answers(f"{bench.host}/healthz"), 120)
        bench.acts(32, "--users", "4")
        measured["writer_off"] = bench.acts(count, *at_rate)
        path = "/v1/acts/" + bench.one("SELECT id FROM outbox_acts LIMIT 1")
        measured["reads_writer_off"] = bench.load("reads", path, "--users", "4")
        with bench.process("api.worker"):
            waiting = count + 32
            bench.wait_confirmed(waiting)
            measured["drain"] = {"per_second": bench.settled_per_second(0)}
            measured["writer_on"] = bench.acts(count, *at_rate)
            bench.wait_confirmed(waiting + count)
            last = bench.one("SELECT max(sequence) FROM outbox_acts")
            before = _cpu()
            measured["burst"] = bench.acts(count, "--users", "16")
            bench.wait_confirmed(waiting + 2 * count)
            measured["burst"]["cpu_ms_per_act"] = {
                name: round(1000 * share / count, 1)
                for name, share in _shares(before, _cpu(), 1.0).items()
            }
            measured["burst"]["confirmed_per_second"] = bench.settled_per_second(last)
            measured["reads_writer_on"] = bench.load("reads", path, "--users", "4")
            if bench.study.minted() != waiting + 2 * count:
                sys.exit("the chain does not hold each act exactly once")
    off, on = measured["writer_off"], measured["writer_on"]
    measured["accept_p95_ratio"] = on["p95"] / off["p95"]
    measured["accept_p50_ratio"] = on["p50"] / off["p50"]
    return measured


def _figures(milliseconds: list[float], seconds: float) -> dict[str, Any]:
    cuts = statistics.quantiles(milliseconds, n=100)
    return {
        "p50": cuts[49],
        "p95": cuts[94],
        "p99": cuts[98],
        "per_second": len(milliseconds) / seconds,
    }


def _cpu() -> dict[str, float]:
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


_PARTS = {"hardhat": "chain node", "api.web": "web", "api.worker": "worker"}


def _shares(before: dict[str, float], after: dict[str, float], seconds: float) -> dict[str, float]:
    return {
        name: round((value - before.get(name, 0.0)) / seconds, 3) for name, value in after.items()
    }


def _print(measured: dict[str, Any]) -> None:
    print(f"{measured['cores']} cores, load before {measured['load_before']:.1f}")
    print(f"{'':18}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}{'a second':>10}  share of CPU")
    for name in ("writer_off", "writer_on", "burst", "reads_writer_off", "reads_writer_on"):
        row = measured[name]
        numbers = "".join(f"{row[key]:8.1f}" for key in ("p50", "p95", "p99"))
        print(f"{name:18}{numbers}{row['per_second']:10.1f}  {_shown(row['cpu'])}")
    drain = measured["drain"]
    print(f"{'drain':18}{'':24}{drain['per_second']:10.1f}  of acts that waited")
    print(f"accepted acts, writer on over off: p95 {measured['accept_p95_ratio']:.2f},", end=" ")
    print(f"p50 {measured['accept_p50_ratio']:.2f}")
    print(f"milliseconds of CPU an act: {_shown(measured['burst']['cpu_ms_per_act'])}")
    print(f"confirmed acts a second in the burst: {measured['burst']['confirmed_per_second']:.1f}")


def _shown(cpu: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.2f}" for name, share in sorted(cpu.items()))


if __name__ == "__main__":
    main()
