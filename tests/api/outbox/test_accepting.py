"""What is accepted, what is refused and why, and that the same act is accepted once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi.testclient import TestClient

from api.outbox.relayer import Relayer
from chain.messages import Grant, Suspension
from chain.signed_act import SignedAct
from tests.api.outbox.acts import Outbox, Patients, browser
from tests.api.outbox.rpc_gate import RpcGate
from tests.api.people import signed_in


def _post(client: TestClient, act: SignedAct | dict[str, Any], **headers: str) -> Any:
    body = act.to_json() if isinstance(act, SignedAct) else act
    return client.post(
        "/v1/acts", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def test_a_patient_needs_no_account_here(client: TestClient, patients: Patients) -> None:
    answer = _post(client, act := patients.grant())
    assert answer.status_code == 202, answer.text
    told = client.get(answer.headers["location"])
    assert (told.json()["state"], told.json()["account"]) == ("accepted", act.account)
    assert told.headers["retry-after"] == "1"
    assert told.json()["transactions"] == []


def test_what_is_signed_for_another_chain_or_contract_is_refused(
    client: TestClient, patients: Patients
) -> None:
    act = patients.grant().to_json()
    for part in (act["typed_data"], act["enrolment"]["typed_data"]):
        part["domain"]["chainId"] = 1
    answer = _post(client, act)
    assert (answer.status_code, answer.json()["code"]) == (422, "act-for-another-chain")


def test_a_signature_by_somebody_else_is_refused_with_the_contracts_reason(
    client: TestClient, patients: Patients
) -> None:
    act = patients.grant().to_json()
    act["signature"] = patients.grant().to_json()["signature"]
    answer = _post(client, act)
    assert answer.status_code == 409
    assert answer.json()["refusal"].startswith("consent-")


def test_a_late_deadline_is_refused(client: TestClient, patients: Patients) -> None:
    answer = _post(client, patients.grant(deadline=patients.world.now - 1))
    assert answer.json()["refusal"] == "consent-deadline-passed"
    assert client.get("/metrics").text.count('assent_outbox_acts{state="accepted"} 0.0') == 1


def test_what_is_no_signed_act_is_refused_by_name(client: TestClient, patients: Patients) -> None:
    good = patients.grant().to_json()
    for broken in (
        {"schema": "another"},
        {"typed_data": {}},
        {"signer": "0x00"},
        {"signature": "none"},
        {"typed_data": {"primaryType": "Grant", "domain": [], "types": {}, "message": {}}},
    ):
        answer = _post(client, good | broken)
        assert (answer.status_code, answer.json()["code"]) == (422, "act-invalid")


def test_a_number_of_very_many_digits_is_refused_like_any_other(
    client: TestClient, patients: Patients
) -> None:
    act = patients.grant().to_json()
    act["typed_data"]["message"]["studyId"] = "9" * 10_000
    assert _post(client, act).json()["code"] == "act-invalid"


def test_who_reviews_signs_in_first(client: TestClient, patients: Patients) -> None:
    world = patients.world
    message = Suspension(patients.study_id, 0)
    act = SignedAct.sign(message, world.chain().registry.domain, world.reviewers[0])
    assert _post(client, act).json()["code"] == "not-signed-in"
    headers = signed_in(client, world.reviewers[0])
    assert client.post("/v1/acts", json=act.to_json(), headers=headers).status_code == 202


def test_an_act_that_was_carried_is_still_the_same_act(
    client: TestClient, patients: Patients, relayer: Relayer
) -> None:
    first = _post(client, act := patients.grant()).json()
    while client.get(f"/v1/acts/{first['id']}").json()["state"] != "confirmed":
        relayer.run_once()
    again = _post(client, act)
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    assert again.json()["state"] == "confirmed"


def test_two_at_once_are_one(
    make_outbox: Callable[..., Outbox], patients: Patients, database_url: str
) -> None:
    outbox = make_outbox(database_url)
    act = patients.grant()
    with browser(outbox.service) as client, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: _post(client, act, idempotency_key="k"), range(12)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_an_idempotency_key_stands_for_one_request(client: TestClient, patients: Patients) -> None:
    headers = signed_in(client, patients.world.coordinator) | {"Idempotency-Key": "first"}
    one, other = patients.grant().to_json(), patients.grant().to_json()
    first = client.post("/v1/acts", json=one, headers=headers)
    assert client.post("/v1/acts", json=one, headers=headers).json() == first.json()
    reused = client.post("/v1/acts", json=other, headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency-key-reused")
    bad = _post(client, other, idempotency_key="a b")
    assert bad.json()["code"] == "idempotency-key-invalid"


def test_quotas_count_a_callers_acts_and_never_revocations(
    make_outbox: Callable[..., Outbox], patients: Patients, database_url: str
) -> None:
    outbox = make_outbox(database_url, acts_per_hour=2)
    revocations = [patients.revocation() for _ in range(2)]
    with browser(outbox.service) as client:
        headers = signed_in(client, patients.world.coordinator)
        for act in [*revocations, patients.grant(), patients.grant()]:
            assert client.post("/v1/acts", json=act.to_json(), headers=headers).is_success
        refused = client.post("/v1/acts", json=patients.grant().to_json(), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (429, "quota-spent")
        assert 0 < int(refused.headers["retry-after"]) <= 3601
        assert _post(client, patients.grant()).is_success
        late = client.post("/v1/acts", json=patients.revocation().to_json(), headers=headers)
        assert late.is_success


def test_nothing_is_accepted_that_the_chain_was_not_asked_about(
    client: TestClient, patients: Patients, gate: RpcGate
) -> None:
    act = patients.grant()
    assert _post(client, patients.grant()).is_success
    gate.is_empty = True
    unreadable = _post(client, act)
    assert (unreadable.status_code, unreadable.json()["code"]) == (503, "chain-unreachable")
    gate.is_open = False
    answer = _post(client, act)
    assert (answer.status_code, answer.json()["code"]) == (503, "chain-unreachable")
    gate.is_open, gate.is_empty = True, False
    assert _post(client, act).is_success


def test_an_unknown_act_is_not_found(client: TestClient) -> None:
    assert client.get("/v1/acts/none").json()["code"] == "not-found"


def test_a_service_without_an_account_says_so(
    make_outbox: Callable[..., Outbox], patients: Patients, tmp_path: Any
) -> None:
    outbox = make_outbox(f"sqlite:///{tmp_path / 'a.db'}")
    outbox.service.settings = outbox.service.settings.model_copy(update={"relayer_key": None})
    with browser(outbox.service) as client:
        assert _post(client, patients.grant()).json()["code"] == "relay-off"
    assert isinstance(patients.grant().message, Grant)
