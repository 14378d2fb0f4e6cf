"""How the contracts began: code and storage do not tell, addresses do."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import Nonce
from web3.utils.address import get_create_address

from audit.bundle import Bundle, read_bundle
from audit.checks.context import Context
from audit.checks.contracts import check_anchor, check_contracts
from audit.report import Check
from audit.verify import prove_history, verify, verify_folder
from chain import events as ev
from chain.artifacts import artifact, mapping_slot
from chain.chain import Chain
from chain.compile import compile_contracts
from chain.deploy import MAKER
from chain.deployment import Deployment
from chain.errors import WrongOrigin
from chain.functions import functions
from chain.origin import Origin, origin_creation
from chain.rpc import connect_node
from chain.sender import Sender
from tests.audit.conftest import Written
from tests.audit.real_study import RealStudy
from tests.world import PURPOSES, World

PUSH2, PUSH32, DUP1, CODECOPY, RETURN = b"\x61", b"\x7f", b"\x80", b"\x39", b"\xf3"
PUSH0, SSTORE = b"\x5f", b"\x55"


class Liar:
    """Makes a registry as everybody does, and a token by a constructor of its own."""

    def __init__(self, honest: World, folder: Path) -> None:
        keys = honest.accounts
        liars = (*keys[12:24], *keys[:12], *keys[24:])
        self.w3 = connect_node(honest.rpc_url)
        self.sender = Sender(self.w3, liars[0], folder / "deployer.db", timeout=30)
        self.built = compile_contracts()
        origin = Origin(self._next(0), honest.deployment.authority)
        self.sender.send(None, MAKER + origin_creation(origin.authority))
        make = functions("Origin")["make"].call_data([self.built["StudyRegistry"].creation])
        self.sender.send(origin.address, make)
        self.deployment = dataclasses.replace(
            honest.deployment,
            maker=origin.maker,
            registry=origin.made["StudyRegistry"],
            consent_token=self._next(0),
            ledger=self._next(1),
        )
        self.world = World(honest.rpc_url, liars, self.deployment, folder)

    def _next(self, later: int) -> str:
        account = self.sender.account.address
        nonce = self.w3.eth.get_transaction_count(account) + later
        return str(get_create_address(account, Nonce(nonce)))

    def make_token(self, invented: ev.Granted) -> ev.EventRecord:
        """The known code at its place; its storage says that a patient granted."""
        runtime = self._runtime()
        head = self.w3.eth.get_block("latest")
        block, time = head["number"] + 1, head["timestamp"] + 60
        record = ev.encode(invented, block, time)
        location = artifact("ConsentToken").storage["assent.storage.RunningHash"]
        slot = mapping_slot(invented.study_id, location)
        store = PUSH32 + ev.advance(ev.NOTHING_YET, record) + PUSH32 + slot + SSTORE
        length = len(runtime).to_bytes(2)
        start = len(store) + 11
        copy = PUSH2 + length + DUP1 + PUSH2 + start.to_bytes(2) + PUSH0 + CODECOPY + PUSH0 + RETURN
        self._ask("evm_setNextBlockTimestamp", [time])
        mined = self.sender.send(None, store + copy + runtime)
        assert mined.contract_address == self.deployment.consent_token.lower()
        assert (mined.block.number, mined.block.timestamp) == (block, time)
        return record

    def make_ledger(self) -> None:
        self._create("RoundLedger", [self.deployment.registry, self.deployment.consent_token])

    @property
    def told(self) -> Deployment:
        """What it hands on, with the hashes of what is really there."""
        hashes = {name: keccak(self._code(name)) for name in ev.CONTRACT_NAMES}
        all_of_them = self.deployment.code_hashes | hashes
        return dataclasses.replace(self.deployment, code_hashes=all_of_them)

    def _code(self, name: ev.ContractName) -> bytes:
        address = Web3.to_checksum_address(self.deployment.address(name))
        return bytes(self.w3.eth.get_code(address))

    def _runtime(self) -> bytes:
        """What the real constructor would leave there, tried and taken back."""
        before = self._ask("evm_snapshot", [])
        self._create("ConsentToken", [self.deployment.registry, self.deployment.ledger])
        code = self._code("ConsentToken")
        self._ask("evm_revert", [before])
        return code

    def _create(self, name: Any, arguments: list[str]) -> None:
        code = self.built[name].creation + encode(["address", "address"], arguments)
        sender = self.sender.account.address
        call = {"from": sender, "data": "0x" + code.hex(), "gas": hex(12_000_000)}
        sent = self._ask("eth_sendTransaction", [call])
        assert self.w3.eth.wait_for_transaction_receipt(sent)["status"] == 1

    def _ask(self, method: str, arguments: list[Any]) -> Any:
        return self.w3.provider.make_request(method, arguments)["result"]  # type: ignore[arg-type]


@dataclass(frozen=True)
class Invented:
    bundle: Bundle
    trust_block: bytes
    deployment: Deployment
    rpc_url: str
    token: int


@pytest.fixture(scope="module")
def invented(moving_world: World, tmp_path_factory: pytest.TempPathFactory) -> Invented:
    """A study with a consent that nobody gave: its token's constructor made it up."""
    folder = tmp_path_factory.mktemp("liar")
    with pytest.MonkeyPatch.context() as patch:
        # Who lies does not ask their own software whether the contracts are the right ones.
        patch.setattr("chain.chain.check_deployment", lambda w3, deployment: None)
        liar = Liar(moving_world, folder)
        study = RealStudy(liar.world)
        consent = granted(liar, study, str(Account.create().address))
        record = liar.make_token(consent)
        liar.make_ledger()
        for site in liar.world.sites[1:]:
            for _ in range(2):
                study.patient(site)
        number = study.open()
        for site in liar.world.sites[1:]:
            study.commit(number, site)
        liar.world.pass_time(601)
        study.seal(number)
        study.close(number)
        chain = study.chain
        honest = chain.events_of
        patch.setattr(
            chain, "events_of", lambda *asked: sorted([*honest(*asked), record], key=place_of)
        )
        trust_block = study.write(folder / "bundle")
    made = read_bundle(folder / "bundle")
    return Invented(made, trust_block, liar.told, moving_world.rpc_url, consent.token_id)


