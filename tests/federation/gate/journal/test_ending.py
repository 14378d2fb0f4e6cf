"""When a round ends, its secrets leave every file of the journal."""

import pytest

from federation.gate.journal import Journal
from federation.gate.journal_schema import (
    ChargeContradicted,
    NothingReserved,
    RoundEnded,
)
from federation.gate.snapshots import Snapshots
from tests.federation.gate.journal.small_rounds import CEILING, RHO, SEAL, delivered, stored


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
        journal.end_replay_window(1, 1, "its window is over")
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
