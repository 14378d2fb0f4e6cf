"""Sign, relay, confirm: what an accepted act and a read cost with the chain writer off and on.

    python -m bench.relay --acts 300 --rate 30 --rounds 3 --out relay.json

One Hardhat node, the service's web process and its worker (the chain writer), and locust in a
process of its own. Each round meets the service with the writer off, then on, with the same load:

* acts: signed grants at a steady rate, arriving independently of each other (Poisson);
* reads: the pages of a confirmed act and of the study, at a steady rate, by clients that give the
  ETag of last time (`If-None-Match`). Both times everything is confirmed and indexed, so both times
  each page is the same, and no act comes meanwhile;
* reads beside acts: the page of the confirmed act, while acts come at their rate.

A ratio is the median over the rounds of on over off. At last 48 clients bring twice as many acts as
fast as they are taken, until the last is confirmed. Acts are signed before anything is measured.
Milliseconds are as the client sees them; a share of CPU is a process's seconds of CPU over seconds
that passed (1 is one core).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.relay_service import ServiceUnderLoad, cpu, cpu_since
from stack.hardhat import HardhatNode

_ACTS, _READS, _BESIDE = "acts", "reads", "reads beside acts"
_AIMS = {
    (_ACTS, "p95"): 1.5,
    (_READS, "p50"): 1.1,
    (_READS, "p95"): 1.1,
}
_CONFIRMED_AIM = 100.0
_WARM_ACTS = 32


def main() -> None:
    """Measures, prints a table and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--acts", type=int, default=300, help="of each measurement")
    parser.add_argument("--rate", type=float, default=30.0, help="acts a second when compared")
    parser.add_argument("--read-rate", type=float, default=100.0, help="reads a second")
    parser.add_argument("--rounds", type=int, default=3, help="off and on so often, in turn")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        node = HardhatNode(folder / "hardhat.log")
        node.start()
        try:
            node.wait_for_chain(300)
            service = ServiceUnderLoad(folder, node)
            measured = _Measuring(service, given).all()
        finally:
            node.stop()
    _print(measured)
    if given.out is not None:
        given.out.write_text(json.dumps(measured, indent=2) + "\n")


class _Measuring:
    def __init__(self, service: ServiceUnderLoad, given: argparse.Namespace) -> None:
        self._service, self._count, self._rounds = service, given.acts, given.rounds
        self._at_rate = ("--users", "16", "--rate", str(given.rate))
        self._at_read_rate = ("--users", "16", "--rate", str(given.read_rate))
        self._taken = 0
        self._loads: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._to_confirm: list[float] = []
        self._measured: dict[str, Any] = {
            "cores": os.cpu_count(),
            "load_before": os.getloadavg()[0],
            "acts": given.acts,
            "rate": given.rate,
            "read_rate": given.read_rate,
            "rounds": given.rounds,
        }

    def all(self) -> dict[str, Any]:
        with self._service.web():
            self._warm_up()
            for number in range(self._rounds):
                print(f"round {number + 1} of {self._rounds}", file=sys.stderr, flush=True)
                self._round()
            self._burst()
        if self._service.study.minted() != self._taken:
            sys.exit("the chain does not hold each act exactly once")
        self._compare()
        return self._measured

    def _warm_up(self) -> None:
        self._acts("--users", "4", count=_WARM_ACTS)
        with self._service.worker():
            self._service.study.chain.head()
        path = "/v1/acts/" + self._service.one("SELECT id FROM outbox_acts LIMIT 1")
        self._paths = [path, f"/v1/studies/{self._service.study.study_id}"]

    def _round(self) -> None:
        self._note(_ACTS, "off", lambda: self._acts(*self._at_rate))
        self._note(_BESIDE, "off", self._reads_beside_acts)
        with self._service.worker():
            last = self._last_act()
            self._note(_ACTS, "on", lambda: self._acts(*self._at_rate))
            self._service.wait_settled()
            self._to_confirm += self._service.seconds_to_confirm(last)
            self._note(_BESIDE, "on", self._reads_beside_acts)
            self._service.wait_settled()
            self._note(_READS, "on", self._reads)
        self._note(_READS, "off", self._reads)

    def _burst(self) -> None:
        with self._service.worker():
            last, before = self._last_act(), cpu()
            count = 2 * self._count
            burst = self._acts("--users", "48", count=count)
            self._service.wait_settled()
            used = cpu_since(before)
            self._measured["burst"] = _figures([burst]) | {
                "confirmed_per_second": self._service.confirmed_per_second(last),
                "cpu_ms_per_act": _per_act(used, count),
            }

    def _acts(self, *options: str, count: int | None = None) -> dict[str, Any]:
        self._taken += count or self._count
        return self._service.acts(count or self._count, *options)

    def _reads(self) -> dict[str, Any]:
        told = self._service.reads(self._paths, *self._at_read_rate)
        if set(told["statuses"]) != {"304"}:
            sys.exit(f"a page was not the same as last time: {told['statuses']}")
        return told

    def _reads_beside_acts(self) -> dict[str, Any]:
        with ThreadPoolExecutor(1) as pool:
            acts = pool.submit(self._acts, *self._at_rate)
            told = self._service.reads(self._paths[:1], *self._at_read_rate)
            acts.result()
        return told

    def _last_act(self) -> int:
        return int(self._service.one("SELECT max(sequence) FROM outbox_acts"))

    def _note(self, what: str, writer: str, load: Callable[[], dict[str, Any]]) -> None:
        self._loads.setdefault((what, writer), []).append(load())

    def _compare(self) -> None:
        for (what, writer), loads in self._loads.items():
            self._measured[f"{what}, writer {writer}"] = _figures(loads)
        ratios = self._measured["ratios"] = {}
        for what in (_ACTS, _READS, _BESIDE):
            off, on = (self._loads[what, writer] for writer in ("off", "on"))
            for name in ("p50", "p95"):
                each = [
                    _figures([b])[name] / _figures([a])[name] for a, b in zip(off, on, strict=True)
                ]
                ratios[f"{what} {name}"] = {
                    "median": statistics.median(each),
                    "rounds": each,
                    "aim": _AIMS.get((what, name)),
                }
        used: dict[str, float] = {}
        for load in self._loads[_ACTS, "on"]:
            for name, seconds in load["cpu_seconds"].items():
                used[name] = used.get(name, 0.0) + seconds
        self._measured["cpu_ms_per_act"] = _per_act(used, self._rounds * self._count)
        cuts = statistics.quantiles(self._to_confirm, n=100)
        self._measured["seconds_to_confirm"] = {"p50": cuts[49], "p95": cuts[94]}


