"""Every accepted act reaches the chain exactly once, or is reported failed, whatever happens."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.outbox import relay_node, relay_repository
from api.outbox.relayer import Relayer
from api.outbox.starting import RelayerRefused, start_relayer
from chain.errors import ChainUnreachable
from chain.messages import Resumption, Revocation, Suspension, token_id
from chain.signed_act import SignedAct
from tests.api.outbox.acts import Outbox, Patients, browser, rpc
from tests.api.outbox.relaying import bring, relay, told_of
from tests.api.outbox.rpc_gate import RpcGate
from tests.api.people import signed_in


def test_a_node_whose_answers_cannot_be_read_is_as_good_as_away(
    client: TestClient, relayer: Relayer, patients: Patients, gate: RpcGate
) -> None:
    act_id = bring(client, patients.grant())
    gate.is_empty = True
    with pytest.raises(ChainUnreachable, match=r"127\.0\.0\.1.*cannot be read"):
        relayer.run_once()
    gate.is_empty = False
    assert relay(relayer, client, act_id)[0]["state"] == "confirmed"


def test_many_acts_go_together_and_each_is_told_its_block_and_token(
    client: TestClient,
    relayer: Relayer,
    outbox: Outbox,
    patients: Patients,
    gate: RpcGate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_node, "_MOST_SENT", 4)  # more than one request's
    acts = [patients.grant() for _ in range(6)]
    ids = [bring(client, act) for act in acts]
    gate.seen.clear()
    for act, told in zip(acts, relay(relayer, client, *ids), strict=True):
        assert told["state"] == "confirmed"
        assert told["token_id"] == str(patients.token_of(act))
        receipt = rpc(patients.world, "eth_getTransactionReceipt", told["transaction"])
        assert isinstance(receipt, dict)
        block = patients.world.chain().block(int(str(receipt["blockNumber"]), 16))
        assert told["block"] == {
            "number": block.number,
            "hash": receipt["blockHash"],
            "timestamp": block.timestamp,
        }
        assert told["transactions"] == [told["transaction"]]
    assert outbox.sent_nonces() == len(acts)
    assert gate.seen.count("eth_sendRawTransaction") == len(acts)
    assert relayer.run_once() == 0


def test_a_revocation_is_sent_before_grants_that_came_first(
    client: TestClient, relayer: Relayer, patients: Patients
) -> None:
    revocation = patients.revocation()
    grants = [bring(client, patients.grant()) for _ in range(2)]
    withdrawn = bring(client, revocation)
    told = relay(relayer, client, withdrawn, *grants)
    blocks = [one["block"]["number"] for one in told]
    assert blocks == sorted(blocks)


def test_what_the_contract_refuses_by_then_is_reported_with_its_reason(
    client: TestClient, relayer: Relayer, outbox: Outbox, patients: Patients
) -> None:
    act = patients.grant()
    act_id = bring(client, act)
    act.carry(patients.chain)
    [told] = relay(relayer, client, act_id)
    assert told["state"] == "failed"
    assert told["reason"]["code"].startswith("consent-")
    # A failed act may be brought again, and is then another; this one is refused at once.
    assert client.post("/v1/acts", json=act.to_json()).json()["code"] == "contract-refuses"


def test_while_the_node_is_away_acts_are_kept_and_then_sent_once(
    client: TestClient, relayer: Relayer, outbox: Outbox, patients: Patients, gate: RpcGate
) -> None:
    act_id = bring(client, patients.grant())
    gate.is_open = False
    with pytest.raises(ChainUnreachable):
        relayer.run_once()
    assert told_of(client, act_id)["state"] == "accepted"
    gate.is_open = True

    def cut(methods: list[str]) -> None:
        if "eth_sendRawTransaction" in methods:
            gate.is_open = False
            raise ConnectionError

    gate.before = cut
    with pytest.raises(ChainUnreachable):
        relayer.run_once()
    assert told_of(client, act_id)["state"] == "sent"
    assert outbox.sent_nonces() == 0
    gate.before, gate.is_open = (lambda methods: None), True
    [told] = relay(relayer, client, act_id)
    assert told["state"] == "confirmed"
    assert outbox.sent_nonces() == 1


def test_what_no_block_takes_gets_dearer_and_both_hashes_are_kept(
    client: TestClient, outbox: Outbox, patients: Patients
) -> None:
    world = patients.world
    relayer = start_relayer(outbox.service, patience=0.0)
    assert relayer is not None
    rpc(world, "evm_setAutomine", False)
    try:
        act_id = bring(client, patients.grant())
        relayer.run_once()
        first = told_of(client, act_id)["transactions"]
        cheap = rpc(world, "eth_getTransactionByHash", first[0])
        assert isinstance(cheap, dict)
        base_fee = 10 * int(cheap["maxFeePerGas"], 16)
        rpc(world, "hardhat_setNextBlockBaseFeePerGas", hex(base_fee))
        rpc(world, "evm_mine")
        relayer.run_once()
        told = told_of(client, act_id)
        assert told["state"] == "sent"
        assert told["transactions"][:1] == first
        dear = rpc(world, "eth_getTransactionByHash", told["transactions"][-1])
        assert isinstance(dear, dict)
        assert int(dear["maxFeePerGas"], 16) >= base_fee
        rpc(world, "evm_mine")
        [told] = relay(relayer, client, act_id)
        assert told["transaction"] in told["transactions"][1:]
        assert outbox.sent_nonces() == 1
    finally:
        rpc(world, "evm_setAutomine", True)
        rpc(world, "hardhat_setNextBlockBaseFeePerGas", hex(10**9))
        rpc(world, "evm_mine")


@pytest.mark.parametrize("confirmations", [0, 2])
def test_what_a_reorganisation_undoes_is_sent_again(
    make_outbox: Callable[..., Outbox], patients: Patients, tmp_path: Path, confirmations: int
) -> None:
    world = patients.world
    outbox = make_outbox(f"sqlite:///{tmp_path / 'api.db'}", confirmations)
    relayer = start_relayer(outbox.service)
    assert relayer is not None
    with browser(outbox.service) as client:
        act = patients.grant()
        act_id = bring(client, act)
        before = rpc(world, "evm_snapshot")
        relayer.run_once()
        relayer.run_once()
        mined = told_of(client, act_id)
        # Without confirmations it counts as over already, and is taken up again all the same.
        assert mined["state"] == ("sent" if confirmations else "confirmed")
        assert mined["block"]
        rpc(world, "evm_revert", before)
        assert patients.token_of(act) is None
        restarted = start_relayer(outbox.service)
        assert restarted is not None
        for _ in range(4):
            restarted.run_once()
            rpc(world, "evm_mine")
        restarted.run_once()
        told = told_of(client, act_id)
        assert told["state"] == "confirmed"
        assert patients.token_of(act) == int(told["token_id"])
        assert outbox.sent_nonces() == 1


def test_acts_whose_nonce_somebody_else_used_get_another(
    client: TestClient, relayer: Relayer, outbox: Outbox, patients: Patients, gate: RpcGate
) -> None:
    def steal(methods: list[str]) -> None:
        if "eth_sendRawTransaction" in methods:
            gate.before = lambda methods: None
            w3 = patients.chain.w3
            stolen = outbox.key.sign_transaction(
                {
                    "chainId": w3.eth.chain_id,
                    "nonce": 0,
                    "to": outbox.key.address,
                    "value": 0,
                    "gas": 21_000,
                    "maxFeePerGas": 10**11,
                    "maxPriorityFeePerGas": 10**9,
                }
            )
            w3.eth.send_raw_transaction(stolen.raw_transaction)

    act = patients.grant()
    act_id = bring(client, act)
    gate.before = steal
    [told] = relay(relayer, client, act_id)
    assert told["state"] == "confirmed"
    assert outbox.sent_nonces() == 2
    assert patients.token_of(act) == int(told["token_id"])


def test_what_two_reviewers_must_say_waits_for_the_second(
    client: TestClient, relayer: Relayer, patients: Patients
) -> None:
    world = patients.world
    study = world.propose_after_registering()
    world.approve(study)
    domain = world.chain().registry.domain
    first, second = world.reviewers[:2]
    suspension = SignedAct.sign(Suspension(study, 0), domain, first)
    headers = [signed_in(client, reviewer) for reviewer in (first, second)]
    relay(relayer, client, bring(client, suspension, headers[0]))
    voices = [SignedAct.sign(Resumption(study, 1), domain, one) for one in (first, second)]
    one = bring(client, voices[0], headers[0])
    assert told_of(client, one)["state"] == "waiting"
    relayer.run_once()
    assert told_of(client, one)["state"] == "waiting"
    other = bring(client, voices[1], headers[1])
    told = relay(relayer, client, one, other)
    assert {act["state"] for act in told} == {"confirmed"}
    assert told[0]["transaction"] == told[1]["transaction"]
    assert not world.chain().registry.study(study).suspended


def test_a_revocation_of_no_token_never_enters_the_queue(
    client: TestClient, patients: Patients
) -> None:
    token = token_id(patients.study_id, patients.world.sites[0].address, 10**6)
    act = SignedAct.sign(
        Revocation(token), patients.chain.consent.domain, patients.world.accounts[30]
    )
    assert client.post("/v1/acts", json=act.to_json()).json()["code"] == "contract-refuses"


def test_the_queue_and_the_account_are_measured(
    client: TestClient, relayer: Relayer, patients: Patients
) -> None:
    act_id = bring(client, patients.grant())
    assert 'assent_outbox_acts{state="accepted"} 1.0' in client.get("/metrics").text
    relay(relayer, client, act_id)
    shown = client.get("/metrics").text
    assert 'assent_outbox_acts{state="accepted"} 0.0' in shown
    assert "assent_relayer_balance_ether 1.0" in shown


def test_a_relayer_that_could_not_work_is_refused_at_start(
    outbox: Outbox, patients: Patients
) -> None:
    rpc(patients.world, "hardhat_setBalance", outbox.key.address, "0x0")
    with pytest.raises(RelayerRefused, match=outbox.key.address):
        start_relayer(outbox.service)
    key_file = outbox.service.settings.relayer_key
    assert key_file is not None
    key_file.write_text("no key")
    with pytest.raises(RelayerRefused, match="does not hold a key"):
        start_relayer(outbox.service)


def test_another_key_waits_until_the_first_one_has_finished(
    client: TestClient, relayer: Relayer, outbox: Outbox, patients: Patients, gate: RpcGate
) -> None:
    bring(client, patients.grant())
    gate.before = lambda methods: _cut_before_sending(gate, methods)
    with pytest.raises(ChainUnreachable):
        relayer.run_once()
    gate.is_open = True
    gate.before = lambda methods: None
    key_file = outbox.service.settings.relayer_key
    assert key_file is not None
    key_file.write_text("0x" + bytes(patients.world.accounts[31].key).hex())
    with pytest.raises(RelayerRefused, match="former key"):
        start_relayer(outbox.service)
    with outbox.service.sessions() as database:
        account = relay_repository.Account(b"\1" * 32, outbox.key.address)
        assert relay_repository.other_chain(database, account) is not None


def _cut_before_sending(gate: RpcGate, methods: list[str]) -> None:
    if "eth_sendRawTransaction" in methods:
        gate.is_open = False
        raise ConnectionError
