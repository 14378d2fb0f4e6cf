"""The tally of records: never below what sealed rounds have charged, whatever happens."""

import os
import sqlite3
import stat
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from federation.gate.private_database import DatabaseUnusable
from federation.gate.private_files import PrivateFileUnsafe
from federation.gate.record_cap import Committed, Fate, catch_up
from federation.gate.record_tally import RecordTally, RecordTallyRefused, SiteAccount
from tests.federation.gate.dying import dies_at

RHO = 10
CEILING = 25
CHAIN, LEDGER = 31337, "0x" + "Ab" * 20
SITE = "0x" + "01" * 20
ONE = SiteAccount(CHAIN, LEDGER, 1, SITE)
TWO = SiteAccount(CHAIN, LEDGER, 2, SITE)
OTHER_SITE = SiteAccount(CHAIN, LEDGER, 1, "0x" + "02" * 20)


@pytest.fixture
def tally(tmp_path):
    opened = RecordTally(tmp_path / "tally.db")
    for account in (ONE, TWO):
        opened.add(account)
    yield opened
    opened.close()


def hold(tally, account, number, records, attempt=1, ceiling=CEILING):
    return tally.hold(account, number, attempt, RHO, records, ceiling)


class TestACeilingOverStudies:
    def test_a_record_has_room_until_one_more_round_would_pass_the_ceiling(self, tally):
        for number in (1, 2):
            assert hold(tally, ONE, number, {"p", "q"}) == set()
            tally.settle(ONE, number, 1, RHO)
        assert hold(tally, TWO, 1, {"p", "r"}) == {"p"}
        assert tally.totals({"p", "q", "r", "new"}) == {"p": 20, "q": 20, "r": 10, "new": 0}

    def test_a_ceiling_may_be_reached_and_not_passed(self, tally):
        assert hold(tally, ONE, 1, {"p"}, ceiling=RHO) == set()
        assert hold(tally, TWO, 1, {"p"}, ceiling=2 * RHO - 1) == {"p"}
        assert hold(tally, TWO, 1, {"p"}, ceiling=2 * RHO) == set()

    def test_what_is_held_counts_before_it_is_charged_and_once_a_round(self, tally):
        hold(tally, ONE, 1, {"p"}, attempt=1)
        hold(tally, ONE, 1, {"p", "q"}, attempt=2)
        assert tally.totals({"p", "q"}) == {"p": RHO, "q": RHO}
        assert hold(tally, TWO, 1, {"p"}, ceiling=RHO) == {"p"}

    def test_only_the_sealed_attempts_records_are_charged(self, tally):
        hold(tally, ONE, 1, {"p", "withdrawn"}, attempt=1)
        hold(tally, ONE, 1, {"p"}, attempt=2)
        tally.settle(ONE, 1, 2, RHO)
        assert tally.totals({"p", "withdrawn"}) == {"p": RHO, "withdrawn": 0}

    def test_a_round_that_can_never_be_sealed_lets_its_records_go(self, tally):
        hold(tally, ONE, 1, {"p"})
        tally.settle(ONE, 1, None, RHO)
        assert tally.totals({"p"}) == {"p": 0}

    def test_a_second_account_of_the_hospital_cannot_use_a_record_in_the_same_round(self, tally):
        tally.add(OTHER_SITE)
        hold(tally, ONE, 1, {"p"})
        assert hold(tally, OTHER_SITE, 1, {"p", "q"}, ceiling=10**9) == {"p"}
        assert hold(tally, OTHER_SITE, 2, {"p"}, ceiling=10**9) == set()

    def test_rho_passes_63_bits(self, tally):
        big = 2**70
        assert tally.hold(ONE, 1, 1, big, {"p"}, 2 * big) == set()
        tally.settle(ONE, 1, 1, big)
        assert tally.totals({"p"}) == {"p": big}


