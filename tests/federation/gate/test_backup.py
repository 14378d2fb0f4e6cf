"""A site's backup: whole, encrypted, consistent; and nothing that was sent since is repeated."""

import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.gate.backup import (
    BackupUnusable,
    read_passphrase,
    restore_backup,
    write_backup,
)
from federation.gate.journal import Journal
from federation.gate.journal_schema import RoundEnded
from federation.gate.keys import SiteKeys
from federation.gate.private_files import PrivateFileUnsafe, write_private_file
from federation.gate.record_tally import RecordTally, SiteAccount
from federation.gate.records.store import RecordStore
from federation.gate.site_folder import make_site_folder

PASSPHRASE = b"correct horse battery staple"
STUDY = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "site"
    keys = make_site_folder(made)
    keys.record_salt("patient-one-of-this-hospital")
    keys.close()
    return made


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    opened = Journal.open(folder / "state.db")
    yield opened
    opened.close()


def reserve(journal: Journal, round_: int, attempt: int, plain: bytes = b"plain") -> int:
    reserved = journal.reserve(STUDY, round_, attempt, plain, b"cohort")
    vector_hash = bytes([round_, attempt]) * 16
    journal.store(reserved, b"vector", vector_hash)
    return reserved.draw_number


def deliver(journal: Journal, round_: int) -> None:
    journal.charge(STUDY, round_, 10, 1000, 10 * round_)
    journal.deliver_once(STUDY, round_, bytes(32), lambda: (b"masked", b"signature"))


def restored_journal(folder: Path, tmp_path: Path, name: str = "restored") -> Journal:
    write_backup(folder, tmp_path / f"{name}.backup", PASSPHRASE)
    restore_backup(tmp_path / f"{name}.backup", tmp_path / name, PASSPHRASE)
    return Journal.open(tmp_path / name / "state.db")


def test_a_restored_site_is_the_same_site(folder: Path, tmp_path: Path) -> None:
    (folder / "site.json").write_text("{}")
    (folder / "supernode" / "keys").mkdir()
    (folder / "supernode" / "keys" / "supernode").write_text("a key")
    (folder / "logs" / "supernode.log").write_text("of that machine")
    write_backup(folder, tmp_path / "backup", PASSPHRASE)
    restored = restore_backup(tmp_path / "backup", tmp_path / "elsewhere", PASSPHRASE)
    before, after = SiteKeys.open(folder / "keys"), SiteKeys.open(tmp_path / "elsewhere" / "keys")
    assert restored.account == before.public.account
    assert after.public == before.public
    assert after.noise_secret == before.noise_secret
    assert after.account.key == before.account.key
    assert after.record_salt("patient-one-of-this-hospital") == before.record_salt(
        "patient-one-of-this-hospital"
    )
    with (
        RecordStore.open(folder / "records.db") as old,
        RecordStore.open(tmp_path / "elsewhere" / "records.db") as new,
    ):
        assert new.digest() == old.digest()
    assert (tmp_path / "elsewhere" / "site.json").read_text() == "{}"
    assert (tmp_path / "elsewhere" / "supernode" / "keys" / "supernode").read_text() == "a key"
    assert list((tmp_path / "elsewhere" / "logs").iterdir()) == []
    for path in [tmp_path / "elsewhere", *(tmp_path / "elsewhere").rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        assert path.stat().st_uid == os.geteuid()


def test_a_backup_shows_nothing_and_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in folder.iterdir())
    size = write_backup(folder, tmp_path / "backup", PASSPHRASE)
    data = (tmp_path / "backup").read_bytes()
    assert len(data) == size
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    assert b"patient-one" not in data and b"SQLite format" not in data
    assert (folder / "keys" / "account.key").read_bytes().strip() not in data
    assert sorted(path.name for path in folder.iterdir()) == names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "site"]
    write_backup(folder, tmp_path / "second", PASSPHRASE)
    assert (tmp_path / "second").read_bytes()[200:] != data[200:]


KILLED = """
import os, signal, sys
from pathlib import Path
from federation.gate import backup
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
backup._add = kill
backup.write_backup(Path(sys.argv[1]), Path(sys.argv[2]), b"correct horse battery staple")
"""


def test_a_backup_that_is_killed_leaves_no_copy_of_a_database(folder: Path, tmp_path: Path) -> None:
    """It would hold the salts of records that are erased later."""
    for path in [*folder.glob("*.json"), *(folder / "keys").glob("[!s]*")]:
        path.unlink()  # so that the first file to be added is a database
    before = set(folder.rglob("*"))
    command = [sys.executable, "-c", KILLED, str(folder), str(tmp_path / "backup")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    left = {path for path in set(folder.rglob("*")) - before if path.is_file()}
    assert not {path.name for path in left if not path.name.endswith(("-wal", "-shm"))}


def test_changes_of_any_part_are_found_and_nothing_is_restored(
    folder: Path, tmp_path: Path
) -> None:
    write_backup(folder, tmp_path / "backup", PASSPHRASE)
    good = (tmp_path / "backup").read_bytes()
    places = [0, 19, 40, 120, random.Random(1).randrange(300, len(good)), len(good) - 1]
    altered = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in places]
    altered += [good[:-1], good[:180], good[:10], b"", good + b"x"]
    for data in altered:
        (tmp_path / "altered").write_bytes(data)
        with pytest.raises(BackupUnusable, match="altered"):
            restore_backup(tmp_path / "altered", tmp_path / "new", PASSPHRASE)
    with pytest.raises(BackupUnusable, match="the passphrase is wrong"):
        restore_backup(tmp_path / "backup", tmp_path / "new", b"another passphrase")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["altered", "backup", "site"]


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    write_backup(folder, tmp_path / "backup", PASSPHRASE)
    before = (tmp_path / "backup").read_bytes()
    with pytest.raises(FileExistsError, match="never overwrites"):
        write_backup(folder, tmp_path / "backup", PASSPHRASE)
    with pytest.raises(FileExistsError, match="never overwrites"):
        restore_backup(tmp_path / "backup", folder, PASSPHRASE)
    assert (tmp_path / "backup").read_bytes() == before


