"""A site's databases say in plain words who may use them."""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.private_database import DatabaseUnusable, PrivateDatabase
from stack.binaries import ROOT


def in_a_thread(act: Callable[[], object]) -> Exception | None:
    """What an act raises in a thread of its own."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


def test_keys_and_journal_of_another_thread_are_refused_in_plain_words(tmp_path: Path) -> None:
    keys = SiteKeys.create(tmp_path / "keys")
    journal = Journal.open(tmp_path / "state.db")
    acts: list[Callable[[], object]] = [
        lambda: keys.record_salt("a record"),
        lambda: journal.spent(1),
        lambda: journal.reserve(1, 1, 1, b"plain", b"cohort"),
        journal.close,
    ]
    for act in acts:
        refused = in_a_thread(act)
        assert isinstance(refused, DatabaseUnusable)
        assert "was opened in another thread; open " in str(refused)
    assert journal.reserve(1, 1, 1, b"plain", b"cohort").draw_number == 0
    journal.close()
    keys.close()


def test_each_thread_may_open_its_own(tmp_path: Path) -> None:
    SiteKeys.create(tmp_path / "keys").close()

    def use() -> None:
        keys = SiteKeys.open(tmp_path / "keys")
        keys.record_salt("a record")
        keys.close()

    assert in_a_thread(use) is None


def test_a_connection_from_before_a_fork_is_refused(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "state.db")
    child = os.fork()
    if child == 0:
        try:
            journal.spent(1)
        except DatabaseUnusable as refused:
            os._exit(0 if "was opened before a fork" in str(refused) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    journal.close()


def test_a_process_that_opened_a_private_file_leaves_no_core(tmp_path: Path) -> None:
    """A core file would hold keys and records, wherever the machine puts it."""

    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from federation.gate.private_files import read_private_file, write_private_file\n"
        "write_private_file(Path(sys.argv[1]), b'secret')\n"
        "read_private_file(Path(sys.argv[1]))\n"
        "print(*resource.getrlimit(resource.RLIMIT_CORE))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "secret")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["0", "0"]
    Journal.open(tmp_path / "state.db").close()
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def test_a_full_disk_is_told_as_one_and_loses_nothing(tmp_path: Path) -> None:
    database = PrivateDatabase(tmp_path / "site.db", "CREATE TABLE kept (value BLOB)", 7)
    with database.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (x'01')")
    connection.execute("PRAGMA max_page_count = 1")
    refused = pytest.raises(DatabaseUnusable, match=r"site\.db .*its disk is full.*make room")
    with refused, database.transaction():
        connection.execute("INSERT INTO kept VALUES (zeroblob(100000))")
    assert [bytes(row["value"]) for row in database.rows("SELECT value FROM kept")] == [b"\x01"]
    database.close()


def test_a_damaged_or_locked_file_is_told_as_one(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"not a database" * 1000)
    damaged.chmod(0o600)
    with pytest.raises(DatabaseUnusable, match=r"damaged\.db is damaged .*restore a backup"):
        PrivateDatabase(damaged, "CREATE TABLE kept (value BLOB)", 7)
    one, two = (PrivateDatabase(tmp_path / "site.db", "CREATE TABLE k (v)", 7) for _ in "ab")
    two.connection.execute("PRAGMA busy_timeout = 0")
    locked = pytest.raises(DatabaseUnusable, match=r"site\.db is kept locked by another program")
    with one.transaction(), locked, two.transaction():
        pass
    one.close()
    two.close()
