"""Builders of resources and a way to load lines, as a hospital's export would hold them."""

from __future__ import annotations

import copy
import gzip
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from federation.gate.records.fhir import load_fhir
from federation.gate.records.report import LoadReport
from federation.gate.records.store import RecordStore

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
Resource = dict[str, Any]


def clock() -> datetime:
    return NOW


def make_patient(**changes: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": "p1",
        "gender": "female",
        "birthDate": "1960",
    } | changes


def make_observation(**changes: Any) -> Resource:
    base = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "1975-2"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2020-03-01",
        "valueQuantity": {
            "value": 1.5,
            "system": "http://unitsofmeasure.org",
            "code": "mg/dL",
        },
    }
    return {k: v for k, v in (copy.deepcopy(base) | changes).items() if v is not ...}


def line_of(resource: Resource | bytes) -> bytes:
    return resource if isinstance(resource, bytes) else json.dumps(resource).encode()


class Site:
    """A store in a folder of its own, and files to load into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = RecordStore.create(folder / "records.sqlite")
        self._files = 0

    def write(self, lines: Sequence[Resource | bytes], *, compress: bool = False) -> Path:
        self._files += 1
        path = self.folder / f"export-{self._files}.ndjson"
        data = b"".join(line_of(line) + b"\n" for line in lines)
        path.write_bytes(gzip.compress(data) if compress else data)
        return path

    def load(self, *lines: Resource | bytes, **options: Any) -> LoadReport:
        return load_fhir(self.store, self.write(lines), **({"clock": clock} | options))

    def load_files(self, *files: Path, **options: Any) -> LoadReport:
        return load_fhir(self.store, list(files), **({"clock": clock} | options))

    def values(self, record_id: str = "p1") -> list[float]:
        return [o.value for o in self.store.record(record_id).observations]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
def new_site() -> Iterator[Callable[[], Site]]:
    """As many empty sites as a test asks for (also for each example of a property)."""
    folders: list[tempfile.TemporaryDirectory[str]] = []
    sites: list[Site] = []

    def make() -> Site:
        folders.append(tempfile.TemporaryDirectory())
        sites.append(Site(Path(folders[-1].name)))
        return sites[-1]

    yield make
    for made in sites:
        made.store.close()
    for folder in folders:
        folder.cleanup()


@pytest.fixture(name="patient")
def _patient() -> Callable[..., Resource]:
    return make_patient


@pytest.fixture(name="observation")
def _observation() -> Callable[..., Resource]:
    return make_observation


@pytest.fixture(name="clock")
def _clock() -> Callable[[], datetime]:
    return clock
