"""One verification, or its floor, in a process of its own: JSON on standard output."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from coincurve import PublicKey
from eth_hash.auto import keccak

from audit.bundle import read_bundle
from audit.car import CarObjects
from audit.cid import cid_among
from audit.evidence import parse_evidence
from audit.verify import verify
from chain import events as ev
from chain.messages import Closure, Delivery, ledger_domain


class Clock:
    """Seconds of CPU and of time that passed, added up."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def __call__(self, act: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        answer = act()
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall
        return answer


def peak_mib() -> float:
    """The largest resident set of this program so far (`getrusage` would tell that of the process
    which started it, too).
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def floor(folder: Path) -> dict[str, float]:
    """SHA-256 of every file's bytes, as `sha256sum` takes it, and the sum of all vectors.

    Then what its signatures and events cost whoever checks them: of each signature of a delivery
    or a closure the key (libsecp256k1), of each event the two keccaks of the running hash.
    """
    bundle = read_bundle(folder)
    events = parse_evidence(bundle.files).records
    closed = [e for e in map(ev.decode, events) if isinstance(e, ev.Closed)]
    clock = Clock()
    clock(lambda: hash_files(folder))
    objects = bundle.objects
    assert isinstance(objects, CarObjects)
    for event in closed:
        total = None
        for digest in event.masked_hashes:
            words = np.frombuffer(objects[cid_among(digest, objects)], "<u8")
            total = np.zeros_like(words) if total is None else total
            clock(lambda words=words, total=total: np.add(total, words, out=total))
    more = Clock()
    signed = signatures(bundle, events, closed)
    more(lambda: [recovered(digest, signature) for digest, signature in signed])
    more(lambda: [keccak(bytes(128) + keccak(record.data)) for record in events])
    return {
        "seconds": clock.cpu,
        "wall": clock.wall,
        "with_signatures": clock.cpu + more.cpu,
        "signatures": len(signed),
        "events": len(events),
    }


def hash_files(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")


def signatures(bundle: Any, events: Any, closed: list[ev.Closed]) -> list[tuple[bytes, bytes]]:
    """Digest and signature of every delivery and every closure."""
    domain = ledger_domain(bundle.contracts.chain_id, bundle.contracts.ledger)
    seals = {e.round: e.seal_digest for e in map(ev.decode, events) if isinstance(e, ev.Sealed)}
    found = []
    for event in closed:
        seal = seals[event.round]
        for masked, signature in zip(event.masked_hashes, event.delivery_signatures, strict=True):
            found.append((Delivery(seal, masked).digest(domain), signature))
        closure = Closure(seal, event.checkpoint_hash, event.manifest_hash)
        found.append((closure.digest(domain), event.coordinator_signature))
    return found


def recovered(digest: bytes, signature: bytes) -> bytes:
    """The account whose key signed."""
    compact = signature[:64] + bytes((signature[64] - 27,))
    key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    return keccak(key.format(compressed=False)[1:])[12:]


def verification(folder: Path, trust_block: bytes) -> dict[str, float]:
    before, clock = peak_mib(), Clock()
    report = clock(lambda: verify(read_bundle(folder), trust_block))
    if report.exit_code:
        raise SystemExit(f"the study does not verify: {report.failed[:3]}")
    return {
        "seconds": clock.cpu,
        "wall": clock.wall,
        "checks": len(report.checks),
        "peak_mib": peak_mib(),
        "import_mib": before,
    }


if __name__ == "__main__":
    what, folder, trusted = sys.argv[1:]
    if what == "floor":
        print(json.dumps(floor(Path(folder))))
    else:
        print(json.dumps(verification(Path(folder), bytes.fromhex(trusted))))