class TestWhatIsNotKnownCountsForEveryRecord:
    def test_a_sealed_round_that_nobody_held(self, tally):
        tally.settle(ONE, 1, 3, RHO)
        assert tally.totals({"p", "never seen"}) == {"p": RHO, "never seen": RHO}
        hold(tally, TWO, 1, {"p"})
        tally.settle(TWO, 1, 1, RHO)
        assert hold(tally, TWO, 2, {"p", "q"}) == {"p"}

    def test_a_commitment_that_nobody_held_counts_until_it_is_decided(self, tally):
        tally.hold_everyone(ONE, 1, 1, RHO)
        assert tally.totals({"p"}) == {"p": RHO}
        assert hold(tally, TWO, 1, {"p"}, ceiling=RHO) == {"p"}
        tally.settle(ONE, 1, None, RHO)
        assert tally.totals({"p"}) == {"p": 0}

    def test_what_a_backup_held(self, tally):
        hold(tally, ONE, 1, {"p"})
        tally.forget_whose_holds()
        assert tally.totals({"p", "q"}) == {"p": RHO, "q": RHO}
        tally.settle(ONE, 1, 1, RHO)
        assert tally.totals({"p", "q"}) == {"p": RHO, "q": RHO}

    def test_a_hold_that_is_known_stays_known(self, tally):
        hold(tally, ONE, 1, {"p"})
        tally.hold_everyone(ONE, 1, 1, RHO)
        assert tally.totals({"p", "q"}) == {"p": RHO, "q": 0}


class TestRounds:
    def test_are_settled_in_order_and_once(self, tally):
        hold(tally, ONE, 1, {"p"})
        with pytest.raises(RecordTallyRefused, match=r"round 1 .* is open"):
            tally.settle(ONE, 2, 1, RHO)
        tally.settle(ONE, 1, 1, RHO)
        tally.settle(ONE, 1, None, RHO)
        assert tally.totals({"p"}) == {"p": RHO}

    def test_take_no_attempt_once_they_are_settled(self, tally):
        tally.settle(ONE, 1, None, RHO)
        with pytest.raises(RecordTallyRefused, match="has settled round 1"):
            hold(tally, ONE, 1, {"p"})

    def test_are_known_to_be_held_or_settled(self, tally):
        assert not tally.holds(ONE, 1, 1)
        hold(tally, ONE, 1, {"p"})
        assert tally.holds(ONE, 1, 1) and not tally.holds(ONE, 1, 2)
        tally.settle(ONE, 1, 1, RHO)
        assert tally.holds(ONE, 1, 1)
        assert not tally.holds(OTHER_SITE, 1, 1)

    def test_of_an_unknown_account_are_refused(self, tally):
        with pytest.raises(RecordTallyRefused, match="does not count study 1"):
            hold(tally, OTHER_SITE, 1, {"p"})


class TestTheFile:
    def test_is_closed_to_others_and_names_no_study_once_settled(self, tally):
        hold(tally, ONE, 1, {"p"})
        tally.settle(ONE, 1, 1, RHO)
        assert stat.S_IMODE(tally.path.stat().st_mode) == 0o600
        with sqlite3.connect(tally.path) as reader:
            assert reader.execute("SELECT * FROM charged_records").fetchall() == [("p", str(RHO))]
            assert reader.execute("SELECT count(*) FROM held_records").fetchone() == (0,)

    def test_open_to_others_or_damaged_is_refused_by_name(self, tmp_path):
        RecordTally(tmp_path / "open.db").close()
        (tmp_path / "open.db").chmod(0o640)
        with pytest.raises(PrivateFileUnsafe, match=r"open\.db"):
            RecordTally(tmp_path / "open.db")
        (tmp_path / "damaged.db").write_bytes(b"not a database at all" * 300)
        (tmp_path / "damaged.db").chmod(0o600)
        with pytest.raises(DatabaseUnusable, match=r"damaged\.db"):
            RecordTally(tmp_path / "damaged.db")

    def test_that_cannot_be_written_refuses_by_name_and_keeps_nothing(self, tally):
        tally._database.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(RecordTallyRefused, match=r"tally\.db cannot be read or written"):
            hold(tally, ONE, 1, {"p"})
        tally._database.connection.execute("PRAGMA query_only = OFF")
        assert tally.totals({"p"}) == {"p": 0}


