"""Sites and a coordinator on a real chain and a real IPFS node, without Flower's processes.

Each site runs its `SiteRound` in a thread, as its ClientApp would in a process, and the real
`RoundDriver` takes what they deliver. Flower itself is in tests/e2e.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from audit.recipe import Recipe
from chain.chain import Chain
from chain.events import Granted, Opened
from chain.grants import NO_END, draft_grant
from chain.messages import (
    Challenge,
    Commitment,
    Purpose,
    Readmission,
    Resumption,
    Revocation,
    Rollback,
    RoundState,
    Suspension,
    Terms,
    consent_domain,
    enrolment_proof,
    signer_of_account,
)
from federation.app.chain_facts import issue_time
from federation.app.coordinator import Coordinator, MaskedDelivery
from federation.app.inbox import Replies
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from federation.app.reply import WithheldCode
from federation.app.round_driver import Pacing, RoundDriver
from federation.app.site_round import SiteRound, Withheld
from federation.gate.keys import SiteKeys
from federation.gate.records.datasets.pbcseq import PbcSite, read_pbcseq, split_sites
from federation.gate.records.datasets.pbcseq_files import write_fhir
from federation.gate.records.fhir import load_fhir
from federation.gate.records.store import RecordStore
from federation.gate.site import Site, SiteConfig
from federation.planning.design import StudyDesign
from scripts.local.federation import LocalFederation
from scripts.local.layout import Layout
from stack import rpc
from stack.process import ProcessGroup
from twin.log_linear import LogLinearModel

TRAINING = Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.TRAINING
DAY = 86_400

DESIGN = StudyDesign(
    clipping_norm=CLIP_NORM,
    rounds=12,
    min_cohort=2,
    min_sites=3,
    tolerated_colluders=1,
    commit_seconds=300,
    waiting_rounds=0,  # patients come back at once, and sealed rounds are aborted for many reasons
    max_charged_aborts=100,
)


class ChainAndIpfs(LocalFederation):
    """A local federation whose Flower stays off."""

    def start_services(self) -> None:
        self.services.start_chain()
        self.group.start(self.services.kubo)
        self.node.wait_for_chain()
        self.services.kubo.wait_for_api()
        self.use_ipfs()


@dataclass(frozen=True)
class Holder:
    """A patient who granted: their key, their record and their token."""

    site: str
    record_id: str
    account: LocalAccount
    token_id: int


@dataclass
class SmallFederation:
    """Three sites with a few pbcseq patients each, and a study in force.

    Attributes:
        holders: those who granted, by site name.
    """

    local: LocalFederation
    study_id: int
    keys: dict[str, SiteKeys]
    chain: Chain
    holders: dict[str, list[Holder]] = field(default_factory=dict)

    # -- patients ----------------------------------------------------------------------------

    def grant(
        self,
        site: str,
        record_id: str,
        *,
        purposes: int = int(TRAINING),
        disease: int = DESIGN.disease,
        use_start: int = 0,
        use_seconds: int = 365 * DAY,
        data_start: int = 0,
        data_end: int = NO_END,
    ) -> Holder:
        """One patient grants with a fresh address."""
        account: LocalAccount = Account.create()
        deployment = self.chain.deployment
        domain = consent_domain(deployment.chain_id, deployment.consent_token)
        now = self.chain.head().timestamp
        enrolment, enrolment_signature = self.keys[site].enrol(
            record_id,
            account.address,
            self.study_id,
            issue_time(self.chain),
            now + DAY,
            domain,
        )
        grant = draft_grant(
            self.chain,
            enrolment,
            purposes=purposes,
            disease=disease,
            use_start=use_start,
            use_end=max(now, use_start) + use_seconds,
            deadline=now + DAY,
            data_start=data_start,
            data_end=data_end,
        )
        receipt = self.chain.consent.grant_by_sig(
            grant,
            bytes.fromhex(account.address[2:]),
            grant.sign(account, domain),
            enrolment_proof(enrolment, enrolment_signature),
        )
        holder = Holder(site, record_id, account, receipt.event(Granted).token_id)
        self.holders.setdefault(site, []).append(holder)
        return holder

    def revoke(self, holder: Holder) -> None:
        """The holder signs, the relayer carries; and a second passes, so that they may come back.

        The record's next enrolment has to be later.
        """
        deployment = self.chain.deployment
        domain = consent_domain(deployment.chain_id, deployment.consent_token)
        signature = Revocation(holder.token_id).sign(holder.account, domain)
        signer = bytes.fromhex(holder.account.address[2:])
        self.chain.consent.revoke_by_sig(holder.token_id, signer, signature)
        self.advance(1)

    def silent_record(self, site: str) -> str:
        """A record of the site whose patient holds no live token."""
        with RecordStore.open(self.folder(site) / "records.db") as store:
            ids = store.record_ids()
        live = {
            holder.record_id
            for holder in self.holders[site]
            if not self.chain.consent.consent(holder.token_id).revoked_at
        }
        return next(record_id for record_id in ids if record_id not in live)

    # -- rounds ------------------------------------------------------------------------------

    def folder(self, site: str) -> Path:
        return self.local.layout.site(site)

    def coordinator(self) -> Coordinator:
        return Coordinator(self.local.layout.coordinator)

    def open_round(self) -> int:
        """Opens the next round as the coordinator."""
        receipt = self.coordinator().chain.ledger.open(self.study_id)
        return receipt.event(Opened).round

    def take_part(self, site: str, number: int) -> tuple[bytes, bytes]:
        """One site's part of a round, in this thread."""
        return SiteRound(Site(self.folder(site)), self.study_id, number).run()

    @contextmanager
    def sites_at(
        self, number: int, sites: tuple[str, ...] | None = None
    ) -> Iterator[dict[str, Future[tuple[bytes, bytes]]]]:
        """Runs sites in threads; yields what each will deliver."""
        taking_part = sites or tuple(self.keys)
        with ThreadPoolExecutor(len(taking_part)) as pool:
            yield {site: pool.submit(self.take_part, site, number) for site in taking_part}

    def drive(
        self,
        number: int,
        parts: Mapping[str, Future[tuple[bytes, bytes]]],
        pacing: Pacing | None = None,
        tamper: Callable[[MaskedDelivery], MaskedDelivery] = lambda delivery: delivery,
    ) -> bytes:
        """The coordinator's side until the round is closed or aborted."""
        told: set[str] = set()

        def replies() -> tuple[list[MaskedDelivery], list[tuple[str, WithheldCode]], bool]:
            deliveries, silent = [], []
            for site, part in parts.items():
                if site in told or not part.done():
                    continue
                told.add(site)
                error = part.exception()
                if error is None:
                    deliveries.append(tamper(MaskedDelivery(*part.result())))
                else:
                    code = error.code if isinstance(error, Withheld) else WithheldCode.FAILED
                    silent.append((self.keys[site].public.account, code))
            return deliveries, silent, len(told) == len(parts)

        return self.driver(number, replies, pacing=pacing or Pacing()).run()

    def driver(self, number: int, replies: Replies, **settings: Any) -> RoundDriver:
        """The coordinator's driver of a round that is open."""
        given = {"recipe": self.recipe()} | settings
        return RoundDriver(
            self.coordinator(), self.terms, round_number=number, replies=replies, **given
        )

    @property
    def terms(self) -> Terms:
        """Those in force."""
        registry = self.chain.registry
        return registry.terms(self.study_id, registry.study(self.study_id).current_version)

    def commitments(self, number: int) -> dict[str, Commitment]:
        """Each site's commitment to a round, by site; attempt 0 for none."""
        return {
            site: self.chain.ledger.commitment_of(self.study_id, number, keys.public.account)
            for site, keys in self.keys.items()
        }

    def until_committed(self, number: int, sites: tuple[str, ...] = ()) -> None:
        """Waits for these sites' commitments, all sites' by default."""
        wanted = sites or tuple(self.keys)
        until(lambda: all(self.commitments(number)[site].attempt for site in wanted))

    def state(self, number: int) -> RoundState:
        return self.chain.ledger.round(self.study_id, number).state

    # -- reviewers and time ------------------------------------------------------------------

    def suspend(self) -> None:
        """Any one reviewer may."""
        registry, reviewer = self.chain.registry, self.local.people.reviewers[2]
        suspensions = registry.study(self.study_id).suspensions
        signature = Suspension(self.study_id, suspensions).sign(reviewer, registry.domain)
        registry.suspend_by_sig(self.study_id, signer_of_account(reviewer.address), signature)

    def resume(self) -> None:
        """It takes a quorum."""
        registry, reviewers = self.chain.registry, self.local.people.reviewers[:2]
        act = Resumption(self.study_id, registry.study(self.study_id).suspensions)
        signers = [signer_of_account(reviewer.address) for reviewer in reviewers]
        signatures = [act.sign(reviewer, registry.domain) for reviewer in reviewers]
        registry.resume(self.study_id, signers, signatures)

    def challenge(self, site: str, number: int, holder: Holder | None = None) -> None:
        """A reviewer asks for a replay of a round, or a patient for the receipt of their token."""
        ledger, account = self.chain.ledger, self.keys[site].public.account
        asker = holder.account if holder else self.local.people.reviewers[0]
        token_id = holder.token_id if holder else 0
        signer = signer_of_account(asker.address)
        signature = Challenge(self.study_id, number, account, token_id).sign(asker, ledger.domain)
        ledger.challenge(self.study_id, number, account, token_id, signer, signature)

    def readmit(self, site: str) -> None:
        """Any one reviewer may."""
        ledger, reviewer = self.chain.ledger, self.local.people.reviewers[2]
        account = self.keys[site].public.account
        act = Readmission(self.study_id, account, ledger.times_barred(self.study_id, account))
        signer = signer_of_account(reviewer.address)
        ledger.readmit(self.study_id, account, signer, act.sign(reviewer, ledger.domain))

    def roll_back(self, to_round: int) -> None:
        """It takes a quorum."""
        ledger, reviewers = self.chain.ledger, self.local.people.reviewers[:2]
        act = Rollback(self.study_id, to_round, ledger.rollbacks(self.study_id))
        signers = [signer_of_account(reviewer.address) for reviewer in reviewers]
        signatures = [act.sign(reviewer, ledger.domain) for reviewer in reviewers]
        ledger.roll_back(self.study_id, to_round, signers, signatures)

    def change_terms(self, **changes: object) -> None:
        """A new version, proposed and approved."""
        sponsor = self.local.connect(self.local.people.sponsor, "sponsor")
        sponsor.registry.propose_version(self.study_id, replace(self.terms, **changes))
        self.local.approve(self.study_id)

    def advance(self, seconds: int) -> None:
        """Chain time goes forward."""
        node = self.local.node.rpc_url
        rpc.call(node, "evm_increaseTime", seconds)
        rpc.call(node, "evm_mine")

    # -- rounds, whole -----------------------------------------------------------------------

    def run_round(self, sites: tuple[str, ...] | None = None, pacing: Pacing | None = None) -> int:
        """A whole round; gives its number."""
        number = self.open_round()
        with self.sites_at(number, sites) as parts:
            self.drive(number, parts, pacing)
        return number

    @staticmethod
    def recipe() -> Recipe:
        return recommended_recipe(LogLinearModel())


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits for something to become true; fails when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def some_sites(patients: int, sites: int = 3) -> list[PbcSite]:
    """The first few patients of the first few pbcseq sites."""
    return [
        replace(site, patients=site.patients[:patients])
        for site in split_sites(read_pbcseq())[:sites]
    ]


