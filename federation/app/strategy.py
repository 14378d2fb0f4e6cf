"""The Flower strategy: consent-gated rounds whose order, members and budget the ledger decides.

It differs from Flower's own strategies where those would break a promise: it believes no number
that a site reports, waits a bounded time for sites and names the abort, and takes nothing from a
reply but a masked vector whose signature recovers to a sealed member.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from audit.cid import cid_of_sha256
from audit.recipe import Recipe
from audit.recipe import parse as parse_recipe
from chain.events import Opened
from chain.messages import RoundState, Terms
from federation.app.barring import bar_undelivered
from federation.app.coordinator import Coordinator, MaskedDelivery
from federation.app.exchange import Exchange
from federation.app.inbox import Replies
from federation.app.opening import CannotOpen, refuse_unless_openable
from federation.app.reply import WithheldCode, order, read_delivery, read_withheld
from federation.app.round_driver import Pacing, RoundAborted, RoundDriver


class SitesMissing(Exception):
    """Too few sites are connected to open a round. Nothing was opened and nothing charged."""


@dataclass(frozen=True)
class Schedule:
    """How many rounds to run and how patiently.

    Attributes:
        rounds: rounds to close.
        reruns: how often an aborted round may be run again, in all.
        sites_wait_seconds: how long to wait for sites to connect before each round.
        pacing: how long a round is held open.
    """

    rounds: int
    reruns: int = 3
    sites_wait_seconds: float = 60.0
    pacing: Pacing = field(default_factory=Pacing)


class ConsentedRounds(Strategy):
    """Runs ``schedule.rounds`` rounds of one study over a Flower grid."""

    def __init__(self, coordinator: Coordinator, recipe: Recipe, schedule: Schedule) -> None:
        self._coordinator = coordinator
        self._recipe = recipe
        self._schedule = schedule

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """One order a connected node: the study and round numbers, nothing else."""
        content = order(self._coordinator.config.study_id, server_round)
        return [
            Message(content=content, message_type=MessageType.TRAIN, dst_node_id=node)
            for node in grid.get_node_ids()
        ]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Nothing: sums are taken by `RoundDriver` from sealed members' masked vectors only."""
        return None, None

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Nothing: in a live study no metric leaves a site."""
        return []

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Nothing, as nothing was asked."""
        return None

    def summary(self) -> None:
        """Nothing to log: the study's terms are on chain."""

    def start(  # type: ignore[override]
        self, grid: Grid, initial_arrays: ArrayRecord | None = None, **_: object
    ) -> Result:
        """Finishes a round left sealed by an earlier process, then runs the schedule.

        Raises:
            CannotOpen, SitesMissing, RoundAborted, chain.errors.ChainError.
        """
        self._finish_earlier_round(grid)
        reruns = self._schedule.reruns
        closed = 0
        while closed < self._schedule.rounds:
            try:
                self._run_round(grid)
                closed += 1
            except RoundAborted as aborted:
                if not aborted.again or reruns == 0:
                    raise
                reruns -= 1
        return Result()

    def _finish_earlier_round(self, grid: Grid) -> None:
        """Finishes what a process that died left behind; a sealed round is paid for already.

        Sites are asked again unless all deliveries were kept: one that has delivered sends the
        same bytes, one that has committed goes on from there.
        """
        coordinator = self._coordinator
        ledger, study = coordinator.chain.ledger, coordinator.config.study_id
        last = ledger.round_count(study)
        state = ledger.round(study, last).state if last else RoundState.NONE
        if state not in (RoundState.OPEN, RoundState.SEALED):
            return
        members = ledger.members(study, last)
        kept = coordinator.deliveries(last)
        coordinator.note(last, "resumed")
        try:
            if members and all(site in kept for site in members):
                self._driver(last, lambda: ([], [], True)).run()
            else:
                self._wait_for_sites(grid)
                self._driver(last, self._ask(grid, last)).run()
        except RoundAborted:
            coordinator.note(last, "earlier-round-aborted")

    def _run_round(self, grid: Grid) -> None:
        coordinator = self._coordinator
        bar_undelivered(coordinator)
        try:
            refuse_unless_openable(coordinator.chain, coordinator.config.study_id)
        except CannotOpen as refusal:
            coordinator.note(0, "cannot-open", reason=type(refusal).__name__, detail=str(refusal))
            raise
        self._wait_for_sites(grid)
        receipt = coordinator.chain.ledger.open(coordinator.config.study_id)
        number = receipt.event(Opened).round
        coordinator.note(number, "opened")
        self._driver(number, self._ask(grid, number)).run()

    def _ask(self, grid: Grid, number: int) -> Replies:
        """Sends every connected node its order; the answer tells what has come back since."""
        terms = self._terms()
        # Every deadline, and time for what a site does after the last one that it can meet.
        patience = terms.commit_seconds + terms.seal_seconds + terms.delivery_seconds
        messages = self.configure_train(number, ArrayRecord(), ConfigRecord(), grid)
        exchange = Exchange(grid, messages, float(patience))
        failed: set[int] = set()

        def replies() -> tuple[list[MaskedDelivery], list[tuple[str, WithheldCode]], bool]:
            deliveries: list[MaskedDelivery] = []
            silent: list[tuple[str, WithheldCode]] = []
            for _, message in exchange.poll():
                found = read_delivery(message.content)
                if found is None:
                    silent.append(read_withheld(message.content))
                else:
                    deliveries.append(MaskedDelivery(*found))
            for node in (exchange.errors.keys() | exchange.missing) - failed:
                failed.add(node)
                silent.append((f"node {node}", WithheldCode.FAILED))
            return deliveries, silent, exchange.is_over

        return replies

    def _driver(self, number: int, replies: Replies) -> RoundDriver:
        return RoundDriver(
            self._coordinator,
            self._terms(),
            self._recipe,
            number,
            replies,
            self._schedule.pacing,
        )

    def _terms(self) -> Terms:
        registry, study = self._coordinator.chain.registry, self._coordinator.config.study_id
        return registry.terms(study, registry.study(study).current_version)

    def _wait_for_sites(self, grid: Grid) -> None:
        terms = self._terms()
        deadline = time.monotonic() + self._schedule.sites_wait_seconds
        while len(list(grid.get_node_ids())) < len(terms.sites):
            if time.monotonic() >= deadline:
                break
            time.sleep(self._schedule.pacing.poll_seconds)
        connected = len(list(grid.get_node_ids()))
        if connected < terms.min_sites:
            self._coordinator.note(0, "sites-missing", connected=connected)
            raise SitesMissing(
                f"{connected} sites are connected and the study needs {terms.min_sites}; "
                f"waited {self._schedule.sites_wait_seconds:g} s. "
                "Start the missing sites with `assent site start` and run the round again."
            )


def recipe_of(coordinator: Coordinator, terms: Terms) -> Recipe:
    """The approved recipe, fetched by the hash in the terms."""
    return parse_recipe(coordinator.store.get(cid_of_sha256(terms.recipe_hash)))
