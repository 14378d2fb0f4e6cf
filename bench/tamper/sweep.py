"""Bytes of a bundle's files changed one at a time, and what the verifier says to each change."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from audit.bundle import Bundle
from audit.bundle_index import INDEX, OBJECTS, FileEntry, parse_index
from audit.car import CarObjects
from audit.cid import sha256
from audit.errors import BundleUnusable, CarInvalid
from bench.tamper.judge import Judge

ALL_VALUES_UP_TO = 64
"""In files of at most so many bytes each byte takes all of its 255 other values."""
UNUSABLE = "unusable"


@dataclass
class Findings:
    """Of one file: how many changes each check found, and changes that none did."""

    changes: int = 0
    by: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        self.changes += other.changes
        self.by += other.by
        self.missed += other.missed


def values(length: int, position: int, old: int) -> Iterable[int]:
    """What a byte is changed into: everything in short files, otherwise one bit is flipped, which
    goes round with the position, so that neighbours are changed in all eight.
    """
    if length <= ALL_VALUES_UP_TO:
        return (value for value in range(256) if value != old)
    return (old ^ (1 << position % 8),)


class Sweep:
    """Changes of a bundle's folder. ``scratch``: an empty folder of its own for copies."""

    def __init__(self, folder: Path, bundle: Bundle, judge: Judge, scratch: Path) -> None:
        self.bundle, self.judge = bundle, judge
        self.data = {**bundle.files}
        self.data |= {name: (folder / name).read_bytes() for name in (INDEX, OBJECTS)}
        self._car = scratch / OBJECTS
        self._car.write_bytes(self.data[OBJECTS])

    def run(self, path: str, positions: Iterable[int]) -> Findings:
        found, data = Findings(), self.data[path]
        for position in positions:
            for value in values(len(data), position, data[position]):
                for how, verdict in self._verdicts(path, position, value):
                    found.changes += 1
                    if verdict is None:
                        found.missed.append(f"{path} byte {position} made {value:#04x}, {how}")
                    else:
                        found.by[verdict] += 1
        return found

    def _verdicts(self, path: str, position: int, value: int) -> Iterator[tuple[str, str | None]]:
        data = self.data[path]
        changed = data[:position] + bytes((value,)) + data[position + 1 :]
        if path == INDEX:
            yield "", self._index(changed)
        elif path == OBJECTS:
            yield from self._objects(position, value)
        else:
            files = {**self.bundle.files, path: changed}
            kept = replace(self.bundle, files=files)
            yield "bundle.json as it was", self._judged(kept)
            listed = {**self.bundle.listed, path: FileEntry(sha256(changed), len(changed))}
            yield "bundle.json to agree", self._judged(replace(kept, listed=listed))

    def _judged(self, changed: Bundle) -> str | None:
        check = self.judge.verdict(changed)
        return check.name if check else None

    def _index(self, data: bytes) -> str | None:
        try:
            index = parse_index(data)
        except BundleUnusable:
            return UNUSABLE
        return self._judged(
            replace(
                self.bundle,
                contracts=index.contracts,
                study=index.study,
                block_number=index.block_number,
                block_hash=index.block_hash,
                listed=index.listed,
                root=index.root,
            )
        )

    def _objects(self, position: int, value: int) -> Iterator[tuple[str, str | None]]:
        old = self.data[OBJECTS][position]
        self._write(position, value)
        try:
            objects = CarObjects(self._car)
        except CarInvalid:
            yield "", UNUSABLE
        else:
            kept = replace(self.bundle, objects=objects)
            yield "bundle.json as it was", self._judged(kept)
            yield "bundle.json to agree", self._judged(replace(kept, root=objects.root))
        finally:
            self._write(position, old)

    def _write(self, position: int, value: int) -> None:
        with self._car.open("r+b") as file:
            os.pwrite(file.fileno(), bytes((value,)), position)
