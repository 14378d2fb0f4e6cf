"""Every single-byte change of a bundle, and the check that finds it: exhaustively.

    python -m bench.tamper BUNDLE --trust-block 0xHASH --out tamper.json

Each byte of each file takes one other value (all 255 in files of up to 64 bytes), with
bundle.json left as it was and with bundle.json rewritten to agree, as somebody would who knows the
format. One value a byte is enough: what finds a change compares SHA-256, keccak256 or every byte of
a canonical form, which no more excuse one value than another. The verdict is the verifier's, see
`bench.tamper.judge`. Exit code 1 when a change is found by no check.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from audit.bundle import read_bundle
from bench.tamper.judge import Judge, remembering
from bench.tamper.sweep import ALL_VALUES_UP_TO, Findings, Sweep

_CHUNK = 2_000
_sweeps: list[Sweep] = []


def _start(folder: Path, trust_block: bytes, scratch: Path) -> None:
    """In each process: the bundle read, verified and remembered."""
    remembering().__enter__()
    bundle = read_bundle(folder)
    own = Path(tempfile.mkdtemp(dir=scratch))
    _sweeps.append(Sweep(folder, bundle, Judge(bundle, trust_block), own))


def _work(path: str, positions: range) -> tuple[str, Findings]:
    return path, _sweeps[0].run(path, positions)


def _jobs(folder: Path, part: int, parts: int) -> Iterator[tuple[str, range]]:
    """Every position of every file, or of those whose number leaves `part` when divided."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        length = file.stat().st_size
        step = parts if length > ALL_VALUES_UP_TO else 1
        chunk = (_CHUNK if length > ALL_VALUES_UP_TO else 20) * step
        for start in range(part if step > 1 else 0, length, chunk):
            positions = range(start, min(start + chunk, length), step)
            yield file.relative_to(folder).as_posix(), positions


def _run(arguments: argparse.Namespace) -> dict[str, Findings]:
    trust_block = bytes.fromhex(arguments.trust_block.removeprefix("0x"))
    part, parts = map(int, arguments.slice.split("/"))
    jobs = list(_jobs(arguments.bundle, part, parts))
    found: dict[str, Findings] = {}
    last = began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as scratch,
        ProcessPoolExecutor(
            arguments.processes,
            initializer=_start,
            initargs=(arguments.bundle, trust_block, Path(scratch)),
        ) as pool,
    ):
        waiting = [pool.submit(_work, *job) for job in jobs]
        for done, future in enumerate(as_completed(waiting), start=1):
            path, findings = future.result()
            found.setdefault(path, Findings()).add(findings)
            if time.monotonic() - last > 10:
                last = time.monotonic()
                print(f"{done} of {len(jobs)} parts, {last - began:.0f} s", file=sys.stderr)
    return found


def _shown(found: dict[str, Findings]) -> dict[str, object]:
    return {
        path: {
            "changes": findings.changes,
            "found by": dict(findings.by.most_common()),
            "missed": findings.missed,
        }
        for path, findings in sorted(found.items())
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.tamper", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--trust-block", required=True, metavar="HASH")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--slice", default="0/1", metavar="K/N", help="every Nth byte, from K on")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    began = time.monotonic()
    found = _run(arguments)
    changes = sum(findings.changes for findings in found.values())
    missed = [line for findings in found.values() for line in findings.missed]
    result = {
        "bytes": sum(p.stat().st_size for p in arguments.bundle.rglob("*") if p.is_file()),
        "changes": changes,
        "missed": len(missed),
        "seconds": round(time.monotonic() - began, 1),
        "files": _shown(found),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