def _figures(loads: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the same load, met several times."""
    cuts = statistics.quantiles([one for load in loads for one in load["milliseconds"]], n=100)
    names = {name for load in loads for name in load["cpu"]}
    return {
        "p50": cuts[49],
        "p95": cuts[94],
        "p99": cuts[98],
        "per_second": sum(len(load["milliseconds"]) for load in loads)
        / sum(load["seconds"] for load in loads),
        "cpu": {
            name: round(statistics.fmean(load["cpu"].get(name, 0.0) for load in loads), 3)
            for name in names
        },
    }


def _per_act(used: dict[str, float], acts: int) -> dict[str, float]:
    return {name: round(1000 * seconds / acts, 1) for name, seconds in used.items()}


def _print(measured: dict[str, Any]) -> None:
    print(f"{measured['cores']} cores, load before {measured['load_before']:.1f}")
    print(f"{'':30}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}{'a second':>10}  share of CPU")
    rows = [f"{what}, writer {on}" for what in (_ACTS, _READS, _BESIDE) for on in ("off", "on")]
    for name in (*rows, "burst"):
        row = measured[name]
        numbers = "".join(f"{row[key]:8.1f}" for key in ("p50", "p95", "p99"))
        print(f"{name:30}{numbers}{row['per_second']:10.1f}  {_shown(row['cpu'])}")
    print("writer on over off (median, and each round):")
    for name, ratio in measured["ratios"].items():
        each = ", ".join(f"{one:.2f}" for one in ratio["rounds"])
        aim = f"  aim {ratio['aim']}" if ratio["aim"] else ""
        print(f"  {name:24}{ratio['median']:6.2f}  ({each}){aim}")
    confirm, burst = measured["seconds_to_confirm"], measured["burst"]
    print(f"seconds until confirmed: p50 {confirm['p50']:.2f}, p95 {confirm['p95']:.2f}")
    print(f"milliseconds of CPU an act, at the rate: {_shown(measured['cpu_ms_per_act'])}")
    print(f"milliseconds of CPU an act, in the burst: {_shown(burst['cpu_ms_per_act'])}")
    print(
        f"confirmed acts a second in the burst: {burst['confirmed_per_second']:.1f}"
        f"  aim {_CONFIRMED_AIM:.0f}"
    )


def _shown(used: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in sorted(used.items()))


if __name__ == "__main__":
    main()
