"""How long a round takes with a site's fork server, and as Flower starts its processes itself.

Both halves are real federations of the same number of sites in the same run, with the same app,
which imports torch, opacus and web3 and does nothing else; both use the same exchange loop. Run
with `python -m bench.fork_server [--sites N] [--rounds N]`; prints a table and the ratio.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.small_federation import SmallFederation, write_app
from federation.gate.fork_server.launch import start_fork_server, supernode_environment

CLIENT_APP = """
import os
import opacus, torch, web3
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()

@app.query()
def query(message, context):
    private_kib = sum(
        int(line.split()[1])
        for line in open("/proc/self/smaps_rollup")
        if line.startswith("Private_")
    )
    report = ConfigRecord({"private_mib": private_kib / 1024})
    return Message(RecordDict({"report": report}), reply_to=message)
"""
GATE = "def decide(app_dir, fab_hash): pass\n"


def main() -> None:
    """Run both halves and print their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_fork_server(folder) as socket_path:
            with_server = _measure(
                folder / "with",
                arguments.sites,
                arguments.rounds,
                lambda site: supernode_environment(socket_path, site),
            )
        without = _measure(folder / "without", arguments.sites, arguments.rounds, lambda _site: {})
    _print("fork server", with_server)
    _print("as shipped", without)
    ratio = statistics.median(without[0]) / statistics.median(with_server[0])
    print(f"{arguments.sites} sites, {os.cpu_count()} cores: a round is {ratio:.1f} times as fast")


@contextmanager
def open_fork_server(folder: Path) -> Iterator[Path]:
    """A fork server whose gate lets everything pass; the path of its socket."""
    installation = folder / "installation"
    installation.mkdir()
    (installation / "open_gate.py").write_text(GATE)
    socket_path = folder / "run" / "fork.sock"
    with (folder / "server.log").open("wb") as log:
        server = start_fork_server(
            socket_path,
            gate="open_gate:decide",
            after="",
            environment={**os.environ, "PYTHONPATH": str(installation)},
            log=log,
        )
    try:
        server.wait_until_ready()
        yield socket_path
    finally:
        server.stop()


def _measure(
    folder: Path, sites: int, rounds: int, environment: Callable[[Path], Mapping[str, str]]
) -> tuple[list[float], list[float]]:
    """Return the seconds of each round, and each child's own memory in MiB."""
    folder.mkdir()
    federation = SmallFederation(folder)
    try:
        federation.start_superlink()
        for number in range(sites):
            name = f"site-{number}"
            federation.start_supernode(name, environment(folder / name))
        run = federation.run(write_app(folder / "probe", CLIENT_APP))
        seconds, memory = [], []
        for number in range(rounds + 1):
            answer = run.ask("report", sites)
            if len(answer["replies"]) != sites:
                sys.exit(f"a site gave no reply: {answer}")
            if number:  # the first round installs the app
                seconds.append(float(answer["seconds"]))
                memory += [float(reply["private_mib"]) for reply in answer["replies"]]
        run.stop()
        return seconds, memory
    finally:
        federation.stop()


def _print(name: str, measured: tuple[list[float], list[float]]) -> None:
    seconds, memory = map(statistics.median, measured)
    rounds = " ".join(f"{value:.1f}" for value in measured[0])
    print(f"{name:12} median {seconds:5.1f} s a round ({rounds}); {memory:.0f} MiB of its own each")


if __name__ == "__main__":
    main()
