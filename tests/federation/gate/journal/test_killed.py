"""The journal forgets nothing that it answered and never answers one question in two ways."""

import os
from functools import partial
from pathlib import Path

import pytest

from federation.gate.journal import Journal
from federation.gate.journal_schema import (
    AttemptNotNext,
    DeliveredAlready,
    RoundEnded,
    SealContradicted,
)
from tests.federation.gate.dying import dies_at
from tests.federation.gate.journal.small_rounds import CEILING, OTHER_SEAL, RHO, SEAL, stored


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