def test_the_passphrase_is_long_and_in_a_private_file(tmp_path: Path) -> None:
    write_private_file(tmp_path / "short", b"secret\n")
    with pytest.raises(BackupUnusable, match="fewer than 12"):
        read_passphrase(tmp_path / "short")
    write_private_file(tmp_path / "good", PASSPHRASE + b"\nsecond line\n")
    assert read_passphrase(tmp_path / "good") == PASSPHRASE
    (tmp_path / "good").chmod(0o640)
    with pytest.raises(PrivateFileUnsafe, match="chmod 600"):
        read_passphrase(tmp_path / "good")


def test_a_database_that_is_being_written_is_copied_whole(
    folder: Path, tmp_path: Path, journal: Journal
) -> None:
    writing = threading.Event()
    done = threading.Event()

    def write() -> None:
        own = Journal.open(folder / "state.db")
        for round_ in range(1, 2000):
            reserve(own, round_ % 250 + 1, 1, bytes([round_ % 256]) * 1000)
            writing.set()
            if done.is_set():
                break
        own.close()

    writer = threading.Thread(target=write)
    writer.start()
    writing.wait()
    try:
        restored_journal(folder, tmp_path).close()
    finally:
        done.set()
        writer.join()
    check = sqlite3.connect(tmp_path / "restored" / "state.db")
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


@pytest.mark.parametrize(
    "kept_at", ["tally", "../hospital-wide.tally", "../shared/record-tally.db"]
)
def test_the_tally_of_records_is_copied_whole_whatever_its_name(
    folder: Path, tmp_path: Path, kept_at: str
) -> None:
    """What a running site has counted may be in SQLite's write-ahead log alone."""
    (folder / "site.json").write_text(json.dumps({"record_tally": kept_at}))
    target = folder / kept_at
    target.parent.mkdir(exist_ok=True)
    account = SiteAccount(31337, "0x" + "ab" * 20, STUDY, "0x" + "01" * 20)
    with closing(RecordTally(target)) as running:
        running.add(account)
        running.hold(account, 1, 1, 10, {"a record"}, 1000)
        running.settle(account, 1, 1, 10)
        write_backup(folder, tmp_path / "backup", PASSPHRASE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    restored = restore_backup(tmp_path / "backup", elsewhere / "site", PASSPHRASE)
    assert restored.record_tally == Path(os.path.normpath(elsewhere / "site" / kept_at))
    with closing(RecordTally(restored.record_tally)) as copy:
        assert copy.totals({"a record"}) == {"a record": 10}


def test_rounds_that_were_under_way_end_and_keep_their_cohort(
    folder: Path, tmp_path: Path, journal: Journal
) -> None:
    reserve(journal, 1, 1)
    deliver(journal, 1)
    reserve(journal, 2, 1)
    write_backup(folder, tmp_path / "backup", PASSPHRASE)
    restored = restore_backup(tmp_path / "backup", tmp_path / "new", PASSPHRASE)
    assert restored.rounds_ended == ((STUDY, 2),)
    new = Journal.open(tmp_path / "new" / "state.db")
    with pytest.raises(RoundEnded, match="restored from a backup"):
        new.reserve(STUDY, 2, 2, b"plain", b"cohort")
    with pytest.raises(RoundEnded, match="restored from a backup"):
        new.charge(STUDY, 2, 10, 1000, 20)
    assert new.committed(STUDY, 2, bytes([2, 1]) * 16) is None
    assert new.cohort(STUDY, 2, bytes([2, 1]) * 16) == b"cohort"
    # What was delivered is sent again as the same bytes, and only so; the tally is kept.
    again = new.deliver_once(STUDY, 1, bytes(32), lambda: (b"other", b"other"))
    assert again.masked == b"masked"
    assert new.spent(STUDY) == journal.spent(STUDY) == 10
    new.close()


@settings(max_examples=3, deadline=None)
@given(since=st.lists(st.integers(1, 3), min_size=1, max_size=5), vectors=st.integers(1, 3))
def test_no_draw_number_of_the_time_since_the_backup_comes_again(
    tmp_path_factory: pytest.TempPathFactory, since: list[int], vectors: int
) -> None:
    """Whatever was reserved after the backup: the restored site's noise keys are all others."""
    place = tmp_path_factory.mktemp("draws")
    make_site_folder(place / "site").close()
    journal = Journal.open(place / "site" / "state.db")
    write_backup(place / "site", place / "backup", PASSPHRASE)
    used: set[tuple[int, int, int]] = set()

    def run(own: Journal, name: bytes) -> set[tuple[int, int, int]]:
        return {
            (round_, attempt, reserve_only(own, round_, attempt, name + bytes([n])))
            for round_, attempts in enumerate(since, start=1)
            for attempt in range(1, attempts + 1)
            for n in range(vectors)
        }

    for copy in ("first", "second"):
        restore_backup(place / "backup", place / copy, PASSPHRASE)
        own = Journal.open(place / copy / "state.db")
        fresh = run(own, copy.encode())
        own.close()
        assert len(fresh) == sum(since) * vectors
        assert used.isdisjoint(fresh)
        used |= fresh
    original = run(journal, b"original")
    journal.close()
    assert used.isdisjoint(original)
    shutil.rmtree(place)


def reserve_only(journal: Journal, round_: int, attempt: int, plain: bytes) -> int:
    return journal.reserve(STUDY, round_, attempt, plain, b"cohort").draw_number
