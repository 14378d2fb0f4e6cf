"""Starting a federation on this machine and bringing a study into force on it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress

from eth_account.signers.local import LocalAccount

from audit.recipe import Recipe
from chain.chain import Chain, Finality
from chain.deploy import deploy
from chain.deployment import Deployment
from chain.errors import RegistryApprovalNotLater
from chain.events import StudyProposed
from chain.messages import approval_for, signer_of_account
from chain.rpc import connect_node
from chain.signed_act import SignedAct
from federation.app.coordinator import CoordinatorConfig
from federation.app.package import stage_app
from federation.gate.fork_server.fab import build_fab
from federation.gate.keys import SiteKeys
from federation.gate.records.store import RecordStore
from federation.gate.site import SiteConfig
from federation.planning.design import StudyDesign
from federation.planning.proposing import make_documents
from ipfs.objects import ObjectStore
from scripts.local.chains import Node, fund, make_node
from scripts.local.layout import Layout
from scripts.local.people import THRESHOLD, People, key_of
from scripts.local.services import Services
from stack.flower import SuperLink, Value
from stack.flower_run import FlowerRun, run_app
from stack.kubo import KuboDaemon
from stack.process import ProcessGroup
from study.approving import expiry
from study.documents import StudyDocuments


class LocalFederation:
    """A chain, IPFS, Flower and the people and sites that use them.

    Args:
        layout: where its folders are.
        group: what stops its processes.
        site_names: one word a site.
        node: the chain's node; a fresh Hardhat node when None.
        ports: kept ports, see `Services`.
        lasting: keep everything between runs.
        people: keys from elsewhere; those in `layout` when None.
        finality: of the chain, when contracts are deployed.
    """

    def __init__(
        self,
        layout: Layout,
        group: ProcessGroup,
        site_names: Sequence[str],
        *,
        node: Node | None = None,
        ports: Mapping[str, int] | None = None,
        lasting: bool = False,
        people: People | None = None,
        finality: Finality | None = None,
    ) -> None:
        layout.make()
        self.layout, self.group = layout, group
        self.site_names = tuple(site_names)
        self.node: Node = node or make_node("hardhat", layout)
        self.services = Services(layout, group, site_names, self.node, ports, lasting)
        self.people = people or People.of(layout)
        self._finality = finality or Finality(confirmations=0)
        self.store: ObjectStore

    @property
    def superlink(self) -> SuperLink:
        return self.services.superlink

    @property
    def kubo(self) -> KuboDaemon:
        return self.services.kubo

    # -- processes ---------------------------------------------------------------------------

    def start_services(self) -> None:
        """Starts chain, IPFS, SuperLink, fork server and SuperNodes, and waits for all.

        Raises:
            stack.process.ProcessError: it names the log to read.
        """
        self.services.start_chain()
        self.services.start_rest()
        self.services.wait_until_connected()
        self.node.wait_for_chain()
        self.use_ipfs()

    def use_ipfs(self) -> None:
        """Opens the object store, once IPFS runs."""
        self.store = ObjectStore(self.services.kubo.api)

    # -- chain and study ---------------------------------------------------------------------

    def deploy(self) -> Deployment:
        """Funds the actors, compiles and deploys the contracts.

        The reviewers' keys also govern the deployment, as many of them as approve a study: in a
        hospital network these would be other people.
        """
        fund(self.node, self.people.addresses)
        deployment = deploy(
            connect_node(self.node.rpc_url),
            self.people.sponsor,
            self._finality,
            governors=[signer_of_account(one.address) for one in self.people.reviewers],
            governor_threshold=THRESHOLD,
            journal=self.layout.people / "sponsor.db",
        )
        deployment.save(self.layout.deployment)
        return deployment

    def connect(self, account: LocalAccount | None = None, name: str = "") -> Chain:
        """The chain as one actor sees it; `name` distinguishes actors' transaction journals."""
        return Chain.connect(
            self.node.rpc_url,
            Deployment.load(self.layout.deployment),
            account=account,
            journal=self.layout.people / f"{name}.db" if account else None,
            high_water=self.layout.high_water,
        )

    def carrier(self, name: str) -> LocalAccount:
        """An account that carries what one site's patients sign: anyone may."""
        account = key_of(self.layout.people / f"carrier-{name}.key")
        fund(self.node, [account.address])
        return account

    def site_keys(self, name: str) -> SiteKeys:
        """A site's keys and record store, made at the first call."""
        folder = self.layout.site(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        there = (folder / "keys").exists()
        keys = SiteKeys.open(folder / "keys") if there else SiteKeys.create(folder / "keys")
        RecordStore.create(folder / "records.db").close()
        return keys

    def make_site(self, name: str) -> SiteKeys:
        """Makes a site's keys and record store and registers it on chain, unless that is done."""
        folder, keys = self.layout.site(name), self.site_keys(name)
        shutil.copyfile(self.layout.deployment, folder / "deployment.json")
        fund(self.node, [keys.public.account])
        chain = Chain.connect(
            self.node.rpc_url,
            Deployment.load(folder / "deployment.json"),
            account=keys.account,
            journal=folder / "transactions.db",
            high_water=folder / "high-water.db",
        )
        if not chain.registry.site(keys.public.account).registered_at:
            chain.registry.register_site(keys.public.enrolment_key, keys.noise_secret_hash)
        return keys

    def make_documents(
        self, protocol: bytes, consent_texts: Mapping[str, str], dpia: bytes, recipe: Recipe
    ) -> StudyDocuments:
        """Stages and builds the app, and pins everything that the terms will name."""
        # What an earlier, interrupted attempt staged must not be in the app that is approved.
        shutil.rmtree(self.layout.app, ignore_errors=True)
        stage_app(self.layout.app)
        fab, _ = build_fab(self.layout.app)
        documents = make_documents(protocol, consent_texts, dpia, recipe, fab)
        documents.publish(self.store)
        return documents

    def propose(
        self, design: StudyDesign, documents: StudyDocuments, site_accounts: Sequence[str]
    ) -> int:
        """Proposes the study and tells coordinator and sites about it; gives its id."""
        terms = design.terms(
            documents, self.people.coordinator.address, site_accounts, documents.recipe.size
        )
        reviewers = [reviewer.address for reviewer in self.people.reviewers]
        chain = self.connect(self.people.sponsor, "sponsor")
        receipt = chain.registry.propose_study(reviewers, THRESHOLD, terms)
        study_id = receipt.event(StudyProposed).study_id
        self.tell(study_id)
        return study_id

    def proposed(self) -> int | None:
        """The first study that our sponsor proposed; None when there is none yet."""
        registry = self.connect().registry
        for study_id in range(1, registry.study_count() + 1):
            if registry.study(study_id).sponsor == self.people.sponsor.address:
                return study_id
        return None

    def tell(self, study_id: int) -> None:
        """Writes the settings of coordinator and sites; what is there already stays."""
        if not (self.layout.coordinator / "coordinator.json").exists():
            CoordinatorConfig(
                study_id, self.node.rpc_url, str(self.layout.deployment), self.services.kubo.api
            ).save(self.layout.coordinator)
        for name in self.site_names:
            if (self.layout.site(name) / "site.json").exists():
                continue
            SiteConfig(
                study_id=study_id,
                rpc_url=self.node.rpc_url,
                deployment="deployment.json",
                ipfs_api=self.services.kubo.api,
                reviewers=tuple(one.address for one in self.people.reviewers),
                threshold=THRESHOLD,
            ).save(self.layout.site(name))

    def approve(self, study_id: int, approvals: int = THRESHOLD) -> int:
        """The first reviewers sign the newest terms; the relayer carries their signatures.

        Each approves for a year less a day; who has approved already until then or later does not
        again. Gives the first second at which the approvals no longer hold.
        """
        chain = self.connect(self.people.relayer, "relayer")
        version = chain.registry.study(study_id).proposed_version
        terms = chain.registry.terms(study_id, version)
        until = expiry(None, chain.head().timestamp)
        message = approval_for(study_id, version, terms, until)
        for reviewer in self.people.reviewers[:approvals]:
            with suppress(RegistryApprovalNotLater):
                SignedAct.sign(message, chain.registry.domain, reviewer).carry(chain)
        return until

    def run_rounds(self, log_name: str, **run_config: Value) -> FlowerRun:
        """Runs the staged app with a run configuration; see `federation/app/server.py`."""
        settings = {name.replace("_", "-"): value for name, value in run_config.items()}
        return run_app(
            self.layout.app, self.superlink, self.layout.log(log_name), run_config=settings
        )
