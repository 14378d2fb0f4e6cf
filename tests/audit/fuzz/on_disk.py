"""Bundles on disk, whatever is in them."""

from __future__ import annotations

from pathlib import Path

from audit.bundle import Bundle
from audit.bundle_index import INDEX, OBJECTS, Index
from audit.car import write_car


def written(bundle: Bundle, folder: Path) -> Path:
    """The bundle as a folder, with the bundle.json that it has."""
    index = Index(
        bundle.contracts,
        bundle.origin,
        bundle.study,
        bundle.block_number,
        bundle.block_hash,
        bundle.listed,
        bundle.root,
    )
    for path, data in {**bundle.files, INDEX: index.to_bytes()}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    with (folder / OBJECTS).open("wb") as file:
        write_car(file, bundle.objects)
    return folder
