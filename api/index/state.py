"""A study as its indexed events tell, kept in memory and carried on as new ones come."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.index import repository
from api.problems import NotFound
from audit.consent_state import StudyState
from audit.history import History
from audit.replay import extended
from chain.events import ContractName, EventRecord

_STUDIES_KEPT = 64


@dataclass
class _Entry:
    """`sequence`: the last event in the history; `undone`: the last undoing before it was made."""

    history: History
    sequence: int = 0
    undone: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Cache:
    def __init__(self) -> None:
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def entry(self, study_id: int) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault(study_id, _Entry(History(study_id)))
            self._entries.move_to_end(study_id)
            return entry

    def make_room(self) -> None:
        """Forgets the studies that were asked for longest ago, when there are too many."""
        with self._lock:
            while len(self._entries) > _STUDIES_KEPT:
                self._entries.popitem(last=False)

    def forget(self, study_id: int) -> None:
        """What is no study takes no other's place."""
        with self._lock:
            self._entries.pop(study_id, None)


_caches: WeakKeyDictionary[Engine, _Cache] = WeakKeyDictionary()
_making = threading.Lock()


def study_state(database: Session, study_id: int) -> StudyState:
    """A study after everything that was indexed, at the time of the newest indexed block.

    Costs one short query when nothing new was indexed, else a replay of what is new.

    Raises:
        NotFound: there is no such study.
        audit.errors.HistoryInvalid: the index holds what the contracts cannot emit.
    """
    cache = _cache_of(database)
    entry = cache.entry(study_id)
    with entry.lock:
        history = _carried_on(database, study_id, entry)
    newest = repository.newest_block(database)
    if history.sponsor is None or newest is None:
        cache.forget(study_id)
        raise NotFound(f"there is no study {study_id}")
    cache.make_room()
    return StudyState(history, len(history.moments), newest.timestamp)


def _carried_on(database: Session, study_id: int, entry: _Entry) -> History:
    sequence, undone = repository.newest_of(database, study_id)
    if undone != entry.undone or sequence < entry.sequence:
        entry.history, entry.sequence, entry.undone = History(study_id), 0, undone
    if sequence > entry.sequence:
        rows = repository.records_of(database, study_id, entry.sequence)
        records = [
            EventRecord(cast(ContractName, contract), block, time, topic0, study, data)
            for _, contract, block, time, topic0, study, data in rows
        ]
        entry.history = extended(entry.history, records)
        entry.sequence = rows[-1][0]
    return entry.history


def _cache_of(database: Session) -> _Cache:
    engine = database.get_bind().engine
    with _making:
        return _caches.setdefault(engine, _Cache())
