"""The store's file, its errors, and what of a record a data period lets through."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.gate.records.errors import (
    RecordUnknown,
    StoreBusy,
    StoreCorrupt,
    StoreMissing,
    StorePermissions,
    StoreRefused,
    StoreVersionUnsupported,
)
from federation.gate.records.store import DataPeriod, RecordStore


def test_the_file_is_the_users_alone(site: Any) -> None:
    assert site.store.path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in site.folder.iterdir()) == [
        "records.sqlite",
        "records.sqlite-shm",
        "records.sqlite-wal",
    ]
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in site.folder.iterdir())
    site.store.close()
    assert [p.name for p in site.folder.iterdir()] == ["records.sqlite"]


def test_a_file_that_others_may_read_is_refused(site: Any) -> None:
    site.store.path.chmod(0o640)
    with pytest.raises(StorePermissions, match="chmod 600"):
        RecordStore.open(site.store.path)


def test_creating_again_opens_what_is_there(site: Any, patient: Any) -> None:
    site.load(patient())
    with RecordStore.create(site.store.path) as again:
        assert again.record_ids() == ["p1"]


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match=r"none\.sqlite"):
        RecordStore.open(tmp_path / "none.sqlite")
    with pytest.raises(StoreMissing, match="folder"):
        RecordStore.create(tmp_path / "none" / "records.sqlite")


def test_a_full_disk_is_told_as_one_and_keeps_what_was_loaded(site: Any, patient: Any) -> None:
    site.load(patient())
    site.store._db.execute("PRAGMA max_page_count = 1")
    many = [patient(id=f"q{n}") for n in range(2000)]
    with pytest.raises(StoreRefused, match=r"records\.sqlite .*its disk is full.*make room"):
        site.load(*many)
    with RecordStore.open(site.store.path) as again:
        assert again.record_ids() == ["p1"]


def test_another_file_and_a_damaged_store_are_refused(tmp_path: Path, site: Any) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"not a database" * 100)
    other.chmod(0o600)
    with pytest.raises(StoreCorrupt):
        RecordStore.open(other)
    empty = tmp_path / "empty"
    empty.touch(0o600)
    with pytest.raises(StoreCorrupt, match="not an Assent record store"):
        RecordStore.open(empty)


def test_another_schema_version_is_refused(site: Any) -> None:
    with sqlite3.connect(site.store.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreVersionUnsupported, match="99"):
        RecordStore.open(site.store.path)


def test_two_loads_at_once_are_refused_and_a_failed_load_leaves_nothing(
    site: Any, patient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("federation.gate.records.store._BUSY_SECONDS", 0.05)
    with RecordStore.open(site.store.path) as other, site.store.loading():
        with pytest.raises(StoreBusy), other.loading():
            pass
        assert other.record_ids() == []

    def stop(label: str, lines: int) -> None:
        raise KeyboardInterrupt

    before = site.store.digest()
    with pytest.raises(KeyboardInterrupt):
        site.load(patient(), progress=stop)
    assert site.store.digest() == before
    assert site.load(patient()).resources["Patient"] == {"added": 1}


def test_a_record_is_read_while_a_load_is_under_way(
    site: Any, patient: Any, observation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that has outgrown SQLite's cache and written to the file: a round waits for none."""
    site.load(patient(), observation())
    monkeypatch.setattr("federation.gate.records.store._BUSY_SECONDS", 0.05)
    with RecordStore.open(site.store.path) as other:

        def read(label: str, lines: int) -> None:
            assert len(other.record("p1").observations) == 1

        site.store._db.execute("PRAGMA cache_size = 10")
        more = [observation(id=f"x{n}", effectiveDateTime="2021-01-01") for n in range(2500)]
        assert site.load(*more, progress=read).rejected == 0
        assert len(other.record("p1").observations) == 2


