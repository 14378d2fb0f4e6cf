"""What a replay will need is kept whole, and gives back a record that must go."""

import sqlite3

import pytest

from federation.gate.snapshots import KeptSnapshot, Snapshots
from tests.federation.gate.journal.small_rounds import stored


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
