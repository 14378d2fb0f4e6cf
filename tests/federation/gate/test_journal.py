"""The journal forgets nothing that it answered and never answers one question in two ways."""

import hashlib
import os
import sqlite3
import stat
import tempfile
import threading
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from federation.gate.journal import Journal
from federation.gate.journal_schema import (
    AttemptNotNext,
    BudgetExceeded,
    ChargeContradicted,
    DeliveredAlready,
    JournalError,
    JournalOfAnotherSite,
    NotCharged,
    NothingReserved,
    RoundEnded,
    SealContradicted,
    VectorContradicted,
)
from federation.gate.private_database import DatabaseUnusable
from federation.gate.private_files import PrivateFileUnsafe
from federation.gate.snapshots import KeptSnapshot, Snapshots
from tests.federation.gate.dying import dies_at

SEAL = hashlib.sha256(b"seal").digest()
OTHER_SEAL = hashlib.sha256(b"another seal").digest()
RHO = 222 * 10**15
CEILING = 2 * 10**18


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


@pytest.fixture
def journal(path):
    opened = Journal.open(path)
    yield opened
    opened.close()


def noised(attempt, plain):
    """Stands for plain vector + noise: a function of the reservation, as the real one is."""
    return hashlib.sha256(attempt.salt + bytes([attempt.draw_number]) + plain).digest() * 4


def stored(journal, plain=b"plain", attempt=1, round_number=1, cohort=b"cohort"):
    reserved = journal.reserve(1, round_number, attempt, plain, cohort)
    vector = noised(reserved, plain)
    return journal.store(reserved, vector, hashlib.sha256(reserved.salt + vector).digest())


def delivered(journal, round_number=1, seal=SEAL):
    journal.charge(1, round_number, RHO, CEILING, round_number * RHO)
    return journal.deliver_once(1, round_number, seal, lambda: (b"masked" * 9, b"signature"))


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


class TestAttempts:
    def test_the_same_vector_has_the_same_reservation_for_ever(self, journal, path):
        first = journal.reserve(1, 1, 1, b"plain", b"cohort")
        again = Journal.open(path)
        assert again.reserve(1, 1, 1, b"plain", b"cohort") == first
        again.close()

    def test_another_vector_or_cohort_never_shares_noise_salt_or_keys(self, journal):
        draws = [
            journal.reserve(1, 1, 1, plain, cohort)
            for plain, cohort in [(b"p", b"c"), (b"q", b"c"), (b"p", b"d"), (b"pc", b"")]
        ]
        assert [draw.draw_number for draw in draws] == [0, 1, 2, 3]
        assert len({draw.salt for draw in draws}) == len({d.mask_private for d in draws}) == 4
        assert journal.reserve(1, 1, 1, b"q", b"c") == draws[1]

    def test_a_later_attempt_has_keys_of_its_own_even_for_the_same_vector(self, journal):
        first, second = (journal.reserve(1, 1, attempt, b"p", b"c") for attempt in (1, 2))
        assert first.mask_private != second.mask_private
        assert (second.attempt, second.draw_number) == (2, 0)

    def test_attempts_never_go_back(self, journal):
        journal.reserve(1, 1, 3, b"p", b"c")
        for earlier in (2, 1, 0):
            with pytest.raises(AttemptNotNext):
                journal.reserve(1, 1, earlier, b"p", b"c")

    def test_rounds_and_studies_are_apart(self, journal):
        assert len({journal.reserve(*w, 1, b"p", b"c").salt for w in [(1, 1), (1, 2), (2, 1)]}) == 3

    def test_a_stored_vector_is_found_by_the_hash_that_is_sealed(self, journal):
        first = stored(journal, b"with the record")
        second = stored(journal, b"without the record", attempt=2)
        assert journal.committed(1, 1, first.vector_hash) == first
        assert journal.committed(1, 1, second.vector_hash) == second
        assert journal.committed(1, 2, second.vector_hash) is None

    def test_storing_is_repeated_with_the_same_vector_only(self, journal):
        kept = stored(journal)
        assert stored(journal) == kept
        with pytest.raises(VectorContradicted, match="not deterministic"):
            journal.store(kept, b"another", kept.vector_hash)
        assert journal.committed(1, 1, kept.vector_hash) == kept

    def test_what_was_not_reserved_here_cannot_be_stored(self, journal, tmp_path):
        elsewhere = Journal.open(tmp_path / "other.db")
        foreign = elsewhere.reserve(1, 1, 1, b"p", b"c")
        elsewhere.close()
        with pytest.raises(NothingReserved):
            journal.store(foreign, b"v", b"h")
        journal.reserve(1, 1, 1, b"p", b"c")
        with pytest.raises(NothingReserved):
            journal.store(foreign, b"v", b"h")

    def test_secrets_are_not_shown(self, journal):
        kept = stored(journal)
        for secret in (kept.salt, kept.mask_private, kept.vector):
            assert repr(secret) not in repr(kept)