def test_what_is_read_of_a_record_is_of_one_moment(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(), observation())
    with RecordStore.open(site.store.path) as other:

        def withdraw(query: str) -> None:
            if "FROM observation" in query:  # the patient was found a moment ago
                site.load(patient(active=False))

        other._db.set_trace_callback(withdraw)
        assert len(other.record("p1").observations) == 1
        other._db.set_trace_callback(None)
        with pytest.raises(RecordUnknown):
            other.record("p1")


def test_what_a_load_replaced_is_in_no_file_of_the_store(
    site: Any, patient: Any, observation: Any
) -> None:
    late = {"versionId": "2"}
    site.load(patient(), observation(id="needle-in-the-hay"))
    site.load(patient(meta=late, active=False))
    files = list(site.folder.glob("records.sqlite*"))
    assert all(b"needle-in-the-hay" not in path.read_bytes() for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


KILLED = """
import os, signal, sys
from pathlib import Path
from federation.gate.records.fhir import load_fhir
from federation.gate.records.store import RecordStore
folder = Path(sys.argv[1])
passes = []
def kill(label, lines):
    passes.append(lines)
    if len(passes) == 2 * 3 - 1:  # in the second pass, with thousands of results written
        os.kill(os.getpid(), signal.SIGKILL)
load_fhir(RecordStore.open(folder / "records.sqlite"), folder / "big.ndjson", progress=kill)
"""


def test_a_load_killed_half_way_leaves_the_store_as_it_was(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(), observation())
    before = site.store.digest()
    more = [observation(id=f"x{n}") for n in range(2500)]
    big = site.write([patient(id="p2"), *more]).rename(site.folder / "big.ndjson")
    site.store.close()
    process = subprocess.run([sys.executable, "-c", KILLED, str(site.folder)], check=False)
    assert process.returncode == -signal.SIGKILL
    with RecordStore.open(site.store.path) as store:
        assert store.digest() == before
    site.store = RecordStore.open(site.store.path)
    assert site.load_files(big).resources["Observation"] == {"added": 2500}


def test_an_unknown_record_is_an_error_and_a_record_without_results_is_not(
    site: Any, patient: Any
) -> None:
    site.load(patient())
    assert site.store.record("p1").observations == ()
    with pytest.raises(RecordUnknown) as caught:
        site.store.record("p2")
    assert "p2" not in str(caught.value)
    with pytest.raises(RecordUnknown):
        list(site.store.records(["p1", "p2"]))


def test_two_resources_that_state_the_same_result_are_one_observation(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(), observation(id="a"), observation(id="b"))
    assert site.values() == [1.5]


BASE = datetime(2020, 1, 1, tzinfo=UTC)
HOURS = st.integers(0, 20)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(hours=st.lists(HOURS, unique=True), start=st.none() | HOURS, end=st.none() | HOURS)
def test_a_data_period_lets_through_its_half_open_interval_and_nothing_else(
    new_site: Any, patient: Any, observation: Any, hours: list[int], start: Any, end: Any
) -> None:
    site = new_site()

    def at(hour: int | None) -> datetime | None:
        return None if hour is None else BASE + timedelta(hours=hour)

    times = {h: at(h) for h in hours}
    site.load(
        patient(),
        *(
            observation(id=f"o{h}", effectiveDateTime=t.isoformat())
            for h, t in times.items()
            if t is not None
        ),
    )
    found = site.store.record("p1", DataPeriod(at(start), at(end))).observations
    expected = [
        h for h in sorted(hours) if (start is None or start <= h) and (end is None or h < end)
    ]
    assert [o.time for o in found] == [at(h) for h in expected]


def test_a_data_period_in_chain_time_reaches_to_the_end_of_time() -> None:
    assert DataPeriod.from_unix(0, 60) == DataPeriod(
        datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    )
    assert DataPeriod.from_unix(0, 2**64 - 1).end is None


def test_a_data_period_that_begins_after_the_end_of_time_lets_nothing_through(
    site: Any, patient: Any, observation: Any
) -> None:
    site.load(patient(), observation())
    never = DataPeriod.from_unix(2**40 - 2, 2**40 - 1)
    assert site.store.record("p1", never).observations == ()
