"""A study on a Hardhat node of its own, and signed acts of as many patients as asked for."""

import dataclasses
import secrets
import time
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.blocks import Finality
from chain.chain import Chain
from chain.deploy import deploy
from chain.deployment import Deployment
from chain.events import StudyProposed
from chain.grants import draft_grant
from chain.messages import (
    Enrolment,
    LateRevocation,
    Purpose,
    Terms,
    approval_for,
    signer_of_account,
)
from chain.rpc import connect_node
from chain.signed_act import SignedAct
from stack.hardhat import HardhatNode

DAY = 24 * 3600


class BenchStudy:
    """One approved study with two sites; patients enrol at the first."""

    def __init__(self, node: HardhatNode, folder: Path) -> None:
        accounts = node.accounts
        governors = [signer_of_account(key.address) for key in accounts[36:39]]
        self.deployment: Deployment = deploy(
            connect_node(node.rpc_url), accounts[0], Finality(), governors=governors
        )
        self._node, self._folder = node, folder
        self._site, other, sponsor, *reviewers = accounts[1:7]
        self._enrolment_key: LocalAccount = Account.create()
        for site, key in ((self._site, self._enrolment_key), (other, Account.create())):
            self._chain(site).registry.register_site(key.address, secrets.token_bytes(32))
        self.chain = self._chain(sponsor)
        registry = self.chain.registry
        terms = _terms(sponsor.address, sorted((self._site.address, other.address), key=_number))
        names = [reviewer.address for reviewer in reviewers]
        self.study_id = registry.propose_study(names, 2, terms).event(StudyProposed).study_id
        until = self.chain.head().timestamp + 30 * DAY
        approval = approval_for(self.study_id, 1, terms, until)
        for reviewer in reviewers[:2]:
            signature = approval.sign(reviewer, registry.domain)
            registry.approve(
                self.study_id, 1, until, signer_of_account(reviewer.address), signature
            )

    def grants(self, count: int) -> list[SignedAct]:
        """Signed grants of so many patients, each with a record of its own."""
        now = int(time.time())
        blank = Enrolment(
            study_id=self.study_id,
            site=self._site.address,
            holder=self._site.address,
            record_tag=bytes(32),
            record_commitment=bytes(32),
            issued_at=self.chain.head().timestamp,
            deadline=now + DAY,
        )
        draft = draft_grant(
            self.chain,
            blank,
            purposes=Purpose.GENERAL_RESEARCH,
            use_start=0,
            use_end=now + 300 * DAY,
            deadline=now + DAY,
        )
        domain = self.chain.consent.domain
        acts = []
        for _ in range(count):
            holder: LocalAccount = Account.create()
            own: Any = {"holder": holder.address, "record_commitment": secrets.token_bytes(32)}
            enrolment = dataclasses.replace(blank, record_tag=secrets.token_bytes(32), **own)
            acts.append(
                SignedAct.sign(
                    dataclasses.replace(draft, **own),
                    domain,
                    holder,
                    enrolment,
                    enrolment.sign(self._enrolment_key, domain),
                )
            )
        return acts

    def minted(self) -> int:
        """Tokens that the chain holds."""
        return self.chain.consent.minted_count(self.study_id, self._site.address)

    def _chain(self, account: LocalAccount) -> Chain:
        journal = self._folder / f"{account.address}.db"
        return Chain.connect(self._node.rpc_url, self.deployment, account=account, journal=journal)


def _number(address: str) -> int:
    return int(address, 16)


def _terms(coordinator: str, sites: list[str]) -> Terms:
    def some() -> bytes:
        return secrets.token_bytes(32)

    return Terms(
        protocol_hash=some(),
        consent_text_hash=some(),
        dpia_hash=some(),
        app_hash=some(),
        recipe_hash=some(),
        initial_checkpoint=some(),
        purposes=Purpose.GENERAL_RESEARCH,
        disease=0,
        coordinator=coordinator,
        sites=tuple(sites),
        min_cohort=1,
        min_sites=2,
        tolerated_colluders=0,
        vector_length=4,
        fraction_bits=20,
        clipping_norm=1 << 20,
        noise_multiplier=1_000_000,
        delta=10**13,
        rho_ceiling=20 * 10**18,
        commit_seconds=600,
        seal_seconds=600,
        delivery_seconds=600,
        close_seconds=600,
        challenge_seconds=3600,
        answer_seconds=600,
        waiting_rounds=0,
        max_charged_aborts=3,
        late_revocation=LateRevocation.ABANDON,
    )
