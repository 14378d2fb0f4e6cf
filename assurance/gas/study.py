"""The studies whose acts are measured: a deployment, sites, a committee, and their terms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from assurance.gas.node import GasNode, Mined
from chain.artifacts import artifact
from chain.blocks import Finality
from chain.compile import compile_contracts
from chain.deploy import deploy
from chain.deployment import Deployment
from chain.events import CONTRACT_NAMES, ContractName
from chain.messages import (
    LateRevocation,
    Purpose,
    Terms,
    approval_for,
    consent_domain,
    ledger_domain,
    registry_domain,
    signer_of_account,
)
from chain.solidity import to_abi

PURPOSES = int(Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.TRAINING)
DISEASE = 11382
"""MONDO:0011382, sickle cell disease."""

YEAR = 365 * 24 * 3600
_APPROVED_SECONDS = 300 * 24 * 3600


def sha256(text: str) -> bytes:
    """32 bytes that stand for a document."""
    return hashlib.sha256(text.encode()).digest()


class Contracts:
    """The contracts of one deployment on one node, and acts on them."""

    def __init__(self, node: GasNode) -> None:
        self.node = node
        deployer = node.hardhat.accounts[0]
        governors = [signer_of_account(a.address) for a in node.hardhat.accounts[1:4]]
        self.deployment: Deployment = deploy(
            node.w3, deployer, Finality(), governors=governors, compiled=compile_contracts()
        )
        # Made once: it takes long, and a measurement asks a thousand times.
        self._deployed = {
            name: node.w3.eth.contract(
                address=node.w3.to_checksum_address(self.deployment.address(name)),
                abi=artifact(name).abi,
            )
            for name in CONTRACT_NAMES
        }
        self.carrier = node.account("carrier")
        chain_id = self.deployment.chain_id
        self.registry_domain = registry_domain(chain_id, self.deployment.registry)
        self.consent_domain = consent_domain(chain_id, self.deployment.consent_token)
        self.ledger_domain = ledger_domain(chain_id, self.deployment.ledger)

    def encode(self, contract: ContractName, function: str, *arguments: Any) -> bytes:
        """Calldata."""
        encoded = self._deployed[contract].encode_abi(function, args=list(arguments))
        return bytes.fromhex(encoded[2:])

    def act(self, sender: str, contract: ContractName, function: str, *arguments: Any) -> Mined:
        """A transaction. Raises what `GasNode.send` does."""
        data = self.encode(contract, function, *arguments)
        return self.node.send(sender, self.deployment.address(contract), data)

    def view(self, contract: ContractName, function: str, *arguments: Any) -> Any:
        """What a view answers at the newest block."""
        return self._deployed[contract].functions[function](*arguments).call()

    def register_sites(self, numbers: Iterable[int]) -> tuple[LocalAccount, ...]:
        """New sites of those numbers; their accounts ascend, as terms name them."""
        sites = [self.node.account(f"site {number}") for number in numbers]
        for site in sites:
            key = enrolment_key(self.node, site)
            secret = sha256(f"noise secret of {site.address}")
            self.act(site.address, "StudyRegistry", "registerSite", key.address, secret)
        return ascending(sites)


@dataclass(frozen=True)
class Study:
    """A study in force. Its gas: of a committee's first approval, and of the one that decides."""

    contracts: Contracts
    number: int
    terms: Terms
    sites: tuple[LocalAccount, ...]
    coordinator: LocalAccount
    gas_of_first_approval: int
    gas_of_last_approval: int


def ascending(sites: Iterable[LocalAccount]) -> tuple[LocalAccount, ...]:
    """By their addresses' numbers."""
    return tuple(sorted(sites, key=lambda site: int(site.address, 16)))


def enrolment_key(node: GasNode, site: LocalAccount) -> LocalAccount:
    """The key with which a site enrols its patients."""
    return node.account(f"enrolment key of {site.address}")


def start_study(contracts: Contracts, number: int, sites: Sequence[LocalAccount]) -> Study:
    """Proposes the deployment's study `number` at the sites; two of three reviewers approve it."""
    node = contracts.node
    coordinator = node.account(f"coordinator of {number}")
    sponsor = node.account(f"sponsor of {number}")
    reviewers = [node.account(f"reviewer {seat} of {number}") for seat in range(3)]
    terms = _terms(coordinator, sites)
    seats = [reviewer.address for reviewer in reviewers]
    contracts.act(sponsor.address, "StudyRegistry", "proposeStudy", seats, 2, to_abi(terms, Terms))
    expires_at = node.time + _APPROVED_SECONDS
    approval = approval_for(number, 1, terms, expires_at)
    costs = [
        contracts.act(
            contracts.carrier.address,
            "StudyRegistry",
            "approve",
            number,
            1,
            expires_at,
            signer_of_account(reviewer.address),
            approval.sign(reviewer, contracts.registry_domain),
        ).gas
        for reviewer in reviewers[:2]
    ]
    return Study(contracts, number, terms, tuple(sites), coordinator, costs[0], costs[1])


def _terms(coordinator: LocalAccount, sites: Sequence[LocalAccount]) -> Terms:
    return Terms(
        protocol_hash=sha256("protocol"),
        consent_text_hash=sha256("consent texts"),
        dpia_hash=sha256("impact assessment"),
        app_hash=sha256("app"),
        recipe_hash=sha256("recipe"),
        initial_checkpoint=sha256("initial checkpoint"),
        purposes=PURPOSES,
        disease=DISEASE,
        coordinator=coordinator.address,
        sites=tuple(site.address for site in sites),
        min_cohort=1,
        min_sites=2,
        tolerated_colluders=0,
        vector_length=1000,
        fraction_bits=20,
        clipping_norm=1 << 20,
        noise_multiplier=1_000_000,
        delta=10**13,
        rho_ceiling=20 * 10**18,
        commit_seconds=3600,
        seal_seconds=3600,
        delivery_seconds=3600,
        close_seconds=3600,
        challenge_seconds=24 * 3600,
        answer_seconds=24 * 3600,
        waiting_rounds=1,
        max_charged_aborts=3,
        late_revocation=LateRevocation.ABANDON,
    )
