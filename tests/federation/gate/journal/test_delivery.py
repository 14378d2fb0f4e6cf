"""The first bytes that were made for a seal are the only bytes that are ever sent."""

import hashlib
import threading

import pytest

from federation.gate.journal import Journal
from federation.gate.journal_schema import (
    DeliveredAlready,
    NotCharged,
    SealContradicted,
)
from tests.federation.gate.journal.small_rounds import (
    CEILING,
    OTHER_SEAL,
    RHO,
    SEAL,
    delivered,
    stored,
)


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
        journal.end_replay_window(1, 1, "because")
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