class Ledger:
    """What a ledger would have decided; `sealed` and `aborted` are final."""

    def __init__(self):
        self.commitments: dict[tuple[SiteAccount, int], int] = {}
        self.decided: dict[tuple[int, int], bool] = {}  # (study, round) -> sealed
        self.members: set[tuple[SiteAccount, int]] = set()
        self.counts = {1: 0, 2: 0}

    def round_count(self, study):
        return self.counts[study]

    def fate(self, account, number):
        if (account.study_id, number) not in self.decided:
            return None
        sealed_in = (account, number) in self.members
        return Fate(self.commitments[account, number] if sealed_in else None, RHO)

    def committed(self, account, number):
        attempt = self.commitments.get((account, number))
        return None if attempt is None else Committed(attempt, RHO)


def caught_up(tally, ledger):
    catch_up(tally, CHAIN, LEDGER, ledger)


class TestADyingProcess:
    """Killed before any of its SQL statements, the tally is whole and goes on from there."""

    def life(self, path: Path, ledger: Ledger, done: int) -> None:
        tally = RecordTally(path)
        tally.add(ONE)
        caught_up(tally, ledger)
        hold(tally, ONE, 2, {"p"})
        os.write(done, b"held")
        tally.close()

    def test_never_counts_too_little_and_never_twice(self, tmp_path):
        ledger, statement, died = Ledger(), 0, True
        ledger.counts[1], ledger.commitments[ONE, 1] = 2, 1
        ledger.decided[1, 1] = True
        ledger.members.add((ONE, 1))
        while died:
            statement += 1
            path, log = tmp_path / f"{statement}.db", tmp_path / f"{statement}.txt"
            first = RecordTally(path)
            first.add(ONE)
            hold(first, ONE, 1, {"p", "q"})
            first.close()
            done = os.open(log, os.O_WRONLY | os.O_CREAT)
            died = dies_at(statement, partial(self.life, path, ledger, done))
            again = RecordTally(path)
            heard = bool(log.read_bytes())
            assert again.totals({"q"}) == {"q": RHO}
            assert again.totals({"p"})["p"] in ((2 * RHO,) if heard else (RHO, 2 * RHO))
            again.close()
            self.life(path, ledger, done)
            os.close(done)
            again = RecordTally(path)
            assert again.totals({"p", "q"}) == {"p": 2 * RHO, "q": RHO}
            again.close()
        assert statement > 20


