"""Random histories of a journal, against a plain model of what it promises."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from federation.gate.journal import Journal
from federation.gate.journal_schema import (
    AttemptNotNext,
    DeliveredAlready,
    JournalError,
    NotCharged,
    RoundEnded,
    SealContradicted,
)
from tests.federation.gate.journal.small_rounds import OTHER_SEAL, SEAL, stored


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
            self.journal.end_replay_window(1, round_number, "because")
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
