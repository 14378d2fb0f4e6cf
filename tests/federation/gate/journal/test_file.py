"""The journal's file: private, durable, of one site, and refused when it is anything else."""

import os
import stat

import pytest

from federation.gate.journal import Journal
from federation.gate.journal_schema import JournalOfAnotherSite
from federation.gate.private_database import DatabaseUnusable
from federation.gate.private_files import PrivateFileUnsafe
from tests.federation.gate.journal.small_rounds import stored


class TestFile:
    def test_is_private_also_its_write_ahead_log(self, journal, path):
        stored(journal)
        files = list(path.parent.iterdir())
        assert {file.name for file in files} >= {"state.db", "state.db-wal"}
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * len(files)

    def test_is_refused_when_others_may_read_it(self, journal, path):
        path.chmod(0o644)
        with pytest.raises(PrivateFileUnsafe, match="chmod 600"):
            Journal.open(path)

    def test_is_refused_when_it_is_a_link_also_a_dangling_one(self, tmp_path):
        (tmp_path / "link.db").symlink_to(tmp_path / "nothing.db")
        with pytest.raises(PrivateFileUnsafe, match="symbolic"):
            Journal.open(tmp_path / "link.db")
        assert not (tmp_path / "nothing.db").exists()

    def test_a_damaged_file_is_refused(self, path):
        path.touch(0o600)
        path.write_bytes(os.urandom(9000))
        with pytest.raises(DatabaseUnusable, match=r"state\.db is damaged"):
            Journal.open(path)

    def test_writes_are_synchronous(self, journal):
        pragma = journal.database.connection.execute
        assert pragma("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert pragma("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert pragma("PRAGMA secure_delete").fetchone()[0] == 1

    def test_belongs_to_one_site_at_one_ledger(self, journal, path):
        ledger, site = "0x" + "aA" * 20, "0x" + "bB" * 20
        journal.bind(31337, ledger, site)
        journal.bind(31337, ledger.lower(), site)
        again = Journal.open(path)
        for other in ((1, ledger, site), (31337, site, site), (31337, ledger, ledger)):
            with pytest.raises(JournalOfAnotherSite):
                again.bind(*other)
        again.close()

    def test_a_connection_from_before_a_fork_is_refused(self, journal):
        child = os.fork()
        if child == 0:
            try:
                journal.spent(1)
            except DatabaseUnusable:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
