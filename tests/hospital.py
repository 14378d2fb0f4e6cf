"""A hospital's side of a study: real services around it, its folder, and its commands.

Commands run through `scripts.main.call`, the body of the `assent` program, in this process.
"""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.chain import Chain
from chain.deployment import Deployment
from chain.grants import draft_grant
from chain.messages import enrolment_proof, signer_of_account
from ipfs.objects import ObjectStore
from scripts.main import call
from stack import rpc
from stack.flower import SuperLink
from stack.flower_run import register
from stack.hardhat import HardhatNode
from stack.kubo import KuboDaemon
from stack.process import ProcessGroup
from study.enrolment_file import EnrolmentFile
from tests.world import PURPOSES, YEAR, World

RECIPE = b'{"schema":"a recipe that sites can find on IPFS"}'


@dataclass
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Everything it said, without line breaks of its layout."""
        return " ".join((self.out + " " + self.err).split())

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def assent(*arguments: object) -> Answer:
    """Run one `assent` command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = call([str(argument) for argument in arguments])
    return Answer(code, out.getvalue(), err.getvalue())


@dataclass
class Services:
    """An IPFS node and a SuperLink."""

    kubo: KuboDaemon
    superlink: SuperLink


@contextlib.contextmanager
def running_services(folder: Path) -> Iterator[Services]:
    kubo = KuboDaemon(folder / "ipfs", folder / "ipfs.log")
    superlink = SuperLink(folder / "superlink", folder / "superlink.log")
    (folder / "superlink").mkdir(exist_ok=True)
    with ProcessGroup() as group:
        group.start(kubo, superlink)
        kubo.wait_for_api()
        superlink.wait_for_api()
        with ObjectStore(kubo.api) as store:
            store.put(RECIPE)
        yield Services(kubo, superlink)


@dataclass
class Hospital:
    """One site of a study of two more; `folder` is its site folder, made by `assent site init`."""

    world: World
    services: Services
    folder: Path
    deployment_file: Path
    study_id: int = 0
    holders: list[LocalAccount] = field(default_factory=list)

    @classmethod
    def make(cls, world: World, services: Services, place: Path) -> "Hospital":
        """A folder with keys, whose account has ether; nothing is registered."""
        deployment_file = place / "deployment.json"
        world.deployment.save(deployment_file)
        made = cls(world, services, place / "site", deployment_file)
        assert assent("site", "init", made.folder).code == 0
        made.fund()
        return made

    @property
    def account(self) -> str:
        return str(assent("site", "keys", self.folder, "--json").json["account"])

    @property
    def chain(self) -> Chain:
        return self.world.chain()

    def fund(self) -> None:
        payment = {
            "from": self.world.accounts[0].address,
            "to": self.account,
            "value": hex(10 * 10**18),
        }
        rpc.call(self.world.rpc_url, "eth_sendTransaction", payment)

    def register(self) -> Answer:
        return assent(
            *("site", "keys", self.folder, "--register"),
            *("--deployment", self.deployment_file, "--rpc", self.world.rpc_url),
        )

    def approve_study(self, **changes: Any) -> int:
        """A study with this site among its sites, in force."""
        if not self.world.enrolment_keys:
            self.world.register_sites()
        sites = sorted(
            [self.account, *(site.address for site in self.world.sites[:2])],
            key=lambda site: int(site, 16),
        )
        terms = {"min_cohort": 2, "recipe_hash": hashlib.sha256(RECIPE).digest()} | changes
        self.study_id = self.world.propose(**({"sites": tuple(sites)} | terms))
        self.world.approve(self.study_id)
        return self.study_id

    def join(self, **changes: object) -> Answer:
        """`assent site join`; a change of None leaves an option out."""
        options: dict[str, object] = {
            "study": self.study_id,
            "deployment": self.deployment_file,
            "rpc": self.world.rpc_url,
            "ipfs": self.services.kubo.api,
            "superlink": self.services.superlink.address,
            "ca": self.services.superlink.certificate.ca,
            "threshold": 2,
        }
        options |= changes
        reviewers = options.pop("reviewers", [one.address for one in self.world.reviewers])
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        for reviewer in reviewers:  # type: ignore[attr-defined]
            flags += ["--reviewer", reviewer]
        return assent("site", "join", self.folder, *flags)

    def load(self, patients: int = 4) -> Answer:
        export = self.folder.parent / "export"
        write_export(export, patients)
        return assent("site", "load", self.folder, export)

    def consent(self, record_id: str) -> int:
        """A patient gets an enrolment by command and grants with it; the token's id."""
        holder = Account.create()
        path = self.folder.parent / f"{holder.address}.json"
        done = assent(
            *("site", "enrol", self.folder, record_id),
            *("--holder", holder.address, "--out", path),
        )
        assert done.code == 0, done
        file = EnrolmentFile.load(path)
        grant = draft_grant(
            self.chain,
            file.enrolment,
            purposes=PURPOSES,
            disease=self.chain.registry.study(self.study_id).disease,
            use_start=0,
            use_end=self.world.now + YEAR,
            deadline=self.world.now + 3600,
        )
        consent = self.chain.consent
        signature = grant.sign(holder, consent.domain)
        proof = enrolment_proof(file.enrolment, file.signature)
        consent.grant_by_sig(grant, signer_of_account(holder.address), signature, proof)
        self.holders.append(holder)
        return consent.live_token_of(self.study_id, self.account, file.enrolment.record_tag)

    def admit_to_superlink(self) -> None:
        register(self.services.superlink, [self.folder / "supernode" / "keys" / "supernode.pub"])

    @classmethod
    def ready(cls, world: World, services: Services, place: Path) -> "Hospital":
        """Registered, joined, with four records and two consents: a round could begin."""
        made = cls.make(world, services, place)
        assert made.register().code == 0
        made.approve_study()
        joined = made.join()
        assert joined.code == 0, joined
        assert made.load().code == 0
        made.consent("p1")
        made.consent("p2")
        return made


def write_export(folder: Path, patients: int) -> None:
    """A FHIR Bulk Data export: that many patients, three bilirubin results each."""
    folder.mkdir(exist_ok=True)
    people = [{"resourceType": "Patient", "id": f"p{n + 1}"} for n in range(patients)]
    results = [
        {
            "resourceType": "Observation",
            "id": f"p{n + 1}-o{k}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "1975-2"}]},
            "subject": {"reference": f"Patient/p{n + 1}"},
            "effectiveDateTime": f"2020-0{k + 1}-01",
            "valueQuantity": {
                "value": 17.1 + n + k,
                "system": "http://unitsofmeasure.org",
                "code": "umol/L",
            },
        }
        for n in range(patients)
        for k in range(3)
    ]
    for name, resources in (("Patient", people), ("Observation", results)):
        lines = [json.dumps(resource) for resource in resources]
        (folder / f"{name}.ndjson").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Shared by all tests of a folder that imports it."""
    with running_services(tmp_path_factory.mktemp("services")) as running:
        yield running


@pytest.fixture(scope="session")
def site_world(hardhat: HardhatNode, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One deployment for all tests of hospitals: each has a folder and a study of its own."""
    from tests.conftest import _deployed

    deployment: Deployment = _deployed(hardhat)
    return World(hardhat.rpc_url, hardhat.accounts, deployment, tmp_path_factory.mktemp("world"))


__all__ = ["Answer", "Hospital", "Services", "assent", "services", "site_world", "write_export"]
