"""The demo's three withdrawals: between two rounds, before a seal, and after one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from chain.chain import Chain
from chain.messages import RoundState
from scripts.demo.patients import PatientActs
from scripts.local.federation import LocalFederation
from stack.flower import Value
from stack.flower_run import FlowerRun

_PATIENCE_SECONDS = 180.0


class RoundsFailed(Exception):
    """The coordinator's app did not close the rounds that it should have. Names the log."""


@dataclass
class Rounds:
    """Runs rounds in the background while somebody acts on what they see on chain."""

    federation: LocalFederation
    chain: Chain
    study_id: int
    acts: PatientActs

    def __post_init__(self) -> None:
        self._runs = 0

    def run(self, meanwhile: Callable[[int], None] | None = None, **run_config: Value) -> None:
        """Runs the app once.

        Args:
            meanwhile: called with the number of the round that the run opens next.

        Raises:
            RoundsFailed: it ended otherwise than it should.
        """
        self._runs += 1
        name = f"rounds-{self._runs}"
        following = self.chain.ledger.round_count(self.study_id) + 1
        with ThreadPoolExecutor(max_workers=1) as pool:
            running = pool.submit(lambda: self.federation.run_rounds(name, **run_config))
            if meanwhile is not None:
                self._await(running, lambda: self._state(following) != RoundState.NONE)
                meanwhile(following)
            outcome = running.result()
        if not outcome.succeeded:
            log = self.federation.layout.log(name)
            raise RoundsFailed(f"the rounds ended with {outcome.details}. Read {log}")

    def wait_for_commitment(self, number: int, site: str, attempt: int = 1) -> None:
        """Until a site's commitment to an open round is on chain."""
        self._wait(
            lambda: self.chain.ledger.commitment_of(self.study_id, number, site).attempt >= attempt
        )

    def wait_for_seal(self, number: int) -> None:
        """Until a round is sealed."""
        self._wait(lambda: self._state(number) == RoundState.SEALED)

    def _state(self, number: int) -> RoundState:
        return self.chain.ledger.round(self.study_id, number).state

    def _await(self, running: Future[FlowerRun], condition: Callable[[], bool]) -> None:
        self._wait(lambda: running.done() or condition())

    @staticmethod
    def _wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise RoundsFailed(f"nothing happened on chain for {_PATIENCE_SECONDS:g} s")
            time.sleep(0.05)