class TallyLife(RuleBasedStateMachine):
    """Random histories of two studies, with crashes, lost files and old copies, against a model.

    The model knows what each sealed attempt really used. The tally must never say less, and as
    long as its file was neither lost nor an old copy, it says exactly that and what is undecided.
    """

    ceiling = 7 * RHO
    studies = st.sampled_from([ONE, TWO])
    records = st.sets(st.sampled_from(["p", "q", "r"]), min_size=1)
    mostly = st.sampled_from([True, True, True, False])

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger()
        self.used: dict[tuple[SiteAccount, int, int], set[str]] = {}  # in the newest vector
        self.held: dict[tuple[SiteAccount, int, int], set[str]] = {}  # and in those before it
        self.charged = {"p": 0, "q": 0, "r": 0}
        self.counted = dict(self.charged)
        self.files = 0
        self.exact = True
        self.copy: Path | None = None

    @initialize(loses_files=st.booleans())
    def start(self, loses_files):
        self.loses_files = loses_files
        self.new_file()

    def new_file(self):
        self.files += 1
        self.tally = RecordTally(self.path)
        for account in (ONE, TWO):
            self.tally.add(account)

    @property
    def path(self):
        return Path(self.folder.name) / f"{self.files}.db"

    def teardown(self):
        self.tally.close()
        self.folder.cleanup()

    def number(self, account):
        return self.ledger.counts[account.study_id]

    def is_open(self, account):
        study = account.study_id
        return self.number(account) > 0 and (study, self.number(account)) not in self.ledger.decided

    @rule(account=studies, records=records, commits=mostly)
    def take_part(self, account, records, commits):
        """As a site does; one that does not commit has crashed after it held, before it sent."""
        if not self.is_open(account):
            self.ledger.counts[account.study_id] += 1
        number = self.number(account)
        attempt = self.ledger.commitments.get((account, number), 0) + 1
        caught_up(self.tally, self.ledger)
        without = hold(self.tally, account, number, records, attempt, self.ceiling)
        used = records - without
        for one in used:
            assert self.charged[one] + RHO <= self.ceiling
        key = (account, number, attempt)
        self.used[key] = used
        self.held[key] = self.held.get(key, set()) | used
        if commits:
            self.ledger.commitments[account, number] = attempt

    @rule(account=studies, seals=mostly, member=mostly)
    def decide(self, account, seals, member):
        if not self.is_open(account):
            return
        number = self.number(account)
        self.ledger.decided[account.study_id, number] = seals
        attempt = self.ledger.commitments.get((account, number))
        if seals and member and attempt is not None:
            self.ledger.members.add((account, number))
            for one in self.used[account, number, attempt]:
                self.charged[one] += RHO
            for one in self.held[account, number, attempt]:
                self.counted[one] += RHO

    @rule()
    def catch_up(self):
        caught_up(self.tally, self.ledger)
        if self.exact:
            undecided = {one: RHO * self.undecided(one) for one in self.charged}
            expected = {one: rho + undecided[one] for one, rho in self.counted.items()}
            assert self.tally.totals(set(self.charged)) == expected

    def undecided(self, one):
        """In how many open rounds a record is held."""
        return sum(
            any(
                one in used
                for (who, number, _), used in self.held.items()
                if (who, number) == (account, self.number(account))
            )
            for account in (ONE, TWO)
            if self.is_open(account)
        )

    @rule()
    def reopen(self):
        self.tally.close()
        self.tally = RecordTally(self.path)

    @precondition(lambda self: self.loses_files and self.files < 3 and any(self.used.values()))
    @rule()
    def lose_the_file(self):
        self.tally.close()
        self.new_file()
        self.exact = False

    @precondition(lambda self: self.loses_files and self.files < 3)
    @rule()
    def keep_a_copy(self):
        self.copy = Path(self.folder.name) / f"copy-{self.files}.db"
        self.copy.unlink(missing_ok=True)
        with sqlite3.connect(self.copy) as target:
            self.tally._database.connection.backup(target)

    @precondition(lambda self: self.files < 3 and self.copy is not None)
    @rule()
    def go_back_to_the_copy(self):
        self.tally.close()
        self.files += 1
        self.copy.rename(self.path)
        self.path.chmod(0o600)
        self.copy, self.exact = None, False
        self.tally = RecordTally(self.path)
        self.tally.forget_whose_holds()

    @invariant()
    def the_tally_is_at_least_what_was_or_may_be_charged(self):
        if not hasattr(self, "tally"):
            return
        if not self.exact:  # what a lost file held is known again once the ledger was asked
            caught_up(self.tally, self.ledger)
        totals = self.tally.totals(set(self.charged))
        for one, charged in self.charged.items():
            assert totals[one] >= charged + RHO * self.may_be_sealed(one)

    def may_be_sealed(self, one):
        """In how many open rounds the attempt on the ledger uses a record."""
        return sum(
            one in self.used[account, number, attempt]
            for (account, number), attempt in self.ledger.commitments.items()
            if number == self.number(account) and self.is_open(account)
        )

    @invariant()
    def no_record_was_charged_more_than_the_ceiling(self):
        assert max(self.charged.values()) <= self.ceiling


TestTallyLife = TallyLife.TestCase
TestTallyLife.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
