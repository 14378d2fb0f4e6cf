"""The orders of one round: who was asked, and what came of it.

A SuperNode looks for its next message the moment it has sent a reply, and then every three seconds.
So the order of the next round is sent while the sites still work at this one: each site's gate then
waits for the opening, and no round begins with Flower's pause. An early order that comes to nothing
is given once more when the round is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flwr.app import Message
from flwr.serverapp import Grid

from federation.app.coordinator import MaskedDelivery
from federation.app.exchange import Exchange
from federation.app.reply import WithheldCode, read_delivery, read_withheld

#: The messages that order a round, one for each node that is connected.
Compose = Callable[[], Iterable[Message]]


class Orders:
    """The orders of one round, and the replies to them.

    Args:
        grid: the ServerApp's grid.
        compose: makes an order for each connected node.
        patience: seconds that an answer may take.
    """

    def __init__(self, grid: Grid, compose: Compose, patience: float) -> None:
        self._grid, self._compose, self._patience = grid, compose, patience
        #: Each with the nodes whose loss was told of.
        self._exchanges: list[tuple[Exchange, set[int]]] = []
        #: Asked before the opening, and not since.
        self._early: set[int] = set()

    def send_early(self) -> None:
        """Asks every connected node, before the round is open.

        Raises:
            federation.app.exchange.ExchangeError: nothing is known to have been sent.
        """
        self._early = self._ask(lambda node: True)

    def send(self) -> None:
        """Asks every connected node that no order is under way to. The round is open by now.

        Raises:
            federation.app.exchange.ExchangeError
        """
        self._take()  # answers of before the opening say nothing of the round
        under_way: set[int] = set().union(*(exchange.waiting for exchange, _ in self._exchanges))
        self._early &= under_way
        self._ask(lambda node: node not in under_way)

    def look(self) -> tuple[list[MaskedDelivery], list[tuple[str, WithheldCode]], bool]:
        """What has come since the last look, as `federation.app.inbox.Replies` gives it."""
        deliveries: list[MaskedDelivery] = []
        silent: list[tuple[str, WithheldCode]] = []
        again: set[int] = set()
        replies, lost = self._take()
        for node, message in replies:
            found = read_delivery(message.content)
            if found is not None:
                deliveries.append(MaskedDelivery(*found))
                continue
            withheld = read_withheld(message.content)
            if node in self._early and withheld[1] == WithheldCode.NOT_OPEN:
                again.add(node)
            else:
                silent.append(withheld)
        again |= lost & self._early
        silent += [(f"node {node}", WithheldCode.FAILED) for node in sorted(lost - again)]
        if again:
            self._early -= again
            asked = self._ask(lambda node: node in again)
            silent += [(f"node {node}", WithheldCode.FAILED) for node in sorted(again - asked)]
        return deliveries, silent, all(exchange.is_over for exchange, _ in self._exchanges)

    def _ask(self, chosen: Callable[[int], bool]) -> set[int]:
        messages = [one for one in self._compose() if chosen(one.metadata.dst_node_id)]
        if messages:
            self._exchanges.append((Exchange(self._grid, messages, self._patience), set()))
        return {one.metadata.dst_node_id for one in messages}

    def _take(self) -> tuple[list[tuple[int, Message]], set[int]]:
        """New replies by node, and the nodes of which it is new that no reply will come."""
        replies: list[tuple[int, Message]] = []
        lost: set[int] = set()
        for exchange, told in self._exchanges:
            replies += exchange.poll()
            lost |= (exchange.errors.keys() | exchange.missing) - told
            told |= exchange.errors.keys() | exchange.missing
        return replies, lost
