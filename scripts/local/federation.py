"""Starting a federation on this machine and bringing a study into force on it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount

from audit.checkpoint import initial
from audit.checkpoint import write as write_checkpoint
from audit.recipe import Recipe
from chain.chain import Chain, Finality
from chain.deploy import deploy
from chain.deployment import Deployment
from chain.events import StudyProposed
from chain.messages import Approval, registry_domain
from chain.rpc import connect_node
from federation.app.coordinator import COORDINATOR_DIR, CoordinatorConfig
from federation.app.models import model_named
from federation.app.objects import ObjectStore
from federation.app.package import stage_app
from federation.gate.fork_server.fab import build_fab
from federation.gate.keys import SiteKeys
from federation.gate.records.store import RecordStore
from federation.gate.site import SITE_DIR, SiteConfig
from federation.study.design import StudyDesign
from federation.study.documents import StudyDocuments, consent_text_document
from scripts.local.layout import Layout
from scripts.local.people import fund, key_of
from stack.flower import SuperLink, SuperNode, Value
from stack.flower_run import FlowerRun, register, run_app
from stack.geth import GethNode
from stack.hardhat import HardhatNode
from stack.kubo import KuboDaemon
from stack.process import ManagedProcess, ProcessGroup

REVIEWERS = 3
THRESHOLD = 2

_CLIENTAPP = Path(__file__).resolve().parents[2] / "federation" / "gate" / "bin"


@dataclass(frozen=True)
class People:
    """Who acts in a local federation besides sites and patients."""

    sponsor: LocalAccount
    coordinator: LocalAccount
    relayer: LocalAccount
    reviewers: tuple[LocalAccount, ...]

    @property
    def addresses(self) -> list[str]:
        return [self.sponsor.address, self.coordinator.address, self.relayer.address]


class LocalFederation:
    """One chain node, one IPFS node, one SuperLink, a SuperNode a site, one shared fork server.

    Args:
        layout: where its folders are.
        group: what stops its processes.
        site_names: one word a site.
        chain_kind: "hardhat" (fresh each time) or "geth" (keeps everything).
    """

    def __init__(
        self,
        layout: Layout,
        group: ProcessGroup,
        site_names: Sequence[str],
        chain_kind: str = "hardhat",
    ) -> None:
        layout.make()
        self.layout, self.group = layout, group
        self.site_names = tuple(site_names)
        self.node: HardhatNode | GethNode = (
            GethNode(layout.chain, layout.log("chain"))
            if chain_kind == "geth"
            else HardhatNode(layout.log("chain"))
        )
        self.kubo = KuboDaemon(layout.ipfs, layout.log("ipfs"))
        self.superlink = SuperLink(
            layout.superlink,
            layout.log("superlink"),
            env={COORDINATOR_DIR: str(layout.coordinator)},
        )
        self.supernodes: dict[str, SuperNode] = {}
        self.people = People(
            key_of(layout.people / "sponsor.key"),
            key_of(layout.coordinator / "account.key"),
            key_of(layout.people / "relayer.key"),
            tuple(key_of(layout.people / f"reviewer-{n + 1}.key") for n in range(REVIEWERS)),
        )

    # -- processes ---------------------------------------------------------------------------

    def start_services(self) -> None:
        """Starts chain, IPFS, SuperLink, fork server and SuperNodes, and waits for all.

        Raises:
            stack.process.ProcessError: it names the log to read.
        """
        self.group.start(self.node, self.kubo, self.superlink)
        self.superlink.wait_for_api()
        self._start_supernodes()
        self.node.wait_for_chain()
        self.kubo.wait_for_api()
        self.store = ObjectStore(self.kubo.api)

    def _start_supernodes(self) -> None:
        for name in self.site_names:
            folder = self.layout.site(name)
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / "supernode").mkdir(mode=0o700, exist_ok=True)
            self.supernodes[name] = SuperNode(
                f"the SuperNode of {name}",
                folder / "supernode",
                self.layout.log(name),
                superlink=self.superlink.address,
                ca=self.superlink.certificate.ca,
                clientapp_folder=_CLIENTAPP,
                env={
                    SITE_DIR: str(folder),
                    "ASSENT_FORK_SERVER": str(self.layout.fork_server_socket),
                },
            )
        register(self.superlink, [node.keys.public for node in self.supernodes.values()])
        self.group.start(*self.supernodes.values())
        self.group.start(self._fork_server())
        for node in self.supernodes.values():
            node.wait_for_superlink()

    def _fork_server(self) -> ManagedProcess:
        argv = [sys.executable, "-m", "federation.gate.fork_server"]
        argv += ["--socket", str(self.layout.fork_server_socket)]
        for node in self.supernodes.values():
            argv += ["--supernode-pid", str(node.pid)]
        return ManagedProcess("the fork server", argv, self.layout.log("fork-server"))

    # -- chain and study ---------------------------------------------------------------------

    def deploy(self) -> Deployment:
        """Funds the actors, compiles and deploys the contracts."""
        fund(self.node, self.people.addresses)
        deployment = deploy(
            connect_node(self.node.rpc_url),
            self.people.sponsor,
            Finality(confirmations=0),
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
        )

    def carrier(self, name: str) -> LocalAccount:
        """An account that carries what one site's patients sign: anyone may."""
        account = key_of(self.layout.people / f"carrier-{name}.key")
        fund(self.node, [account.address])
        return account

    def make_site(self, name: str) -> SiteKeys:
        """Makes a site's keys and record store and registers it on chain."""
        folder = self.layout.site(name)
        keys = SiteKeys.create(folder / "keys")
        RecordStore.create(folder / "records.db").close()
        shutil.copyfile(self.layout.deployment, folder / "deployment.json")
        fund(self.node, [keys.public.account])
        chain = Chain.connect(
            self.node.rpc_url,
            Deployment.load(folder / "deployment.json"),
            account=keys.account,
            journal=folder / "transactions.db",
        )
        chain.registry.register_site(keys.public.enrolment_key, keys.noise_secret_hash)
        return keys

    def make_documents(
        self, protocol: bytes, consent_texts: Mapping[str, str], recipe: Recipe
    ) -> StudyDocuments:
        """Stages and builds the app, and pins everything that the terms will name."""
        model = model_named(recipe.model)
        stage_app(self.layout.app)
        fab, _ = build_fab(self.layout.app)
        checkpoint = initial(model.initial_prior(), model.prior_layout, model.name)
        documents = StudyDocuments(
            protocol=protocol,
            consent_text=consent_text_document(dict(consent_texts)),
            recipe=recipe,
            app=fab,
            checkpoint=write_checkpoint(checkpoint),
        )
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
        CoordinatorConfig(
            study_id, self.node.rpc_url, str(self.layout.deployment), self.kubo.api
        ).save(self.layout.coordinator)
        for name in self.site_names:
            SiteConfig(
                study_id=study_id,
                rpc_url=self.node.rpc_url,
                deployment="deployment.json",
                ipfs_api=self.kubo.api,
                reviewers=tuple(reviewers),
                threshold=THRESHOLD,
            ).save(self.layout.site(name))
        return study_id

    def approve(self, study_id: int, approvals: int = THRESHOLD) -> None:
        """The first reviewers sign the proposed terms; the relayer carries their signatures."""
        chain = self.connect(self.people.relayer, "relayer")
        version = chain.registry.study(study_id).proposed_version
        digest = chain.registry.terms_hash(study_id, version)
        domain = registry_domain(chain.deployment.chain_id, chain.deployment.registry)
        for reviewer in self.people.reviewers[:approvals]:
            signature = Approval(study_id, version, digest).sign(reviewer, domain)
            signer = bytes.fromhex(reviewer.address[2:])
            chain.registry.approve(study_id, version, signer, signature)

    def run_rounds(self, log_name: str, **run_config: Value) -> FlowerRun:
        """Runs the staged app with a run configuration; see `federation/app/server.py`."""
        settings = {name.replace("_", "-"): value for name, value in run_config.items()}
        return run_app(
            self.layout.app, self.superlink, self.layout.log(log_name), run_config=settings
        )
