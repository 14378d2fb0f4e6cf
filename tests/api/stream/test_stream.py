"""Whoever listens hears every change once, in order, whatever breaks in between."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.stream import endpoints, watching
from tests.api.forks import go_back, snapshot
from tests.api.serving import Served, serving
from tests.world import World

Heard = dict[str, Any]


@pytest.fixture
def served(world: World, tmp_path: Path) -> Iterator[Served]:
    deployment = tmp_path / "deployment.json"
    world.deployment.save(deployment)
    with serving(world.rpc_url, deployment, tmp_path) as found:
        yield found


@contextmanager
def listening(served: Served, after: str | None = None, **params: Any) -> Iterator[Iterator[Heard]]:
    """A stream's events as they come: id, event and data."""
    headers = {} if after is None else {"Last-Event-ID": after}
    url = f"{served.url}/v1/stream"
    with httpx.stream("GET", url, params=params, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Heard]:
    heard: Heard = {}
    for line in lines:
        if line == "" and heard:
            yield heard
            heard = {}
        elif line.startswith(":"):
            yield {"event": "comment"}
        elif line:
            name, _, value = line.partition(": ")
            heard[name] = json.loads(value) if name == "data" else value


def test_a_listener_who_comes_back_has_missed_nothing_and_hears_what_was_undone(
    served: Served, world: World, tmp_path: Path
) -> None:
    study = world.approved_study()
    served.index()
    with listening(served, study_id=study) as events:
        ready = next(events)
        assert ready["event"] == "ready"
        token = world.give_consent(study, world.sites[0], world.accounts[20])
        served.index()
        granted = next(events)
    assert granted["event"] == "consent.granted"
    assert granted["id"] == str(granted["data"]["sequence"])
    assert granted["data"]["values"]["token_id"] == str(token)

    fork = snapshot(world)
    receipt = world.revoke(token, world.accounts[20])
    world.open_round(study)
    served.index()
    with listening(served, after=granted["id"], study_id=study) as events:
        assert next(events)["id"] == granted["id"]
        revoked, opened = next(events), next(events)
        assert [revoked["event"], opened["event"]] == ["consent.revoked", "round.opened"]
        assert revoked["data"]["tx_hash"] == "0x" + receipt.tx_hash.hex()
        world = go_back(world, fork, tmp_path / "after")
        served.index()
        undone = [next(events), next(events)]
    assert [one["event"] for one in undone] == ["round.opened.undone", "consent.revoked.undone"]
    assert undone[1]["data"]["undone"] == revoked["data"]["sequence"]
    assert int(undone[0]["id"]) > int(opened["id"])


def test_only_what_was_asked_for_is_heard(served: Served, world: World) -> None:
    first = world.approved_study()
    second = world.approved_study()
    world.open_round(first)
    world.open_round(second)
    served.index()
    with listening(served, after="0", study_id=second, kind=["round", "study.approved"]) as events:
        next(events)
        heard = [next(events) for _ in range(3)]
    assert {one["data"]["study_id"] for one in heard} == {second}
    assert [one["event"] for one in heard] == ["study.approved", "study.approved", "round.opened"]
    wrong = httpx.get(f"{served.url}/v1/stream", params={"kind": "weather"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "kind-unknown")


def test_a_place_of_another_database_is_said_to_be_none(served: Served) -> None:
    with listening(served, after="999999") as events:
        assert next(events)["event"] == "reset"


def test_silence_is_filled_and_streams_of_one_client_are_bounded(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "STREAMS_PER_CLIENT", 1)
    monkeypatch.setattr(endpoints, "HEARTBEAT_SECONDS", 1)
    with listening(served) as events:
        next(events)
        assert next(events)["event"] == "comment"
        refused = httpx.get(f"{served.url}/v1/stream")
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-streams")
    for _ in range(100):
        # The service learns by itself that the listener is gone.
        try:
            with listening(served) as events:
                assert next(events)["event"] == "ready"
            break
        except AssertionError:
            continue
    else:
        pytest.fail("the place of who is gone is never free")