@contextmanager
def small_federation(
    folder: Path,
    *,
    patients: int = 6,
    granting: int = 4,
    design: StudyDesign = DESIGN,
    site_count: int = 3,
    kind: type[LocalFederation] = ChainAndIpfs,
) -> Iterator[SmallFederation]:
    """Starts it; `granting` of each site's `patients` grant training. `kind` is what runs."""
    sites = some_sites(patients, site_count)
    with ProcessGroup() as group:
        local = kind(Layout(folder / "state"), group, [site.name for site in sites])
        local.start_services()
        local.deploy()
        keys = {site.name: local.make_site(site.name) for site in sites}
        for site in sites:
            export = local.layout.site(site.name) / "export"
            write_fhir(site, export)
            with RecordStore.open(local.layout.site(site.name) / "records.db") as store:
                assert load_fhir(store, export).rejected == 0
            shutil.rmtree(export)
        documents = local.make_documents(
            b"a protocol", {"en": "I agree."}, b"a DPIA", SmallFederation.recipe()
        )
        study_id = local.propose(design, documents, [key.public.account for key in keys.values()])
        local.approve(study_id)
        for site in sites:  # tests of many rounds; those of the ceiling set their own
            at = local.layout.site(site.name)
            replace(SiteConfig.load(at), record_rho_ceiling=10**24).save(at)
        chain = local.connect(local.people.relayer, "relayer")
        federation = SmallFederation(local, study_id, keys, chain)
        for site in sites:
            for patient in site.patients[:granting]:
                federation.grant(site.name, patient.record_id)
        yield federation