class TestTally:
    def test_a_round_is_charged_once(self, journal, path):
        assert journal.charge(1, 1, RHO, CEILING, RHO) == RHO
        assert journal.charge(1, 1, RHO, CEILING, RHO) == RHO
        again = Journal.open(path)
        assert again.charge(1, 2, RHO, CEILING, 2 * RHO) == again.spent(1) == 2 * RHO
        again.close()

    def test_the_ceiling_holds_whatever_the_ledger_says(self, journal):
        journal.charge(1, 1, RHO, 2 * RHO, RHO)
        journal.charge(1, 2, RHO, 2 * RHO, 2 * RHO)
        with pytest.raises(BudgetExceeded, match="above its ceiling"):
            journal.charge(1, 3, RHO, 3 * RHO - 1, 3 * RHO)
        assert journal.spent(1) == 2 * RHO
        journal.charge(1, 3, RHO, 3 * RHO, 3 * RHO)

    def test_rounds_that_the_site_sat_out_count_too(self, journal):
        with pytest.raises(BudgetExceeded):
            journal.charge(1, 9, RHO, CEILING, CEILING + 1)
        assert journal.spent(1) == 0

    def test_a_ledger_that_has_forgotten_is_refused(self, journal):
        journal.charge(1, 1, RHO, CEILING, 4 * RHO)
        for less in (0, RHO, 4 * RHO, 5 * RHO - 1):
            with pytest.raises(ChargeContradicted, match="Do not trust this chain"):
                journal.charge(1, 2, RHO, CEILING, less)
        journal.charge(1, 2, RHO, CEILING, 5 * RHO)

    @pytest.mark.parametrize("rho, spent", [(RHO - 1, RHO), (RHO + 1, RHO + 1), (RHO, RHO + 1)])
    def test_a_round_charged_otherwise_is_refused(self, journal, rho, spent):
        journal.charge(1, 1, RHO, CEILING, RHO)
        with pytest.raises(ChargeContradicted, match="was charged"):
            journal.charge(1, 1, rho, CEILING, spent)

    def test_rounds_are_charged_in_order(self, journal):
        journal.charge(1, 5, RHO, CEILING, RHO)
        with pytest.raises(ChargeContradicted, match="comes after"):
            journal.charge(1, 4, RHO, CEILING, 2 * RHO)

    @pytest.mark.parametrize("rho", [0, -1])
    def test_a_free_round_is_refused(self, journal, rho):
        with pytest.raises(ChargeContradicted, match="cannot cost"):
            journal.charge(1, 1, rho, CEILING, RHO)

    def test_studies_have_tallies_of_their_own(self, journal):
        journal.charge(1, 1, RHO, CEILING, RHO)
        journal.charge(2, 1, 7, CEILING, 7)
        assert (journal.spent(1), journal.spent(2), journal.spent(3)) == (RHO, 7, 0)

    def test_rho_beyond_sixty_four_bits_is_exact(self, journal):
        huge = 2**200 + 1
        assert journal.charge(1, 1, huge, 2**256 - 1, huge) == huge == journal.spent(1)


