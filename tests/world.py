"""A deployment with sites, reviewers, a coordinator and patients: what tests of a real chain need.

Everything goes through the public clients, as it would in use. Accounts are the Hardhat node's.
"""

import dataclasses
import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.blocks import Finality
from chain.chain import Chain
from chain.clients.base import Receipt
from chain.deploy import deploy
from chain.deployment import Deployment
from chain.events import Granted, Opened, StudyProposed
from chain.messages import (
    Closure,
    Commitment,
    Delivery,
    Enrolment,
    Grant,
    LateRevocation,
    Purpose,
    Revocation,
    Terms,
    approval_for,
    enrolment_proof,
    language_tag,
    signer_of_account,
)
from chain.rpc import connect_node

YEAR = 365 * 24 * 3600
PURPOSES = Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.TRAINING
# MONDO:0011382, sickle cell disease.
DISEASE = 11382


def fresh_mask_key() -> bytes:
    """A public key that the ledger takes; its private one is nobody's."""
    return X25519PrivateKey.generate().public_key().public_bytes_raw()


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def governors_of(accounts: Sequence[LocalAccount]) -> list[LocalAccount]:
    """Those of a Hardhat node's accounts that run the deployment together, two of three."""
    return list(accounts[36:39])


def deployed(rpc_url: str, accounts: Sequence[LocalAccount], **changes: Any) -> Deployment:
    """Fresh contracts from the first account, run by `governors_of` the accounts.

    `changes` are other arguments of `chain.deploy.deploy`.
    """
    governors = [signer_of_account(key.address) for key in governors_of(accounts)]
    return deploy(
        connect_node(rpc_url), accounts[0], Finality(), **{"governors": governors} | changes
    )


