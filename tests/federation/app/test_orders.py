"""Whom the coordinator orders a round from, and when again.

The SuperLink here is a table in memory, for what nodes answer, and when, is the test's to say; how
orders fare with real sites is in tests/e2e.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from flwr.app import ConfigRecord, Error, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from federation.app.orders import Orders
from federation.app.reply import WithheldCode, delivered, order, withheld

STUDY, ROUND = 1, 2
SITE = "0x" + "5A" * 20
SIGNED = (b"masked", b"signature")


@pytest.fixture(autouse=True)
def of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flower's messages name the run and node of the process that makes them."""
    for name in ("_run_id", "_node_id", "_task_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


class SuperLink:
    """Keeps orders and replies, as the grid of a ServerApp shows them."""

    def __init__(self, *nodes: int) -> None:
        self.nodes = list(nodes)
        self.asked: list[int] = []
        self._orders: dict[str, Message] = {}
        self._replies: list[Message] = []

    def get_node_ids(self) -> list[int]:
        return self.nodes

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        ids = []
        for message in messages:
            self.asked.append(message.metadata.dst_node_id)
            ids.append(f"order {len(self.asked)}")
            message.metadata.__dict__["_message_id"] = ids[-1]
            self._orders[ids[-1]] = message
        return ids

    def pull_messages(self, ids: list[str]) -> list[Message]:
        come = [one for one in self._replies if one.metadata.reply_to_message_id in ids]
        self._replies = [one for one in self._replies if one not in come]
        return come

    def answer(self, node: int, content: RecordDict | Error) -> None:
        """The node's answer to its newest order."""
        newest = [one for one in self._orders.values() if one.metadata.dst_node_id == node][-1]
        self._replies.append(Message(content, reply_to=newest))


def orders_of(superlink: SuperLink) -> Orders:
    grid: Any = superlink
    return Orders(
        grid,
        lambda: [Message(order(STUDY, ROUND), node, "train") for node in superlink.nodes],
        60.0,
    )


REFUSED = Error(code=1, reason="An exception was raised when attempting to load `ClientApp`")


def test_a_site_that_was_asked_early_is_not_asked_again_at_the_opening() -> None:
    superlink = SuperLink(7, 8)
    orders = orders_of(superlink)
    orders.send_early()
    superlink.nodes.append(9)
    orders.send()
    assert superlink.asked == [7, 8, 9]
    for node in superlink.nodes:
        superlink.answer(node, delivered(*SIGNED))
    deliveries, silent, over = orders.look()
    assert [(one.masked, one.signature) for one in deliveries] == [SIGNED] * 3
    assert (silent, over) == ([], True)


@pytest.mark.parametrize(
    "nothing", [withheld(SITE, WithheldCode.NOT_OPEN), REFUSED], ids=["not open", "refused"]
)
@pytest.mark.parametrize("opened_before", [True, False])
def test_an_early_order_that_came_to_nothing_is_given_once_more(
    nothing: RecordDict | Error, opened_before: bool
) -> None:
    superlink = SuperLink(7)
    orders = orders_of(superlink)
    orders.send_early()
    if opened_before:
        orders.send()
    superlink.answer(7, nothing)
    if not opened_before:
        orders.send()
    assert orders.look() == ([], [], False)
    assert superlink.asked == [7, 7]
    superlink.answer(7, nothing)
    _, silent, over = orders.look()
    assert [code for _, code in silent] in ([WithheldCode.NOT_OPEN], [WithheldCode.FAILED])
    assert over and superlink.asked == [7, 7], "a site that refuses twice is left in peace"


def test_any_other_answer_to_an_early_order_stands() -> None:
    superlink = SuperLink(7)
    orders = orders_of(superlink)
    orders.send_early()
    orders.send()
    superlink.answer(7, withheld(SITE, WithheldCode.BARRED))
    assert orders.look() == ([], [(SITE, WithheldCode.BARRED)], True)
    assert orders.look() == ([], [], True)
    assert superlink.asked == [7]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"site": SITE, "code": [1, 2]}, ("", WithheldCode.FAILED)),
        ({"site": SITE, "code": "NO_SUCH_CODE"}, ("", WithheldCode.FAILED)),
        ({"site": SITE, "code": b"BARRED"}, ("", WithheldCode.FAILED)),
        ({"site": [SITE], "code": "BARRED"}, ("", WithheldCode.FAILED)),
        ({"site": "\n0x5a: all is well", "code": "BARRED"}, ("", WithheldCode.BARRED)),
        ({"site": f"{SITE}\n", "code": "BARRED"}, ("", WithheldCode.BARRED)),
        ({"masked": "text", "signature": b"bytes"}, ("", WithheldCode.FAILED)),
        ({"masked": [1], "signature": 2.0}, ("", WithheldCode.FAILED)),
        ({}, ("", WithheldCode.FAILED)),
    ],
)
def test_an_answer_of_any_other_form_is_a_failure_and_no_text_of_it_is_shown(
    said: dict[str, Any], read: tuple[str, WithheldCode]
) -> None:
    superlink = SuperLink(7)
    orders = orders_of(superlink)
    orders.send()
    superlink.answer(7, RecordDict({"assent": ConfigRecord(said)}))
    assert orders.look() == ([], [read], True)
