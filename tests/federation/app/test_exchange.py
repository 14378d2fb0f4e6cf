"""The exchange's own checks; how it fares with real sites is in the fork server's tests.

The grid here is Flower's real one with no SuperLink behind it: a check that comes too late would
try to connect.
"""

from collections.abc import Iterable

import pytest
from flwr.app import Message, RecordDict
from flwr.supercore.inflatable.inflatable_utils import ObjectPushError
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.grid.http_grid import HttpGrid

from federation.app import exchange
from federation.app.exchange import Exchange, ExchangeError


@pytest.fixture(autouse=True)
def of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flower's messages name the run and node of the process that makes them."""
    monkeypatch.setattr(TaskIdentity, "_run_id", 1)
    monkeypatch.setattr(TaskIdentity, "_node_id", 1)
    monkeypatch.setattr(TaskIdentity, "_task_id", 1)


def message_to(node: int) -> Message:
    return Message(RecordDict(), node, "query")


@pytest.fixture
def grid() -> HttpGrid:
    return HttpGrid("127.0.0.1:9", insecure=True, token="unused")


def test_a_node_is_asked_once(grid: HttpGrid) -> None:
    with pytest.raises(ValueError, match="asked twice"):
        Exchange(grid, [message_to(5), message_to(5)], timeout_seconds=1)


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_wait_is_bounded(grid: HttpGrid, timeout: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Exchange(grid, [message_to(5)], timeout)


def test_objects_that_are_never_stored_are_an_error_of_the_exchange(
    grid: HttpGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: list[list[int] | float] = []

    def refused(messages: Iterable[Message]) -> Iterable[str]:
        pushed.append([message.metadata.dst_node_id for message in messages])
        raise ObjectPushError("0" * 64, 1, "session")

    monkeypatch.setattr(grid, "push_messages", refused)
    monkeypatch.setattr(exchange.time, "sleep", pushed.append)
    with pytest.raises(ExchangeError, match="did not store the messages"):
        Exchange(grid, [message_to(5)], timeout_seconds=1)
    assert pushed == [[5], 0.2, [5], 0.2, [5]]


def test_nobody_asked_is_nobody_missing(grid: HttpGrid) -> None:
    asked = Exchange(grid, [], timeout_seconds=1)
    assert asked.is_over and asked.poll() == []
    assert (asked.replies, asked.errors, asked.missing) == ({}, {}, set())
