"""A site's record store: patients, their results and doses in canonical units, in one SQLite file.

The file holds clinical data, so it is made with mode 0600 and refused when others could read it.
A load is one transaction: after a crash the store is as it was before, and whoever reads meanwhile
finds it so (SQLite's write-ahead log), for a round does not wait for a load. The store after a load
does not depend on the order of files or lines, and loading the same thing twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final

from audit.times import LAST_SECOND
from federation.gate.private_files import leave_no_core
from federation.gate.records.codes import CODES
from federation.gate.records.doses import DRUGS, DosePeriod, changes
from federation.gate.records.errors import (
    RecordUnknown,
    StoreBusy,
    StoreCorrupt,
    StoreMissing,
    StorePermissions,
    StoreRefused,
    StoreVersionUnsupported,
)
from federation.gate.records.rows import State
from federation.gate.records.store_schema import (
    APPLICATION_ID,
    SCHEMA,
    SCHEMA_VERSION,
    upgrade,
)
from federation.gate.records.store_writer import StoreWriter
from federation.gate.records.times import from_us, to_us
from federation.gate.sqlite_words import in_words

_BUSY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class DataPeriod:
    """Which part of a record may be used: FHIR `provision.dataPeriod`, half-open [start, end).

    Both with a zone; None is unbounded. A period that ends before it starts holds nothing.
    """

    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def from_unix(cls, start: int, end: int) -> DataPeriod:
        """From seconds since the epoch, the unit of chain time.

        An end after year 9999 is none; a start after it lets nothing through.
        """
        return cls(
            from_us(min(start, LAST_SECOND) * 1_000_000),
            from_us(end * 1_000_000) if end <= LAST_SECOND else None,
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """One result, or one change of dose: `value` in the canonical UCUM `unit` of `loinc` (of a
    dose, the code of the drug's channel); `time` in UTC.
    """

    loinc: str
    unit: str
    time: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Record:
    """One patient's usable results, ordered by time, then LOINC, then value; and `doses`, ordered
    by time, each in force until the next of its drug, 0 for none (`doses.changes`).
    """

    record_id: str
    observations: tuple[Observation, ...]
    doses: tuple[Observation, ...] = ()


class RecordStore:
    """Open with `RecordStore.open` or `RecordStore.create`; close it, or use it in a `with`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self.path = path
        (self._hash_key,) = connection.execute("SELECT hash_key FROM site").fetchone()

    @classmethod
    def create(cls, path: Path) -> RecordStore:
        """Make an empty store with mode 0600, or open the one that is there.

        Raises StoreMissing when the folder does not exist, else as `open`.
        """
        if not path.parent.is_dir():
            raise StoreMissing(f"{path.parent}: no such folder; make the site's data folder first")
        if path.exists():
            return cls.open(path)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise StorePermissions(f"{fresh}: cannot be made ({error.strerror})") from error
        try:
            with _translated(path), closing(_connect(fresh)) as db:
                db.executescript(f"BEGIN;{SCHEMA}")
                db.execute("INSERT INTO site VALUES (?)", (os.urandom(32),))
                db.execute("COMMIT")
            # A link appears whole or not at all, and never replaces a store made meanwhile.
            with suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink()
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> RecordStore:
        """Open an existing store; one of an earlier release is brought up to date first.

        Raises StoreMissing, StorePermissions, StoreCorrupt, StoreVersionUnsupported.
        """
        if not path.is_file():
            raise StoreMissing(f"{path}: no record store here; load a site's records first")
        _refuse_if_shared(path)
        with _translated(path), ExitStack() as on_error:
            db = on_error.enter_context(closing(_connect(path)))
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if application != APPLICATION_ID:
                raise StoreCorrupt(f"{path}: is not an Assent record store")
            version = upgrade(db, version)
            if version != SCHEMA_VERSION:
                raise StoreVersionUnsupported(
                    f"{path}: schema {version}, this program reads {SCHEMA_VERSION};"
                    " load the records again into a new store"
                )
            # Not before it is known to be a store: this writes to the file.
            db.execute("PRAGMA journal_mode = WAL")
            store = cls(db, path)
            on_error.pop_all()
            return store

    def close(self) -> None:
        """Close the file; safe to repeat."""
        self._db.close()

    def __enter__(self) -> RecordStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def loading(self) -> Iterator[StoreWriter]:
        """One load as one transaction: kept whole, or on any exception not at all.

        Raises StoreBusy when another process is loading.
        """
        with _translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
        try:
            with _translated(self.path):
                yield StoreWriter(self._db)
                self._db.execute("COMMIT")
        except BaseException:
            self._db.rollback()
            raise
        # The log still holds what was removed. The load is kept, whatever becomes of the log.
        with suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Everything that is read in it is of one moment: a load may end meanwhile."""
        with _translated(self.path):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.rollback()

    def resource_hash(self, resource_id: str) -> str:
        """A resource id as reports may show it: keyed to this store, useless elsewhere."""
        digest = hashlib.blake2b(resource_id.encode(), key=self._hash_key, digest_size=6)
        return digest.hexdigest()

    def record_ids(self) -> list[str]:
        """Every usable patient's record id, sorted; those with no results included."""
        query = "SELECT id FROM patient WHERE state = ? ORDER BY id"
        with _translated(self.path):
            return [record_id for (record_id,) in self._db.execute(query, (State.LIVE,))]

    def record(self, record_id: str, period: DataPeriod | None = None) -> Record:
        """One patient's results and doses inside `period`; equal results are given once.

        Raises RecordUnknown (also for a patient who is inactive or in conflict).
        """
        known = "SELECT 1 FROM patient WHERE id = ? AND state = ?"
        query = (
            "SELECT DISTINCT loinc, time_us, value FROM observation WHERE record_id = ?"
            " AND state = ? AND time_us >= ? AND time_us < ? ORDER BY time_us, loinc, value"
        )
        first, last = -(2**63), 2**63 - 1
        if period is not None:
            first = first if period.start is None else to_us(period.start)
            last = last if period.end is None else to_us(period.end)
        with self._reading():
            if self._db.execute(known, (record_id, State.LIVE)).fetchone() is None:
                raise RecordUnknown("no usable patient of this store has that record id")
            rows = self._db.execute(query, (record_id, State.LIVE, first, last)).fetchall()
            doses = self._doses(record_id, first, last)
        return Record(
            record_id,
            tuple(
                Observation(loinc, CODES[loinc].unit, from_us(time_us), value)
                for loinc, time_us, value in rows
            ),
            doses,
        )

    def _doses(self, record_id: str, first: int, last: int) -> tuple[Observation, ...]:
        query = "SELECT code, time_us, stop_us, value FROM dose WHERE record_id = ? AND state = ?"
        periods: dict[str, list[DosePeriod]] = {}
        for code, start_us, stop_us, value in self._db.execute(query, (record_id, State.LIVE)):
            periods.setdefault(code, []).append(DosePeriod(start_us, stop_us, value))
        found = sorted(
            (time_us, code, value)
            for code, of_drug in periods.items()
            for time_us, value in changes(of_drug, first, last)
        )
        return tuple(
            Observation(code, DRUGS[code].quantity.unit, from_us(time_us), value)
            for time_us, code, value in found
        )

    def records(self, ids: Iterable[str], period: DataPeriod | None = None) -> Iterator[Record]:
        """`record` for each id, in the order given, one at a time."""
        for record_id in ids:
            yield self.record(record_id, period)

    def digest(self) -> str:
        """SHA-256 (hex) of everything the store holds except provenance, in a fixed order.

        Two stores with equal digests give equal records and answer further loads alike.
        """
        found = hashlib.sha256()
        patients = (
            "SELECT id, state, updated_us, version, removed, birth_date, gender FROM patient"
            " ORDER BY id"
        )
        observations = (
            "SELECT id, state, updated_us, version, removed, record_id, loinc, time_us, value,"
            " source_value, source_unit FROM observation ORDER BY id"
        )
        doses = (
            "SELECT id, state, updated_us, version, removed, record_id, code, time_us, stop_us,"
            " value, source_value, source_unit FROM dose ORDER BY id"
        )
        with self._reading():
            for query in (patients, observations, doses):
                for row in self._db.execute(query):
                    found.update(json.dumps(row).encode() + b"\n")
                found.update(b"\n")
        return found.hexdigest()


def _connect(path: Path) -> sqlite3.Connection:
    leave_no_core()
    # isolation_level None: this package begins and ends every transaction itself.
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    return db


def _refuse_if_shared(path: Path) -> None:
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise StorePermissions(f"{path}: belongs to another user; run as the site's own user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise StorePermissions(f"{path}: others may read this file; run chmod 600 on it")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreBusy(f"{path}: another process is writing; try again shortly") from error
        raise StoreRefused(in_words(path, error)) from error
    except sqlite3.DatabaseError as error:
        raise StoreCorrupt(in_words(path, error)) from error