class TestDelivery:
    def test_the_first_bytes_are_the_only_bytes(self, journal, path):
        first = delivered(journal)
        again = Journal.open(path)
        for opened in (journal, again):
            repeated = opened.deliver_once(1, 1, SEAL, lambda: pytest.fail("made twice"))
            assert repeated == first
        again.close()

    def test_a_second_seal_is_refused(self, journal):
        delivered(journal)
        with pytest.raises(SealContradicted, match=OTHER_SEAL.hex()):
            journal.deliver_once(1, 1, OTHER_SEAL, lambda: pytest.fail("made for two seals"))

    def test_nothing_is_made_before_the_round_is_charged(self, journal):
        with pytest.raises(NotCharged):
            journal.deliver_once(1, 1, SEAL, lambda: pytest.fail("made without a charge"))

    def test_a_failure_while_making_keeps_nothing(self, journal):
        journal.charge(1, 1, RHO, CEILING, RHO)
        with pytest.raises(ZeroDivisionError):
            journal.deliver_once(1, 1, SEAL, lambda: (b"masked", bytes(1 // 0)))
        assert journal.deliver_once(1, 1, OTHER_SEAL, lambda: (b"m", b"s")).masked == b"m"

    def test_what_was_delivered_is_known_by_its_hash_also_after_the_round_ended(self, journal):
        assert journal.delivered(1, 1) is None
        journal.charge(1, 1, RHO, CEILING, RHO)
        journal.deliver_once(1, 1, SEAL, lambda: (b"masked", b"signature"))
        told = (SEAL, hashlib.sha256(b"masked").digest())
        assert journal.delivered(1, 1) == told
        assert journal.delivered(1, 2) is None and journal.delivered(2, 1) is None
        journal.end_replay_window(1, 1)
        assert journal.delivered(1, 1) == told

    def test_a_delivered_round_takes_no_new_attempt(self, journal):
        stored(journal)
        delivered(journal)
        with pytest.raises(DeliveredAlready):
            journal.reserve(1, 1, 2, b"p", b"c")

    def test_of_many_at_once_one_makes_it_and_all_send_that(self, journal, path):
        journal.charge(1, 1, RHO, CEILING, RHO)
        sent, made = [], []
        start = threading.Barrier(4)

        def deliver(number):
            opened = Journal.open(path)
            start.wait()

            def make():
                made.append(number)
                return b"masked by %d" % number, b"s"

            sent.append(opened.deliver_once(1, 1, SEAL, make))
            opened.close()

        threads = [threading.Thread(target=deliver, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1 and len(sent) == 4
        assert {delivery.masked for delivery in sent} == {b"masked by %d" % made[0]}


class TestEnding:
    def everything(self, journal):
        kept = stored(journal, b"plain secret", cohort=b"cohort secret")
        Snapshots(journal).save(kept, b"frame secret", {0: ("p1", b"snapshot secret")})
        return kept, delivered(journal)

    def files(self, path):
        return b"".join(file.read_bytes() for file in path.parent.iterdir())

    def test_an_abandoned_round_leaves_no_secret_in_any_file(self, journal, path):
        kept, sent = self.everything(journal)
        secrets = [kept.salt, kept.mask_private, kept.vector, kept.cohort, sent.masked]
        secrets.append(b"snapshot secret")
        assert all(secret in self.files(path) for secret in secrets)
        journal.abandon_round(1, 1)
        assert not any(secret in self.files(path) for secret in secrets)
        assert journal.committed(1, 1, kept.vector_hash) is None
        assert journal.cohort(1, 1, kept.vector_hash) is None
        assert Snapshots(journal).load(kept) is None

    def test_an_ended_round_can_do_nothing_more_but_its_charge_stays(self, journal, path):
        kept, _ = self.everything(journal)
        journal.abandon_round(1, 1)
        journal.abandon_round(1, 1)
        again = Journal.open(path)
        for refused in (
            lambda: again.reserve(1, 1, 2, b"p", b"c"),
            lambda: again.store(kept, b"v", b"h"),
            lambda: again.charge(1, 1, RHO, CEILING, RHO),
            lambda: again.deliver_once(1, 1, SEAL, lambda: pytest.fail("made after the end")),
            lambda: Snapshots(again).save(kept, b"x", {}),
        ):
            with pytest.raises(RoundEnded, match="abandoned"):
                refused()
        assert again.spent(1) == RHO
        with pytest.raises(ChargeContradicted):
            again.charge(1, 2, RHO, CEILING, RHO)
        assert stored(again, round_number=2).attempt == 1
        again.close()

    def test_a_round_can_be_abandoned_before_anything_happened(self, journal):
        journal.abandon_round(1, 1)
        with pytest.raises(RoundEnded):
            journal.reserve(1, 1, 1, b"p", b"c")

    def test_after_the_replay_window_only_the_cohort_is_left(self, journal, path):
        kept, sent = self.everything(journal)
        journal.end_replay_window(1, 1)
        assert journal.cohort(1, 1, kept.vector_hash) == b"cohort secret"
        gone = [kept.salt, kept.mask_private, kept.vector, sent.masked, b"snapshot secret"]
        assert not any(secret in self.files(path) for secret in gone)
        with pytest.raises(RoundEnded, match="window"):
            journal.deliver_once(1, 1, SEAL, lambda: pytest.fail("made after the end"))

    def test_after_the_seal_only_the_sealed_attempt_is_kept(self, journal, path):
        withdrawn = stored(journal, b"with the record")
        reserved_only = journal.reserve(1, 1, 2, b"never stored", b"c")
        sealed = stored(journal, b"without the record", attempt=2)
        journal.keep_only(1, 1, sealed.vector_hash)
        assert journal.committed(1, 1, sealed.vector_hash) == sealed
        assert journal.committed(1, 1, withdrawn.vector_hash) is None
        for attempt in (withdrawn, reserved_only):
            assert attempt.mask_private not in self.files(path)
        with pytest.raises(NothingReserved):
            journal.store(reserved_only, b"v", b"h")

    def test_an_unknown_sealed_vector_destroys_nothing(self, journal):
        kept = stored(journal)
        with pytest.raises(NothingReserved, match="no stored vector"):
            journal.keep_only(1, 1, b"unknown")
        assert journal.committed(1, 1, kept.vector_hash) == kept

    def test_a_destroyed_attempt_s_noise_is_never_drawn_again(self, journal):
        first = stored(journal, b"plain")
        second = stored(journal, b"other")
        journal.keep_only(1, 1, second.vector_hash)
        again = journal.reserve(1, 1, 1, b"plain", b"cohort")
        assert again.draw_number == 2
        assert again.salt != first.salt


class TestSnapshots:
    def test_one_that_is_kept_again_takes_the_place_of_the_first(self, journal):
        kept, snapshots = stored(journal), Snapshots(journal)
        assert snapshots.load(kept) is None
        snapshots.save(kept, b"frame", {0: ("p1", b"one"), 3: ("p2", b"two")})
        snapshots.save(kept, b"frame", {3: ("p2", b"two")})
        assert snapshots.load(kept) == KeptSnapshot(b"frame", {3: b"two"}, erased=False)
        assert snapshots.rounds() == {(1, 1): False}

    def test_one_that_cannot_be_kept_whole_is_not_kept_at_all(self, journal):
        kept, snapshots = stored(journal), Snapshots(journal)
        snapshots.save(kept, b"frame", {0: ("p1", b"one")})
        with pytest.raises(sqlite3.Error):
            snapshots.save(kept, b"another", {0: ("p1", b"two"), 1: ("p2", object())})
        assert snapshots.load(kept) == KeptSnapshot(b"frame", {0: b"one"}, erased=False)

    def test_a_record_is_taken_out_of_every_round_and_no_other_with_it(self, journal, path):
        snapshots = Snapshots(journal)
        first, second = stored(journal), stored(journal, round_number=2)
        snapshots.save(first, b"f", {0: ("p1", b"secret of p1"), 1: ("p11", b"of p11")})
        snapshots.save(second, b"f", {0: ("p11", b"of p11")})
        assert snapshots.record_ids() == {"p1", "p11"}
        for _ in range(2):
            snapshots.forget_record("p1")
        assert snapshots.load(first) == KeptSnapshot(b"f", {1: b"of p11"}, erased=True)
        assert snapshots.load(second) == KeptSnapshot(b"f", {0: b"of p11"}, erased=False)
        assert snapshots.rounds() == {(1, 1): True, (1, 2): False}
        files = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert b"secret of p1" not in files

    def test_after_the_seal_only_that_of_the_sealed_attempt_is_kept(self, journal):
        snapshots = Snapshots(journal)
        before, sealed = stored(journal), stored(journal, b"other", attempt=11)
        for one in (before, sealed):
            snapshots.save(one, b"frame", {0: ("p1", b"piece")})
        journal.keep_only(1, 1, sealed.vector_hash)
        assert snapshots.load(before) is None
        assert snapshots.load(sealed) is not None

    def test_a_sum_is_known_by_its_salted_hash_alone(self, journal):
        kept = stored(journal, b"the sum")
        assert journal.is_sum_of(kept, b"the sum")
        assert not journal.is_sum_of(kept, b"another")

    def test_why_a_round_ended_is_told(self, journal):
        assert journal.ended(1, 1) is None
        journal.end_replay_window(1, 1, "because")
        assert journal.ended(1, 1) == "because"


class TestKilled:
    """A process dies before every SQL statement of a site's whole life; another one goes on."""

    NAMES = ("vector 1", "vector 2", "spent 1", "sent 1", "vector 3", "spent 2", "abandoned")

    def life(self, path, answers):
        """Two rounds, a recommitment, an abandonment; each answer goes to `answers` at once.

        A life that goes on after a death is refused what is over, and does what is left.
        """

        def answer(name, ask):
            try:
                value = ask()
            except (AttemptNotNext, DeliveredAlready, RoundEnded):
                return None
            shown = (value, value.salt, value.mask_private) if hasattr(value, "salt") else value
            if hasattr(value, "masked"):
                shown = (value.masked, value.signature)
            os.write(answers, f"{name}={shown!r}\n".encode())
            return value

        journal = Journal.open(path)
        answer("vector 1", lambda: stored(journal, b"with"))
        kept = answer("vector 2", lambda: stored(journal, b"without", attempt=2))
        answer("spent 1", lambda: journal.charge(1, 1, RHO, CEILING, RHO) > 0)
        if kept is not None:
            journal.keep_only(1, 1, kept.vector_hash)
        nonce = os.urandom(8)  # what a second making could not repeat
        answer("sent 1", lambda: journal.deliver_once(1, 1, SEAL, lambda: (b"m" + nonce, b"s")))
        answer("vector 3", lambda: stored(journal, b"second", round_number=2))
        answer("spent 2", lambda: journal.charge(1, 2, RHO, CEILING, 2 * RHO))
        answer("abandoned", lambda: journal.abandon_round(1, 2) is None)
        journal.close()

    def heard(self, log: Path):
        """Every answer by name; one question must never have had two answers."""
        by_name: dict[str, str] = {}
        for line in log.read_text().splitlines():
            name, value = line.split("=", 1)
            assert by_name.setdefault(name, value) == value, f"two answers for {name}"
        return by_name

    def test_before_any_statement_and_resumed_nothing_is_lost_or_contradicted(self, tmp_path):
        statement, died = 0, True
        while died:
            statement += 1
            path, log = tmp_path / f"{statement}.db", tmp_path / f"{statement}.txt"
            answers = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            died = dies_at(statement, partial(self.life, path, answers))
            self.check_kept(path, self.heard(log))
            self.life(path, answers)
            assert self.heard(log).keys() == set(self.NAMES)
            self.check_kept(path, self.heard(log))
            os.close(answers)
        assert statement > 60

    @pytest.mark.parametrize("step", [13, 17, 29])
    def test_killed_again_and_again_until_it_is_done(self, tmp_path, step):
        path, log = tmp_path / "state.db", tmp_path / "answers.txt"
        answers = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        statement = step
        while dies_at(statement, partial(self.life, path, answers)):
            statement += 1
            self.check_kept(path, self.heard(log))
        assert self.heard(log).keys() == set(self.NAMES)
        assert statement > step + 3
        os.close(answers)

    def check_kept(self, path, heard):
        journal = Journal.open(path)
        assert journal.spent(1) in (0, RHO, 2 * RHO)
        assert journal.spent(1) >= ("spent 1" in heard) * RHO
        if "spent 2" in heard:
            assert journal.spent(1) == 2 * RHO
        if "abandoned" in heard:
            with pytest.raises(RoundEnded):
                journal.reserve(1, 2, 2, b"p", b"c")
        if "sent 1" in heard:
            sent = journal.deliver_once(1, 1, SEAL, lambda: pytest.fail("a delivery was lost"))
            assert repr((sent.masked, sent.signature)) == heard["sent 1"]
            with pytest.raises(SealContradicted):
                journal.deliver_once(1, 1, OTHER_SEAL, lambda: pytest.fail("two seals"))
        journal.close()


class JournalLife(RuleBasedStateMachine):
    """Random histories with crashes in between, against a plain model of the promises."""

    small = st.integers(1, 3)

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Journal.open(Path(self.folder.name) / "state.db")
        self.noise: dict[tuple, tuple] = {}  # (round, attempt, draw) -> what it serves
        self.sent: dict[int, tuple] = {}
        self.charged: dict[int, int] = {}
        self.ended: set[int] = set()
        self.made = 0

    def teardown(self):
        self.journal.close()
        self.folder.cleanup()

    @rule()
    def reopen(self):
        self.journal.close()
        self.journal = Journal.open(Path(self.folder.name) / "state.db")

    @rule(round_number=small, attempt=small, plain=st.sampled_from([b"p", b"q"]))
    def prepare(self, round_number, attempt, plain):
        try:
            kept = stored(self.journal, plain, attempt, round_number)
        except (AttemptNotNext, DeliveredAlready, RoundEnded):
            latest = max((a for r, a, _ in self.noise if r == round_number), default=0)
            assert attempt < latest or round_number in self.sent or round_number in self.ended
            return
        assert round_number not in self.sent and round_number not in self.ended
        place = (round_number, attempt, kept.draw_number)
        serves = (plain, kept.salt, kept.mask_private, kept.vector)
        assert self.noise.setdefault(place, serves) == serves

    @rule(round_number=small, rho=st.integers(1, 3), spent=st.integers(1, 12))
    def charge(self, round_number, rho, spent):
        try:
            tally = self.journal.charge(1, round_number, rho, 8, spent)
        except JournalError:
            return
        assert round_number not in self.ended
        assert self.charged.setdefault(round_number, rho) == rho
        assert tally == sum(self.charged.values()) and spent <= 8

    @rule(round_number=small, seal=st.sampled_from([SEAL, OTHER_SEAL]))
    def deliver(self, round_number, seal):
        self.made += 1
        fresh = b"masked %d" % self.made
        try:
            sent = self.journal.deliver_once(1, round_number, seal, lambda: (fresh, b"s"))
        except (NotCharged, SealContradicted, RoundEnded):
            known = self.sent.get(round_number)
            assert (
                round_number not in self.charged
                or round_number in self.ended
                or (known is not None and known[0] != seal)
            )
            return
        assert round_number in self.charged and round_number not in self.ended
        assert self.sent.setdefault(round_number, (seal, sent.masked)) == (seal, sent.masked)

    @precondition(lambda self: self.made > 2)
    @rule(round_number=small, abandon=st.booleans())
    def end(self, round_number, abandon):
        if abandon:
            self.journal.abandon_round(1, round_number)
        else:
            self.journal.end_replay_window(1, round_number)
        self.ended.add(round_number)

    @invariant()
    def the_tally_is_that_of_the_charges_and_below_the_ceiling(self):
        assert self.journal.spent(1) == sum(self.charged.values()) <= 8

    @invariant()
    def no_two_vectors_share_a_salt_or_a_key(self):
        assert len({served[1] for served in self.noise.values()}) == len(self.noise)
        assert len({served[2] for served in self.noise.values()}) == len(self.noise)


TestJournalLife = JournalLife.TestCase
TestJournalLife.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
