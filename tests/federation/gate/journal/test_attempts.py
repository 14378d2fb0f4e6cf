"""What one attempt drew is never drawn for another vector."""

import pytest

from federation.gate.journal import Journal
from federation.gate.journal_schema import (
    AttemptNotNext,
    NothingReserved,
    VectorContradicted,
)
from tests.federation.gate.journal.small_rounds import stored


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