@dataclass
class World:
    """`folder` holds each account's journal. Site i is `sites[i]`, in the order of Terms.sites."""

    rpc_url: str
    accounts: tuple[LocalAccount, ...]
    deployment: Deployment
    folder: Path
    enrolment_keys: dict[str, LocalAccount] = field(default_factory=dict)
    _chains: dict[str, Chain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sponsor, self.coordinator, self.carrier = self.accounts[1:4]
        self.reviewers = self.accounts[4:7]
        self.sites = sorted(self.accounts[7:12], key=lambda account: int(account.address, 16))
        self.governors = governors_of(self.accounts)

    def chain(self, account: LocalAccount | None = None) -> Chain:
        """A connection that writes as `account`; the carrier's by default."""
        who = account or self.carrier
        if who.address not in self._chains:
            journal = self.folder / f"{who.address}.db"
            self._chains[who.address] = Chain.connect(
                self.rpc_url, self.deployment, account=who, journal=journal
            )
        return self._chains[who.address]

    @property
    def now(self) -> int:
        """Chain time, seconds."""
        return self.chain().head().timestamp

    def pass_time(self, seconds: int) -> None:
        """Moves the chain's clock: only where that disturbs nobody else."""
        provider = self.chain().w3.provider
        provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
        provider.make_request("evm_mine", [])  # type: ignore[arg-type]

    def wait(self, seconds: int) -> None:
        """Until the clock of a node that others use too has gone on by itself; it follows ours."""
        w3 = self.chain().w3
        until = w3.eth.get_block("latest")["timestamp"] + seconds
        while w3.eth.get_block("latest")["timestamp"] < until:
            time.sleep(0.2)
            w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]

    def register_sites(self) -> None:
        for site in self.sites:
            key = self.enrolment_keys[site.address] = Account.create()
            secret = sha256(f"noise secret of {site.address}")
            self.chain(site).registry.register_site(key.address, secret)

    def terms(self, **changes: Any) -> Terms:
        return dataclasses.replace(
            Terms(
                protocol_hash=sha256("protocol"),
                consent_text_hash=sha256("consent texts"),
                dpia_hash=sha256("data protection impact assessment"),
                app_hash=sha256("app"),
                recipe_hash=sha256("recipe"),
                initial_checkpoint=sha256("initial checkpoint"),
                purposes=PURPOSES,
                disease=DISEASE,
                coordinator=self.coordinator.address,
                sites=tuple(site.address for site in self.sites),
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
            ),
            **changes,
        )

    def propose(self, **changes: Any) -> int:
        """Proposes a study with a committee of three, two of whom must approve; its number."""
        receipt = self.chain(self.sponsor).registry.propose_study(
            [reviewer.address for reviewer in self.reviewers], 2, self.terms(**changes)
        )
        return receipt.event(StudyProposed).study_id

    def propose_after_registering(self, **changes: Any) -> int:
        """As `propose`, with sites registered first (once)."""
        if not self.enrolment_keys:
            self.register_sites()
        return self.propose(**changes)

    def approve(self, study_id: int, version: int = 1, expires_at: int | None = None) -> None:
        """Two reviewers approve; for a year when no second is given."""
        registry = self.chain().registry
        until = self.now + YEAR if expires_at is None else expires_at
        approval = approval_for(study_id, version, registry.terms(study_id, version), until)
        for reviewer in self.reviewers[:2]:
            registry.approve(
                study_id,
                version,
                until,
                signer_of_account(reviewer.address),
                approval.sign(reviewer, registry.domain),
            )

    def approved_study(self, **changes: Any) -> int:
        """Sites registered (once), a study proposed and approved; its number."""
        study_id = self.propose_after_registering(**changes)
        self.approve(study_id)
        return study_id

    def enrol(self, study_id: int, site: LocalAccount, holder: str, record: str) -> Enrolment:
        return Enrolment(
            study_id=study_id,
            site=site.address,
            holder=holder,
            record_tag=sha256(f"tag of {record}"),
            record_commitment=sha256(f"commitment of {record} {holder}"),
            issued_at=self.now,
            deadline=self.now + 3600,
        )

    def grant_for(self, enrolment: Enrolment, **changes: Any) -> Grant:
        chain = self.chain()
        version = chain.registry.study(enrolment.study_id).current_version
        terms = chain.registry.terms(enrolment.study_id, version)
        return dataclasses.replace(
            Grant(
                study_id=enrolment.study_id,
                terms_hash=chain.registry.terms_hash(enrolment.study_id, version),
                site=enrolment.site,
                holder=enrolment.holder,
                purposes=PURPOSES,
                disease=DISEASE,
                use_start=0,
                use_end=self.now + YEAR,
                data_start=0,
                data_end=self.now + YEAR,
                record_commitment=enrolment.record_commitment,
                consent_text_hash=terms.consent_text_hash,
                language=language_tag("en"),
                revocation_counter=chain.consent.revocation_counter(enrolment.holder),
                deadline=self.now + 3600,
            ),
            **changes,
        )

    def carry_grant(self, grant: Grant, holder: LocalAccount, enrolment: Enrolment) -> Receipt:
        """Signs as holder and as the site's enrolment key; the carrier submits."""
        consent = self.chain().consent
        key = self.enrolment_keys[enrolment.site]
        return consent.grant_by_sig(
            grant,
            signer_of_account(holder.address),
            grant.sign(holder, consent.domain),
            enrolment_proof(enrolment, enrolment.sign(key, consent.domain)),
        )

    def give_consent(
        self,
        study_id: int,
        site: LocalAccount,
        holder: LocalAccount,
        record: str | None = None,
        **changes: Any,
    ) -> int:
        """One patient's consent; `changes` are to the grant. Returns the token id."""
        enrolment = self.enrol(study_id, site, holder.address, record or holder.address)
        receipt = self.carry_grant(self.grant_for(enrolment, **changes), holder, enrolment)
        return receipt.event(Granted).token_id

    def revoke(self, token_id: int, holder: LocalAccount) -> Receipt:
        consent = self.chain().consent
        signature = Revocation(token_id).sign(holder, consent.domain)
        return consent.revoke_by_sig(token_id, signer_of_account(holder.address), signature)

    def open_round(self, study_id: int) -> int:
        return self.chain(self.coordinator).ledger.open(study_id).event(Opened).round

    def commit(self, study_id: int, round_: int, site: LocalAccount) -> Commitment:
        """A site commits all of its live tokens as they are at the newest block."""
        chain = self.chain(site)
        head = chain.head()
        before = chain.ledger.commitment_of(study_id, round_, site.address)
        commitment = Commitment(
            attempt=before.attempt + 1,
            cohort_root=secrets.token_bytes(32),
            cohort_size=chain.consent.unburned_count(study_id, site.address, block=head.number),
            block_number=head.number,
            block_hash=head.hash,
            epoch=chain.consent.epoch(study_id, site.address, block=head.number),
            vector_hash=secrets.token_bytes(32),
            mask_key=fresh_mask_key(),
            environment_hash=sha256("environment"),
        )
        chain.ledger.commit(study_id, round_, commitment)
        return commitment

    def close(self, study_id: int, round_: int) -> Receipt:
        """Every member delivers and the coordinator closes."""
        ledger = self.chain(self.coordinator).ledger
        digest = ledger.round(study_id, round_).seal_digest
        by_address = {str(site.address): site for site in self.sites}
        hashes, signatures = [], []
        for member in ledger.members(study_id, round_):
            masked = sha256(f"masked vector of {member} in {round_}")
            hashes.append(masked)
            signatures.append(Delivery(digest, masked).sign(by_address[member], ledger.domain))
        checkpoint, manifest = sha256(f"checkpoint {round_}"), sha256(f"manifest {round_}")
        closure = Closure(digest, checkpoint, manifest).sign(self.coordinator, ledger.domain)
        return ledger.close(study_id, round_, checkpoint, manifest, hashes, signatures, closure)
