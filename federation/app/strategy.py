"""The Flower strategy: consent-gated rounds whose order, members and budget the ledger decides.

It differs from Flower's own strategies where those would break a promise: it believes no number
that a site reports, waits a bounded time for sites and names the abort, and takes nothing from a
reply but a masked vector whose signature recovers to a sealed member.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from audit.cid import cid_of_sha256
from audit.recipe import Recipe
from audit.recipe import parse as parse_recipe
from chain.events import Opened
from chain.messages import RoundState, Terms
from federation.app.coordinator import Coordinator
from federation.app.exchange import ExchangeError
from federation.app.inbox import Replies
from federation.app.opening import CannotOpen, refuse_unless_openable, round_seconds
from federation.app.orders import Orders
from federation.app.reply import order
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
        stop_file: name of a file in the coordinator's folder; once it is there, no further round is
            opened. "" for none.
    """

    rounds: int
    reruns: int = 3
    sites_wait_seconds: float = 60.0
    pacing: Pacing = field(default_factory=Pacing)
    stop_file: str = ""


class ConsentedRounds(Strategy):
    """Runs ``schedule.rounds`` rounds of one study over a Flower grid."""

    def __init__(self, coordinator: Coordinator, recipe: Recipe, schedule: Schedule) -> None:
        self._coordinator = coordinator
        self._recipe = recipe
        self._schedule = schedule
        #: The round that sites were told of early, and its orders.
        self._next: tuple[int, Orders] | None = None

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
        """Finishes a round left sealed by an earlier process, then runs the schedule, unless it is
        told to stop: a round under way is brought to its end, for a sealed one is paid for.

        Raises:
            CannotOpen, SitesMissing, RoundAborted, chain.errors.ChainError.
        """
        self._finish_earlier_round(grid)
        reruns = self._schedule.reruns
        closed = 0
        while closed < self._schedule.rounds and not self._told_to_stop():
            try:
                self._run_round(grid, is_last=closed + 1 == self._schedule.rounds)
                closed += 1
            except RoundAborted as aborted:
                if not aborted.again or reruns == 0:
                    raise
                reruns -= 1
        return Result()

    def _told_to_stop(self) -> bool:
        told = bool(self._schedule.stop_file) and self._coordinator.takes(self._schedule.stop_file)
        if told:
            self._coordinator.note(0, "stopped")
        return told

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
                orders = self._orders(grid, last)
                orders.send()
                self._driver(last, orders.look).run()
        except RoundAborted:
            coordinator.note(last, "earlier-round-aborted")

    def _run_round(self, grid: Grid, *, is_last: bool) -> None:
        coordinator = self._coordinator
        try:
            refuse_unless_openable(coordinator.chain, coordinator.config.study_id)
        except CannotOpen as refusal:
            coordinator.note(0, "cannot-open", reason=type(refusal).__name__, detail=str(refusal))
            raise
        self._wait_for_sites(grid)
        receipt = coordinator.chain.ledger.open(coordinator.config.study_id)
        number = receipt.event(Opened).round
        coordinator.note(number, "opened")
        ordered, orders = self._next or (0, None)
        if orders is None or ordered != number:
            orders = self._orders(grid, number)
        orders.send()

        def order_next() -> None:
            if not is_last:
                self._order_next(grid, number + 1)

        self._driver(number, orders.look, order_next).run()

    def _orders(self, grid: Grid, number: int) -> Orders:
        return Orders(
            grid,
            lambda: self.configure_train(number, ArrayRecord(), ConfigRecord(), grid),
            float(round_seconds(self._terms())),
        )

    def _order_next(self, grid: Grid, number: int) -> None:
        """Orders a round before it is open, when nothing holds the one before it open."""
        if self._schedule.pacing.close_after_seconds:
            return
        orders = self._orders(grid, number)
        try:
            orders.send_early()
        except ExchangeError as error:
            # Sites are asked again at the opening; the round under way goes on.
            self._coordinator.note(number, "order-failed", error=type(error).__name__)
        self._next = (number, orders)

    def _driver(
        self, number: int, replies: Replies, on_sealed: Callable[[], None] = lambda: None
    ) -> RoundDriver:
        return RoundDriver(
            self._coordinator,
            self._terms(),
            self._recipe,
            number,
            replies,
            self._schedule.pacing,
            on_sealed,
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
