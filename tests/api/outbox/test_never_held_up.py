"""Neither one act nor fees that have risen keep the others from the chain, revocations least."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from api.outbox import queueing
from api.outbox.checking import MOST_GAS
from api.outbox.relayer import Relayer
from chain.errors import ChainUnreachable, RpcRefused
from chain.messages import Revocation, signer_of_account
from chain.signed_act import SignedAct
from tests.api.outbox.acts import Outbox, Patients, rpc
from tests.api.outbox.costly_wallet import (
    deploy_costly_wallet,
    deploy_two_faced_wallet,
    grant_of,
    take_gas,
)
from tests.api.outbox.relaying import bring, relay, told_of
from tests.api.outbox.rpc_gate import RpcGate


@pytest.fixture
def always_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every act had waited for longer than what was found of it is good for."""
    monkeypatch.setattr(queueing, "_FRESH", timedelta(seconds=-60))


def test_an_act_that_takes_more_gas_than_is_paid_for_is_refused(
    client: TestClient, patients: Patients
) -> None:
    wallet = deploy_costly_wallet(patients.world)
    take_gas(patients.world, wallet, MOST_GAS)
    answer = client.post("/v1/acts", json=grant_of(patients, wallet).to_json())
    assert (answer.status_code, answer.json()["code"]) == (409, "act-too-costly")
    assert str(MOST_GAS) in answer.json()["detail"]


@pytest.mark.usefixtures("always_asked_again")
def test_an_act_that_became_too_costly_while_it_waited_fails_and_the_others_go(
    client: TestClient, relayer: Relayer, patients: Patients
) -> None:
    wallet = deploy_costly_wallet(patients.world)
    costly = bring(client, grant_of(patients, wallet))
    withdrawn = bring(client, patients.revocation())
    take_gas(patients.world, wallet, MOST_GAS)
    first, second = relay(relayer, client, costly, withdrawn)
    assert (first["state"], first["reason"]["code"]) == ("failed", "act-too-costly")
    assert second["state"] == "confirmed"


@pytest.mark.usefixtures("always_asked_again")
def test_an_act_that_the_node_cannot_estimate_holds_up_no_other(
    client: TestClient, relayer: Relayer, patients: Patients, gate: RpcGate
) -> None:
    act = patients.grant()
    stuck = bring(client, act)
    withdrawn = bring(client, patients.revocation())
    gate.refused = act.account[2:].lower()
    assert relayer.run_once()
    with pytest.raises(RpcRefused, match="execution timeout"):  # alone, it is tried later and later
        relayer.run_once()
    assert told_of(client, withdrawn)["state"] == "confirmed"
    assert told_of(client, stuck)["state"] == "accepted"
    gate.refused = None
    assert relay(relayer, client, stuck)[0]["state"] == "confirmed"


def test_revocations_that_only_look_good_do_not_spend_the_account(
    client: TestClient, relayer: Relayer, outbox: Outbox, patients: Patients
) -> None:
    wallet = deploy_two_faced_wallet(patients.world, outbox.key.address)
    grant = bring(client, grant_of(patients, wallet))
    token = int(relay(relayer, client, grant)[0]["token_id"])
    take_gas(patients.world, wallet, 0)
    signer = signer_of_account(wallet)
    act = SignedAct(patients.chain.consent.domain, Revocation(token), signer, b"")
    for _ in range(3):
        [failed] = relay(relayer, client, bring(client, act))
        assert (failed["state"], failed["reason"]["code"]) == (
            "failed",
            "consent-signature-invalid",
        )
    sent = outbox.sent_nonces()
    refused = client.post("/v1/acts", json=act.to_json())
    assert (refused.status_code, refused.json()["code"]) == (429, "quota-spent")
    assert int(refused.headers["retry-after"]) > 0
    withdrawn = bring(client, patients.revocation())
    assert relay(relayer, client, withdrawn)[0]["state"] == "confirmed"
    assert outbox.sent_nonces() == sent + 1


def test_bytes_that_a_node_refuses_because_fees_have_risen_get_dearer(
    client: TestClient,
    relayer: Relayer,
    outbox: Outbox,
    patients: Patients,
    gate: RpcGate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = patients.world

    def cut(methods: list[str]) -> None:
        if "eth_sendRawTransaction" in methods:
            gate.is_open = False
            raise ConnectionError

    act_id = bring(client, patients.revocation())
    gate.before = cut
    with pytest.raises(ChainUnreachable):
        relayer.run_once()
    gate.before, gate.is_open = (lambda methods: None), True
    with outbox.service.engine.connect() as database:
        offered = database.exec_driver_sql("SELECT max_fee FROM relay_signed_forms").scalar()
    rpc(world, "hardhat_setNextBlockBaseFeePerGas", hex(3 * offered))
    rpc(world, "evm_mine")
    monkeypatch.setattr("api.outbox.relayer._REFUSED_SECONDS", -1.0)
    try:
        [confirmed] = relay(relayer, client, act_id, most=10)
        assert confirmed["state"] == "confirmed"
        assert len(confirmed["transactions"]) == 2
        assert outbox.sent_nonces() == 1
    finally:
        rpc(world, "hardhat_setNextBlockBaseFeePerGas", hex(10**9))
        rpc(world, "evm_mine")
