"""A round with consent, commitments, seal, masks, IPFS and chain, beside plain Flower.

    python -m bench.overhead [--sites 5] [--rounds 5] [--without-as-shipped] [--json FILE]

In one run on one machine, one after another, the same learning on the same records: audited, as the
product runs it; in plain Flower (a) as shipped, where every message is a fresh process that imports
torch and opacus; (b) with the same fork server and polling. The plain halves have neither TLS nor
authenticated SuperNodes, which the audited one has. Medians of rounds after the first.

A SuperNode that has sent its reply looks for a message at once, and then every three seconds. Plain
Flower's next message is made from the replies, so each of its rounds waits for that; an order of
ours names a round and nothing of the last one, so it is there before the reply is.

As shipped, twenty sites import twenty times 0.8 GB at once: leave it out where that does not fit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from bench.overhead.audited import PHASES, audited_rounds
from bench.overhead.plain import plain_rounds

AIMS = {"as shipped": 0.2, "fork server": 1.1}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-as-shipped", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.sites < 3 or options.rounds < 1:
        parser.error("at least three sites and one round are needed")
    found: dict[str, Any] = {
        "sites": options.sites,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory(prefix="assent-") as name:
        folder = Path(name)
        print(f"  audited, {options.sites} sites", flush=True)
        ours = audited_rounds(folder / "audited", options.sites, options.rounds, folder / "sites")
        print("  plain Flower, with the fork server", flush=True)
        plain = {
            "fork server": plain_rounds(
                folder / "fork", ours.sites, options.rounds, as_shipped=False
            )
        }
        if not options.without_as_shipped:
            print("  plain Flower, as shipped", flush=True)
            plain["as shipped"] = plain_rounds(
                folder / "shipped", ours.sites, options.rounds, as_shipped=True
            )
    seconds = {"audited": [one["seconds"] for one in ours.rounds]}
    seconds |= {how: [one["seconds"] for one in of.rounds] for how, of in plain.items()}
    median = {how: statistics.median(all_of_it) for how, all_of_it in seconds.items()}
    phases = {phase: statistics.median(one[phase] for one in ours.rounds) for phase in PHASES}
    counted = {one["patients"] for of in plain.values() for one in of.rounds}
    if counted != {ours.patients}:
        raise SystemExit(f"plain rounds had {counted} patients, the audited {ours.patients}")
    found |= {
        "load_after": os.getloadavg()[0],
        "patients": ours.patients,
        "seconds": seconds,
        "median_seconds": median,
        "ratio": {how: median["audited"] / median[how] for how in plain},
        "aims": AIMS,
        "phases": phases,
        "unit_seconds": ours.units,
        "cpu_seconds": {"audited": ours.cpu, **{how: of.cpu for how, of in plain.items()}},
        "message_cpu": {"audited": ours.message, **{h: of.message for h, of in plain.items()}},
        "peak_mib": {"audited": ours.peak_mib, **{how: of.peak_mib for how, of in plain.items()}},
    }
    _show(found)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _show(found: dict[str, Any]) -> None:
    print(
        f"\n{found['sites']} sites, {found['patients']} patients, {found['cores']} cores, "
        f"load {found['load_before']:.1f} to {found['load_after']:.1f}"
    )
    for how, seconds in found["median_seconds"].items():
        rounds = " ".join(f"{one:.1f}" for one in found["seconds"][how])
        print(f"  {how:12} {seconds:6.2f} s a round ({rounds})")
    for how, ratio in found["ratio"].items():
        print(f"  audited is {ratio:.2f} of plain Flower, {how}; the aim is {AIMS[how]}")
    print("  where an audited round's time goes (s):")
    for phase, seconds in found["phases"].items():
        print(f"    {phase:8} {seconds:6.2f}")
    _show_cpu(found)
    for unit, seconds in found["unit_seconds"].items():
        print(f"    one {unit}: {1e3 * seconds:.1f} ms")


def _show_cpu(found: dict[str, Any]) -> None:
    """CPU seconds are what a loaded machine does not change; the rest of a round is waiting."""
    _show_table("CPU seconds a round, all processes together:", found["cpu_seconds"])
    print(
        f"    {'peak memory, MiB':18}" + "".join(f"{of:13.0f}" for of in found["peak_mib"].values())
    )
    of_messages = {how: of for how, of in found["message_cpu"].items() if of}
    _show_table("CPU seconds of one site's message; plain is Flower and the learning:", of_messages)


def _show_table(title: str, every: dict[str, dict[str, float]]) -> None:
    kinds = sorted({kind for used in every.values() for kind in used})
    print(f"  {title}")
    print(f"    {'':18}" + "".join(f"{how:>13}" for how in every))
    for kind in kinds:
        print(f"    {kind:18}" + "".join(f"{of.get(kind, 0.0):13.2f}" for of in every.values()))
    print(f"    {'in all':18}" + "".join(f"{sum(of.values()):13.2f}" for of in every.values()))


if __name__ == "__main__":
    main()
