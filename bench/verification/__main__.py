"""How long `assent verify` takes, and how much memory, by rounds, sites and parameters.

    python -m bench.verification --out verification.json
    python -m bench.verification --sizes 100,5,1000 10,100,40000

Each size is ROUNDS,SITES,PARAMETERS. Studies are made without a chain (`synthetic`), with real
signatures and proofs, and verify from end to end. Each is verified by a process of its own, and
beside it, by another, stands what it cannot do without: SHA-256 of the same bytes plus a NumPy sum
of the same vectors (`ratio`). Where rounds are small their signatures and events weigh more than
their bytes, so `ratio to all` adds the recovery of each signature's key by libsecp256k1 and two
keccaks an event. Ratios are of CPU, so that what else runs on a machine disturbs little; seconds
that passed stand beside. Memory is the peak resident set, beside that of the same process once its
libraries are loaded.

Ranges: 1 to 1,000 rounds, 5 to 100 sites, 10^2 to 10^6 numbers; the largest size has 800 MB of
vectors, which are made in 1.2 GB of memory and need 1.7 GB below the folder for temporary files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.verification.deployed_code import deployed_code
from bench.verification.synthetic import Size, SyntheticStudy

ROUNDS = ["1,5,100", "10,5,100", "100,5,100", "300,5,100", "1000,5,100"]
SITES = ["20,5,1000", "20,20,1000", "20,50,1000", "20,100,1000"]
PARAMETERS = ["20,10,100", "20,10,1000", "20,10,10000", "20,10,40000"]
LARGE = ["20,100,40000", "5,5,100000", "5,5,1000000", "5,20,1000000", "1,100,1000000"]


def measured(what: str, bundle: Path, trust_block: bytes) -> dict[str, float]:
    """By a process of its own: seconds of CPU and peak memory (MiB)."""
    argv = [sys.executable, "-m", "bench.verification.measure", what, str(bundle)]
    answer = subprocess.run([*argv, trust_block.hex()], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def compare(size: Size, contracts: Any, origin: Any, code: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        study = SyntheticStudy(size, contracts, origin, code, Path(scratch) / "objects")
        study.run()
        bundle = Path(scratch) / "bundle"
        trust_block = study.write(bundle)
        (Path(scratch) / "objects").unlink()
        length = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
        floor = measured("floor", bundle, trust_block)
        verified = measured("verify", bundle, trust_block)
    return {
        **vars(size),
        "bytes": length,
        "checks": verified["checks"],
        "seconds": verified["seconds"],
        "floor_seconds": floor["seconds"],
        "floor_with_signatures": floor["with_signatures"],
        "wall": verified["wall"],
        "floor_wall": floor["wall"],
        "ratio": verified["seconds"] / floor["seconds"],
        "ratio_to_all": verified["seconds"] / floor["with_signatures"],
        "signatures": floor["signatures"],
        "events": floor["events"],
        "seconds_a_round": verified["seconds"] / size.rounds,
        "peak_mib": verified["peak_mib"],
        "import_mib": verified["import_mib"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.verification", description=__doc__)
    parser.add_argument(
        "--sizes",
        nargs="+",
        default=[*ROUNDS, *SITES, *PARAMETERS, *LARGE],
        metavar="ROUNDS,SITES,PARAMETERS",
    )
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    deployed = deployed_code()
    rows = []
    print(
        "rounds sites parameters      MB  checks  CPU s  wall s  floor CPU s  wall s  ratio"
        "  ratio to all  peak MiB",
        flush=True,
    )
    for text in arguments.sizes:
        row = compare(Size(*map(int, text.split(","))), *deployed)
        rows.append(row)
        print(
            f"{row['rounds']:6} {row['sites']:5} {row['parameters']:10} {row['bytes'] / 1e6:7.1f}"
            f" {row['checks']:7.0f} {row['seconds']:6.2f} {row['wall']:7.2f}"
            f" {row['floor_seconds']:12.3f} {row['floor_wall']:7.3f} {row['ratio']:6.1f}"
            f" {row['ratio_to_all']:13.1f} {row['peak_mib']:9.1f}",
            flush=True,
        )
        if arguments.out:
            arguments.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
