"""One exchange with the sites: send each its message, take the replies as they come, bounded.

Flower's own `send_and_receive` looks for replies every three seconds, forgets which site stayed
silent, and can wait for ever. This pushes and pulls by itself, keeps every answer under the node
that was *asked* (never the sender that a reply names), and ends when all have answered, are known
to be gone, or the time is up.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass

from flwr.app import Message
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.inflatable.inflatable_utils import ObjectPushError
from google.protobuf.message import DecodeError

log = logging.getLogger("assent.coordinator")

SECONDS_BETWEEN_NODE_LISTS = 1.0

_PUSHES = 3
_SECONDS_BETWEEN_PUSHES = 0.2

# The SuperLink's own words for "no answer came": the node missed its heartbeats (noticed after
# 2 x 30 s), or message or reply outlived their time to live.
_NO_ANSWER = frozenset(
    {
        ErrorCode.NODE_UNAVAILABLE,
        ErrorCode.MESSAGE_UNAVAILABLE,
        ErrorCode.REPLY_MESSAGE_UNAVAILABLE,
    }
)

# What a node can have Flower raise while its reply is read: bytes that are no record, a message
# without content, a name that is no text.
_UNREADABLE = (DecodeError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


class ExchangeError(Exception):
    """The messages could not be handed to the SuperLink. Nothing is known to have been sent."""


@dataclass(frozen=True)
class NodeError:
    """A site's process answered with an error instead of a reply.

    Attributes
    ----------
    code: Flower's `ErrorCode`; 1 (the app was not loaded) is also how a site's gate refuses.
    reason: Flower's text. Written by the site's Flower: show it, never act on it.
    """

    code: int
    reason: str


class Exchange:
    """One message to each node, and what has come back so far.

    A message lives as long as the exchange, so a site that wakes up later does not start work that
    nobody waits for. Every node that was asked is waited for, or in exactly one of the three.

    Attributes
    ----------
    replies: reply by node id.
    errors: error by node id.
    missing: ids of nodes that gave no answer in time or left.
    """

    def __init__(self, grid: Grid, messages: Iterable[Message], timeout_seconds: float) -> None:
        """Send the messages.

        Parameters
        ----------
        grid: the ServerApp's grid.
        messages: at most one for each node.
        timeout_seconds: how long to wait in all, in seconds.

        Raises
        ------
        ValueError: two messages for one node, or a time that is not positive.
        ExchangeError: the SuperLink took not all of the messages.
        """
        to_send = list(messages)
        if timeout_seconds <= 0:
            raise ValueError("timeout_seconds must be positive")
        if len({message.metadata.dst_node_id for message in to_send}) != len(to_send):
            raise ValueError("a node is asked twice in one exchange")
        self.replies: dict[int, Message] = {}
        self.errors: dict[int, NodeError] = {}
        self.missing: set[int] = set()
        self._grid = grid
        self._deadline = time.monotonic() + timeout_seconds
        self._waiting = _push(grid, to_send, timeout_seconds)
        self._next_node_list = time.monotonic() + SECONDS_BETWEEN_NODE_LISTS

    @property
    def is_over(self) -> bool:
        """Whether every node that was asked has answered, left, or had its time."""
        return not self._waiting

    @property
    def waiting(self) -> set[int]:
        """The nodes that may still answer."""
        return set(self._waiting.values())

    def poll(self) -> list[tuple[int, Message]]:
        """Look once: (node id, reply) of the replies that have come since the last look."""
        if not self._waiting:
            return []
        come = self._pull()
        now = time.monotonic()
        if self._waiting and now >= self._next_node_list:
            come += self._drop_nodes_that_left()
            self._next_node_list = now + SECONDS_BETWEEN_NODE_LISTS
        if now >= self._deadline:
            self.missing.update(self._waiting.values())
            self._waiting.clear()
        return come

    def _pull(self) -> list[tuple[int, Message]]:
        come = []
        for message in self._pull_readable():
            node = self._waiting.pop(message.metadata.reply_to_message_id, None)
            if node is None:
                continue
            if not message.has_error():
                self.replies[node] = message
                come.append((node, message))
            elif message.error.code in _NO_ANSWER:
                self.missing.add(node)
            else:
                self.errors[node] = NodeError(message.error.code, str(message.error.reason))
        return come

    def _pull_readable(self) -> list[Message]:
        """The replies that have come; none at all when one of them cannot be read.

        Flower does not say whose that is, and hands out no reply twice: whoever's was read together
        with it is waited for until the time is up. A site's delivery is on record by then.
        """
        try:
            return list(self._grid.pull_messages(list(self._waiting)))
        except _UNREADABLE as error:
            log.error("a reply cannot be read (%s): it counts as silence", type(error).__name__)
            return []

    def _drop_nodes_that_left(self) -> list[tuple[int, Message]]:
        """Stop waiting for nodes that the SuperLink no longer lists (a stopped SuperNode)."""
        online = set(self._grid.get_node_ids())
        gone = {id_ for id_, node in self._waiting.items() if node not in online}
        if not gone:
            return []
        come = self._pull()  # a reply may have come just before it left
        for id_ in gone & self._waiting.keys():
            self.missing.add(self._waiting.pop(id_))
        return come


def _push(grid: Grid, messages: list[Message], timeout_seconds: float) -> dict[str, int]:
    """Push all; return the node asked, by message id."""
    for message in messages:
        message.metadata.ttl = min(message.metadata.ttl, timeout_seconds)
    nodes = [message.metadata.dst_node_id for message in messages]
    if not messages:
        return {}
    ids = _push_until_stored(grid, messages)
    refused = [node for node, id_ in zip(nodes, ids, strict=False) if not id_]
    if len(ids) != len(nodes) or refused:
        raise ExchangeError(
            f"the SuperLink took no message for the nodes {refused or nodes}: they are unknown to "
            "it, or the message is too large"
        )
    return dict(zip(ids, nodes, strict=True))


def _push_until_stored(grid: Grid, messages: list[Message]) -> list[str]:
    """The ids of the messages, once the SuperLink has every object of them.

    Flower repeats a request whose answer was lost, and the SuperLink refuses an object that it has
    stored already. Pushed again the same messages keep their ids, and only what is missing is sent.
    """
    pushed = 1
    while True:
        try:
            return list(grid.push_messages(messages))
        except ObjectPushError as error:
            if pushed == _PUSHES:
                raise ExchangeError(
                    f"the SuperLink did not store the messages, asked {_PUSHES} times: {error}. "
                    "See its log, then run the command again"
                ) from error
        pushed += 1
        time.sleep(_SECONDS_BETWEEN_PUSHES)
