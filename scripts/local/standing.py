"""Bringing a lasting federation up, for the first time or again, each step done once."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from eth_account.signers.local import LocalAccount

from audit.times import moment
from chain.chain import Finality
from chain.messages import Purpose
from federation.app.learning.recipe import CLIP_NORM, ROUNDS, recommended_recipe
from federation.gate.flower_settings import CA_FILE, FlowerSettings
from federation.gate.private_files import write_private_file
from federation.planning.design import StudyDesign
from scripts.demo.texts import CONSENT_TEXTS, DPIA, PROTOCOL
from scripts.local.chains import (
    GAS_TO_ACT,
    GAS_TO_DEPLOY,
    fund,
    make_node,
    refuse_chain_behind,
    refuse_missing_data,
    require_funds,
)
from scripts.local.facts import ipfs_api, rpc_url, service_url
from scripts.local.federation import LocalFederation
from scripts.local.layout import Layout
from scripts.local.people import People, key_of
from scripts.local.running import LastingGroup
from scripts.local.settings import Settings
from scripts.steps import Steps
from stack.ports import HOST
from twin.log_linear import LogLinearModel

STEPS = 4
SPARE_ROUNDS = 2
_MIN_COHORT = 5


def bring_up(layout: Layout, settings: Settings, steps: Steps) -> int:
    """Starts everything and brings the study into force, unless it is; returns the study's number.

    What an earlier run did is found and not done again. All is left running when this returns, and
    nothing when it raises.

    Raises:
        stack.process.ProcessError, FlowerError, ChainError, StateRefused, AccountsUnfunded
    """
    with LastingGroup(layout) as group:
        key = settings.deployer_key
        federation = LocalFederation(
            layout,
            group,
            settings.sites,
            node=make_node(settings.chain, layout, settings.ports.get("chain")),
            ports=settings.ports,
            lasting=True,
            people=People.of(layout, Path(key) if key else None),
            finality=Finality(settings.confirmations),
        )
        with steps.step("The chain: start it, and see that nothing recorded is missing"):
            _start_chain(federation, settings, steps)
        with steps.step("IPFS, the SuperLink, the sites' SuperNodes and their fork server"):
            federation.services.start_rest(steps.line)
            federation.use_ipfs()
        with steps.step("Contracts, sites and study"):
            study_id = _bring_into_force(federation, settings, steps)
            federation.services.wait_until_connected()
            steps.line(f"{len(settings.sites)} SuperNodes are connected to the SuperLink")
            federation.services.wait_for_fork_server()
        with steps.step("The HTTP service, for patients' apps and reviewers"):
            _serve(federation, settings)
            steps.line(f"answers at {service_url(settings)}")
        chain = federation.connect()
        chain.rely_on(chain.head())
        group.check()
        group.leave_running()
    return study_id


def _serve(federation: LocalFederation, settings: Settings) -> None:
    layout = federation.layout
    fund(federation.node, [_service_key(layout).address])
    port = settings.ports["service"]
    values = {
        "RPC_URL": rpc_url(settings),
        "DEPLOYMENT": str(layout.deployment),
        "IPFS": ipfs_api(settings),
        "DATABASE_URL": f"sqlite:///{layout.service / 'service.db'}",
        "RELAYER_KEY": str(_service_key_file(layout)),
        "WEBHOOK_KEYS": str(_webhook_key_file(layout)),
        "BUNDLE_FOLDER": str(layout.service / "bundles"),
        "PUBLIC_URL": service_url(settings),
        "HOST": HOST,
        "PORT": str(port),
    }
    environment = {f"ASSENT_API_{name}": value for name, value in values.items()}
    federation.services.start_http_service(environment, f"http://{HOST}:{port}")


def _webhook_key_file(layout: Layout) -> Path:
    path = layout.people / "webhooks.key"
    if not path.exists():
        write_private_file(path, b"0x" + secrets.token_hex(32).encode() + b"\n")
    return path


def _service_key_file(layout: Layout) -> Path:
    # Not the relayer that commands use: an account has one journal of what it has sent.
    return layout.people / "service.key"


def _service_key(layout: Layout) -> LocalAccount:
    return key_of(_service_key_file(layout))


def design(site_count: int) -> StudyDesign:
    """Terms for so many sites: one may be missing and one collude where there are enough."""
    tolerated = 1 if site_count >= 4 else 0
    return StudyDesign(
        undertakings=Purpose.NOT_FOR_PROFIT,  # as protocol and consent texts say
        rounds=ROUNDS + SPARE_ROUNDS,
        clipping_norm=CLIP_NORM,
        min_cohort=_MIN_COHORT,
        min_sites=site_count - tolerated,
        tolerated_colluders=tolerated,
    )


def _start_chain(federation: LocalFederation, settings: Settings, steps: Steps) -> None:
    layout, node = federation.layout, federation.node
    refuse_missing_data(layout, settings.chain)
    federation.services.start_chain()
    node.wait_for_chain()
    refuse_chain_behind(layout, node.rpc_url)
    if not layout.deployment.exists():
        if settings.is_external:
            _require_funds(federation)
        steps.line("a chain without our contracts: they are deployed in a moment")
        return
    head = federation.connect().head()
    steps.line(f"the recorded chain, at block {head.number}; nothing that was relied on is missing")


def _bring_into_force(federation: LocalFederation, settings: Settings, steps: Steps) -> int:
    if not federation.layout.deployment.exists():
        federation.deploy()
        steps.line("contracts deployed; two of the reviewers' three keys name a successor, if any")
    accounts = [federation.make_site(name).public.account for name in settings.sites]
    steps.line(f"{len(accounts)} sites registered")
    study_id = federation.proposed()
    if study_id is None:
        documents = federation.make_documents(
            PROTOCOL, CONSENT_TEXTS, DPIA, recommended_recipe(LogLinearModel())
        )
        study_id = federation.propose(design(len(accounts)), documents, accounts)
    federation.tell(study_id)
    _tell_superlink(federation)
    registry = federation.connect().registry
    if registry.study(study_id).current_version == 0:
        federation.approve(study_id)
    study = registry.study(study_id)
    steps.line(
        f"study {study_id} is in force, version {study.current_version}, approved by its reviewers"
        f" until {moment(study.approved_until)}"
    )
    return study_id


def _tell_superlink(federation: LocalFederation) -> None:
    """The SuperLink's address and authority, for `assent site status` and `preflight`."""
    superlink = federation.superlink
    for name in federation.site_names:
        folder = federation.layout.site(name)
        shutil.copyfile(superlink.certificate.ca, folder / CA_FILE)
        FlowerSettings(superlink.address).save(folder)


def _require_funds(federation: LocalFederation) -> None:
    people = federation.people
    needed: dict[str, tuple[str, int]] = {
        people.sponsor.address: ("the deployer", GAS_TO_DEPLOY),
        people.coordinator.address: ("the coordinator", GAS_TO_ACT),
        people.relayer.address: ("who carries what others sign", GAS_TO_ACT),
        _service_key(federation.layout).address: ("the HTTP service", GAS_TO_ACT),
    }
    for name in federation.site_names:
        needed[federation.site_keys(name).public.account] = (name, GAS_TO_ACT)
    require_funds(federation.node.rpc_url, needed)