def granted(liar: Liar, study: RealStudy, holder: str) -> ev.Granted:
    world, site = liar.world, liar.world.sites[0]
    enrolment = world.enrol(study.number, site, holder, "nobody")
    token = study.number << 192 | int(site.address, 16) << 32
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.chain().consent, "revocation_counter", lambda account: 0)
        grant = world.grant_for(enrolment)
    return ev.Granted(study.number, token, 1, grant, enrolment.record_tag)


def place_of(record: ev.EventRecord) -> int:
    return record.block_number


def failed(checks: tuple[Check, ...]) -> set[tuple[str, str]]:
    return {(check.name, check.object) for check in checks if not check.ok}


def test_a_consent_from_before_the_contracts_is_found_by_their_addresses_alone(
    invented: Invented,
) -> None:
    state, checks = prove_history(invented.bundle, invented.trust_block)
    assert state is not None
    assert state.is_consent_active(invented.token, PURPOSES, state.time)
    elsewhere = {("contract.origin", "ConsentToken"), ("contract.origin", "RoundLedger")}
    assert failed(checks) == elsewhere
    report = verify(invented.bundle, invented.trust_block)
    assert failed(tuple(report.checks)) == elsewhere
    assert report.trusted and not report.ok


def test_whoever_is_given_its_deployment_refuses_it(invented: Invented) -> None:
    with pytest.raises(WrongOrigin, match="ConsentToken"):
        Chain.connect(invented.rpc_url, invented.deployment)


@pytest.mark.parametrize(
    ("member", "name"), [("consent_token", "ConsentToken"), ("ledger", "RoundLedger")]
)
def test_one_contract_from_elsewhere_is_enough(
    member: str, name: ev.ContractName, invented: Invented, moving_world: World
) -> None:
    """Its code is the known one, and nothing but its address tells how it began."""
    honest, told = moving_world.deployment, invented.deployment
    codes = honest.code_hashes | {name: told.code_hashes[name]}
    changes: dict[str, Any] = {member: told.address(name), "code_hashes": codes}
    mixed = dataclasses.replace(honest, **changes)
    with pytest.raises(WrongOrigin, match=name):
        Chain.connect(invented.rpc_url, mixed)


@pytest.mark.parametrize("member", ["maker", "authority"])
def test_another_origin_than_the_real_one_is_found(
    member: str, bundle: Bundle, written: Written
) -> None:
    other = str(Account.create().address)
    changed = dataclasses.replace(
        bundle, origin=dataclasses.replace(bundle.origin, **{member: other})
    )
    context = Context(changed)
    check_anchor(context, written.trust_block)
    check_contracts(context)
    found = failed(tuple(context.record.checks))
    assert found == {("contract.origin", name) for name in ev.CONTRACT_NAMES}
    assert other in context.record.failed[0].detail


def test_an_honest_bundle_names_what_made_its_contracts(bundle: Bundle, written: Written) -> None:
    origin, contracts = bundle.origin, bundle.contracts
    assert list(origin.made.values()) == [
        contracts.registry,
        contracts.consent_token,
        contracts.ledger,
    ]
    report = verify_folder(written.folder, written.trust_block)
    begun = [check for check in report.checks if check.name == "contract.origin"]
    assert [check.object for check in begun if check.ok] == list(ev.CONTRACT_NAMES)
