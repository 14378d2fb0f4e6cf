"""The audit log tells every event of a study, and each question gets just what fits it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from chain.events import EVENTS, decode
from chain.messages import split_token_id
from tests.api.databases import fresh_database
from tests.api.review.serving import Served, serving
from tests.audit.acts import challenge, resume
from tests.world import World

Entry = dict[str, Any]


@pytest.fixture(scope="module")
def eventful(module_world: World) -> tuple[World, int]:
    """A study with consents, a withdrawal, a closed and an abandoned round, and a pause."""
    world = module_world
    world.sites = world.sites[:2]
    study = world.approved_study()
    holders = [Account.create() for _ in range(3)]
    tokens = [
        world.give_consent(study, site, holder)
        for site, holder in zip([*world.sites, world.sites[0]], holders, strict=True)
    ]
    number = world.open_round(study)
    for site in world.sites:
        world.commit(study, number, site)
    ledger = world.chain(world.coordinator).ledger
    ledger.seal(study, number)
    world.close(study, number)
    challenge(world, study, number, world.sites[0].address, 0, world.reviewers[0])
    world.revoke(tokens[2], holders[2])
    ledger.abort(study, world.open_round(study))
    world.chain(world.reviewers[2]).registry.suspend(study)
    resume(world, study, world.reviewers[:2])
    return world, study


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(
    request: pytest.FixtureRequest,
    eventful: tuple[World, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    database = None
    if request.param == "postgresql":
        database = fresh_database(request.getfixturevalue("postgresql"))
    folder = Path(tmp_path_factory.mktemp("api"))
    with serving(eventful[0], folder, database=database) as found:
        yield found


@pytest.fixture(scope="module")
def whole(served: Served, eventful: tuple[World, int]) -> list[Entry]:
    return walked(served, eventful[1])


def walked(served: Served, study: int, limit: int = 200, **asked: Any) -> list[Entry]:
    """All pages, one after another."""
    found: list[Entry] = []
    after: dict[str, str] = {}
    while True:
        page = served.get(f"/v1/studies/{study}/audit-log", limit=limit, **asked, **after)
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def test_it_holds_every_event_of_the_study_as_the_chain_has_it(
    whole: list[Entry], eventful: tuple[World, int]
) -> None:
    world, study = eventful
    chain = world.chain()
    records = chain.events(study)
    assert [one["kind"] for one in whole] == [type(decode(one)).__name__ for one in records]
    assert [(one["block"]["number"], one["block"]["timestamp"]) for one in whole] == [
        (one.block_number, one.block_timestamp) for one in records
    ]
    for entry in whole[:3]:
        receipt = chain.w3.eth.get_transaction_receipt(entry["tx_hash"])
        assert receipt["blockNumber"] == entry["block"]["number"]
        assert "0x" + bytes(receipt["blockHash"]).hex() == entry["block"]["hash"]


def test_every_event_has_a_sentence_that_names_who_and_what(
    whole: list[Entry], eventful: tuple[World, int]
) -> None:
    world, _ = eventful
    by_kind = {one["kind"]: one["words"] for one in whole}
    assert by_kind["Aborted"] == "Round 2 was abandoned: the coordinator ended it."
    assert by_kind["Suspended"].startswith(f"Reviewer {world.reviewers[2].address} suspended")
    assert "sealed with 2 sites and charged rho 0.500000" in by_kind["Sealed"]
    assert "a replay of round 1" in by_kind["Challenged"]
    assert all(one["words"].endswith(".") for one in whole)


def test_pages_of_any_size_make_the_same_log(
    served: Served, whole: list[Entry], eventful: tuple[World, int]
) -> None:
    for limit in (1, 7, len(whole), len(whole) - 1):
        assert walked(served, eventful[1], limit) == whole


def test_each_question_gets_what_fits_it_and_nothing_else(
    served: Served, whole: list[Entry], eventful: tuple[World, int]
) -> None:
    world, study = eventful
    site = world.sites[0].address
    token = next(one["values"]["token_id"] for one in whole if one["kind"] == "Revoked")
    middle = whole[len(whole) // 2]
    moment = datetime.fromtimestamp(middle["block"]["timestamp"], UTC).isoformat()
    questions: list[tuple[dict[str, Any], Any]] = [
        ({"kind": ["Granted", "Revoked"]}, lambda one: one["kind"] in ("Granted", "Revoked")),
        ({"site": site}, lambda one: site in sites_named(one)),
        ({"token": token}, lambda one: one["values"].get("token_id") == token),
        ({"round": 1}, lambda one: one["values"].get("round") == 1),
        ({"from_block": middle["block"]["number"]}, lambda one: at(one) >= at(middle)),
        ({"to_block": middle["block"]["number"]}, lambda one: at(one) <= at(middle)),
        (
            {"from_time": moment},
            lambda one: one["block"]["timestamp"] >= middle["block"]["timestamp"],
        ),
        (
            {"to_time": moment},
            lambda one: one["block"]["timestamp"] <= middle["block"]["timestamp"],
        ),
        (
            {"site": site, "round": 1, "kind": "Committed"},
            lambda one: one["kind"] == "Committed" and one["values"]["site"] == site,
        ),
        ({"round": 1, "kind": "Granted"}, lambda one: False),
        ({"token": "12345"}, lambda one: False),
    ]
    for asked, fits in questions:
        for limit in (2, 200):
            found = walked(served, study, limit, **asked)
            assert found == [one for one in whole if fits(one)], asked


def at(entry: Entry) -> int:
    return int(entry["block"]["number"])


def sites_named(entry: Entry) -> set[str]:
    values = entry["values"]
    if entry["kind"] == "Revoked":
        return {split_token_id(int(values["token_id"]))[1]}
    if entry["kind"] == "Granted":
        return {values["grant"]["site"]}
    return {values.get("site"), *(values.get("members") or ())}


def test_as_csv_it_is_the_same_log(
    served: Served, whole: list[Entry], eventful: tuple[World, int]
) -> None:
    answer = served.client.get(f"/v1/studies/{eventful[1]}/audit-log.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [json.loads(row["values"]) for row in rows] == [one["values"] for one in whole]
    assert [row["words"] for row in rows] == [one["words"] for one in whole]
    asked = served.client.get(f"/v1/studies/{eventful[1]}/audit-log.csv?kind=Closed")
    assert [row["kind"] for row in csv.DictReader(io.StringIO(asked.text))] == ["Closed"]


@pytest.mark.parametrize(
    "query",
    [
        "kind=Nothing",
        "site=0x12",
        "token=-1",
        "token=" + "9" * 78,
        "round=0",
        "from_time=yesterday",
        "from_block=-1",
        "after=x",
        "limit=0",
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    served: Served, eventful: tuple[World, int], query: str
) -> None:
    answer = served.client.get(f"/v1/studies/{eventful[1]}/audit-log?{query}")
    assert answer.status_code == 422, answer.text


def test_a_study_that_is_not_has_no_log(served: Served) -> None:
    for path in ("/v1/studies/99/audit-log", "/v1/studies/99/audit-log.csv"):
        assert served.client.get(path).status_code == 404


def test_there_is_a_kind_for_every_event() -> None:
    from api.review.log.asking import KINDS

    assert set(KINDS) == {one.__name__ for one in EVENTS}
