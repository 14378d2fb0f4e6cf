"""Who runs a deployment: no single key, and nobody without waiting."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from eth_account import Account
from web3 import Web3

from chain import deploy
from chain.artifacts import artifact
from chain.chain import Chain
from chain.deploy import WEEK
from chain.deployment import Deployment
from chain.errors import (
    AccessManagedUnauthorized,
    AccessManagerNotReady,
    AccessManagerNotScheduled,
    AccessManagerUnauthorizedAccount,
    GovernanceWrong,
    QuorumNotReached,
    QuorumTooSmall,
    RegistrySucceeded,
    WrongCode,
)
from chain.events import SuccessorRecorded, decode
from chain.governance import check_governance, read_governance
from chain.messages import Execution, signer_of_account
from stack.hardhat import HardhatNode
from tests.world import World, deployed

SUCCESSOR = Account.create().address


def carried(world: World, execution: Execution, by: int = 2) -> None:
    """Signed by so many governors and carried by an account that is none of them."""
    consortium = world.chain().consortium
    members = world.governors[:by]
    consortium.execute(
        execution,
        [signer_of_account(member.address) for member in members],
        [execution.sign(member, consortium.domain) for member in members],
    )


def announcement(world: World) -> Execution:
    chain = world.chain()
    naming = chain.registry.record_successor_call(SUCCESSOR)
    authority, registry = world.deployment.authority, world.deployment.registry
    return chain.consortium.announcement(authority, registry, naming)


def naming(world: World) -> Execution:
    chain = world.chain()
    call = chain.registry.record_successor_call(SUCCESSOR)
    return chain.consortium.execution(world.deployment.registry, call)


def test_a_deployment_is_run_by_its_governors_alone_and_with_a_delay(world: World) -> None:
    w3 = world.chain().w3
    found = read_governance(w3, world.deployment)
    assert set(found.members) == {signer_of_account(key.address) for key in world.governors}
    assert (found.threshold, found.execution_delay, found.others) == (2, WEEK, ())
    assert world.chain().registry.authority() == world.deployment.authority
    check_governance(w3, world.deployment, found.members, 2, WEEK)


def test_no_single_key_records_a_successor(world: World) -> None:
    everyone = (world.accounts[0], world.sponsor, world.reviewers[0], *world.governors)
    for account in everyone:
        with pytest.raises(AccessManagedUnauthorized):
            world.chain(account).registry.record_successor(SUCCESSOR)
    for execution in (announcement(world), naming(world)):
        with pytest.raises(QuorumNotReached):
            carried(world, execution, by=1)
    assert int(world.chain().registry.successor(), 16) == 0


def test_the_consortium_records_a_successor_after_its_delay_and_not_before(
    world: World,
) -> None:
    with pytest.raises(AccessManagerNotScheduled):
        carried(world, naming(world))
    carried(world, announcement(world))
    with pytest.raises(AccessManagerNotReady):
        carried(world, naming(world))
    world.pass_time(WEEK - 60)
    with pytest.raises(AccessManagerNotReady):
        carried(world, naming(world))
    world.pass_time(60)
    running = world.approved_study()
    carried(world, naming(world))

    registry = world.chain().registry
    assert registry.successor() == SUCCESSOR
    assert SuccessorRecorded(0, SUCCESSOR) in map(decode, world.chain().events(0))
    with pytest.raises(RegistrySucceeded):
        world.propose()
    # What runs here goes on: a new version of a study that has begun is no new study.
    world.chain(world.sponsor).registry.propose_version(running, world.terms())


def test_what_members_signed_serves_once(world: World) -> None:
    first = announcement(world)
    carried(world, first)
    with pytest.raises(QuorumNotReached):
        carried(world, first)


def test_the_account_that_deployed_cannot_take_its_power_back(world: World) -> None:
    chain = world.chain(world.accounts[0])
    manager = chain.w3.eth.contract(
        address=Web3.to_checksum_address(world.deployment.authority),
        abi=artifact("AccessManager").abi,
    )
    with pytest.raises(AccessManagerUnauthorizedAccount):
        manager.functions.grantRole(0, world.accounts[0].address, 0).call(
            {"from": world.accounts[0].address}
        )


class TestWhatWasAskedIsChecked:
    def test_another_delay_threshold_or_member_is_named(self, world: World) -> None:
        w3, deployment = world.chain().w3, world.deployment
        members = [signer_of_account(key.address) for key in world.governors]
        with pytest.raises(GovernanceWrong, match="delay is 604800 s, not 1 s"):
            check_governance(w3, deployment, members, 2, 1)
        with pytest.raises(GovernanceWrong, match="members or threshold"):
            check_governance(w3, deployment, members, 3, WEEK)
        with pytest.raises(GovernanceWrong, match="members or threshold"):
            check_governance(w3, deployment, members[:2], 2, WEEK)

    def test_another_authority_than_the_files_is_named(self, world: World) -> None:
        other = deployed(world.rpc_url, world.accounts)
        mixed = dataclasses.replace(world.deployment, authority=other.authority)
        with pytest.raises(GovernanceWrong, match="the registry obeys"):
            read_governance(world.chain().w3, mixed)
        mixed = dataclasses.replace(world.deployment, consortium=other.consortium)
        with pytest.raises(GovernanceWrong, match="is no administrator"):
            read_governance(world.chain().w3, mixed)

    def test_a_deployer_that_keeps_its_role_is_found_out(
        self, hardhat: HardhatNode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = deploy._Making.call

        def keeping(making: deploy._Making, name: str, function: str, *rest: object) -> None:
            if function != "renounceRole":
                honest(making, name, function, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(deploy._Making, "call", keeping)
        with pytest.raises(GovernanceWrong, match=hardhat.accounts[0].address):
            deployed(hardhat.rpc_url, hardhat.accounts)

    def test_one_key_alone_cannot_be_a_consortium(self, hardhat: HardhatNode) -> None:
        signers = [signer_of_account(Account.create().address) for _ in range(2)]
        with pytest.raises(QuorumTooSmall):
            deployed(hardhat.rpc_url, hardhat.accounts, governors=signers, governor_threshold=1)


@pytest.mark.parametrize("earlier", ["deployment-1", "deployment-2"])
def test_a_deployment_of_an_earlier_release_is_told_so(
    deployment: Deployment, tmp_path: Path, earlier: str
) -> None:
    path = tmp_path / "deployment.json"
    deployment.save(path)
    path.write_text(path.read_text().replace("deployment-3", earlier))
    with pytest.raises(ValueError, match="an earlier release deployed"):
        Deployment.load(path)


def test_a_further_contract_with_other_code_is_refused(world: World) -> None:
    """A verifier that says yes to all would give every passkey away."""
    swapped = dataclasses.replace(
        world.deployment,
        p256_verifier=world.deployment.webauthn_verifier,
        code_hashes=world.deployment.code_hashes
        | {"ERC7913P256Verifier": world.deployment.code_hashes["ERC7913WebAuthnVerifier"]},
    )
    with pytest.raises(WrongCode, match="ERC7913P256Verifier"):
        Chain.connect(world.rpc_url, swapped)
