"""One exchange with the sites: send each its message, take the replies as they come, bounded.

Flower's own `send_and_receive` looks for replies every three seconds, forgets which site stayed
silent, and can wait for ever. This pushes and pulls by itself, keeps every answer under the node
that was *asked* (never the sender that a reply names), and ends when all have answered, are known
to be gone, or the time is up.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flwr.app import Message
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid

SECONDS_BETWEEN_NODE_LISTS = 1.0

# The SuperLink's own words for "no answer came": the node missed its heartbeats (noticed after
# 2 x 30 s), or message or reply outlived their time to live.
_NO_ANSWER = frozenset(
    {
        ErrorCode.NODE_UNAVAILABLE,
        ErrorCode.MESSAGE_UNAVAILABLE,
        ErrorCode.REPLY_MESSAGE_UNAVAILABLE,
    }
)


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


@dataclass
class ExchangeResult:
    """Who answered what; every node that was asked is in exactly one of the three.

    Attributes
    ----------
    replies: reply by node id.
    errors: error by node id.
    missing: ids of nodes that gave no answer in time or left.
    """

    replies: dict[int, Message] = field(default_factory=dict)
    errors: dict[int, NodeError] = field(default_factory=dict)
    missing: set[int] = field(default_factory=set)


def exchange(
    grid: Grid,
    messages: Iterable[Message],
    timeout_seconds: float,
    poll_seconds: float = 0.1,
    on_reply: Callable[[int, Message], None] | None = None,
) -> ExchangeResult:
    """Send one message to each node and collect the answers.

    A message lives as long as the exchange, so a site that wakes up later does not start work that
    nobody waits for.

    Parameters
    ----------
    grid: the ServerApp's grid.
    messages: at most one for each node.
    timeout_seconds: how long to wait in all, in seconds.
    poll_seconds: how often to look for replies, in seconds.
    on_reply: called with (node id, reply) as each reply comes, before the next look.

    Raises
    ------
    ValueError: two messages for one node, or a time that is not positive.
    ExchangeError: the SuperLink took not all of the messages.
    """
    to_send = list(messages)
    if timeout_seconds <= 0 or poll_seconds <= 0:
        raise ValueError("timeout_seconds and poll_seconds must be positive")
    if len({message.metadata.dst_node_id for message in to_send}) != len(to_send):
        raise ValueError("a node is asked twice in one exchange")
    deadline = time.monotonic() + timeout_seconds
    waiting = _push(grid, to_send, timeout_seconds)
    result = ExchangeResult()
    next_node_list = time.monotonic() + SECONDS_BETWEEN_NODE_LISTS
    while waiting:
        _pull(grid, waiting, result, on_reply)
        left = deadline - time.monotonic()
        if not waiting or left <= 0:
            break
        if time.monotonic() >= next_node_list:
            _drop_nodes_that_left(grid, waiting, result, on_reply)
            next_node_list = time.monotonic() + SECONDS_BETWEEN_NODE_LISTS
        time.sleep(min(poll_seconds, left))
    result.missing.update(waiting.values())
    return result


def _push(grid: Grid, messages: list[Message], timeout_seconds: float) -> dict[str, int]:
    """Push all; return the node asked, by message id."""
    for message in messages:
        message.metadata.ttl = min(message.metadata.ttl, timeout_seconds)
    nodes = [message.metadata.dst_node_id for message in messages]
    if not messages:
        return {}
    ids = list(grid.push_messages(messages))
    refused = [node for node, id_ in zip(nodes, ids, strict=False) if not id_]
    if len(ids) != len(nodes) or refused:
        raise ExchangeError(
            f"the SuperLink took no message for the nodes {refused or nodes}: they are unknown to "
            "it, or the message is too large"
        )
    return dict(zip(ids, nodes, strict=True))


def _pull(
    grid: Grid,
    waiting: dict[str, int],
    result: ExchangeResult,
    on_reply: Callable[[int, Message], None] | None,
) -> None:
    """Take what has come; each answered message leaves `waiting`."""
    for message in grid.pull_messages(list(waiting)):
        node = waiting.pop(message.metadata.reply_to_message_id, None)
        if node is None:
            continue
        if message.has_error():
            if message.error.code in _NO_ANSWER:
                result.missing.add(node)
            else:
                result.errors[node] = NodeError(message.error.code, str(message.error.reason))
            continue
        result.replies[node] = message
        if on_reply is not None:
            on_reply(node, message)


def _drop_nodes_that_left(
    grid: Grid,
    waiting: dict[str, int],
    result: ExchangeResult,
    on_reply: Callable[[int, Message], None] | None,
) -> None:
    """Stop waiting for nodes that the SuperLink no longer lists (a stopped SuperNode, at once)."""
    online = set(grid.get_node_ids())
    gone = {id_ for id_, node in waiting.items() if node not in online}
    if not gone:
        return
    _pull(grid, waiting, result, on_reply)  # a reply may have come just before it left
    for id_ in gone & waiting.keys():
        result.missing.add(waiting.pop(id_))
