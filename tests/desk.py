"""People at their desks: key files, settings, and the `assent` command, on a real chain and IPFS.

Commands run through `scripts.main.call`, as the program's entry point does, but in this process.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from eth_account.signers.local import LocalAccount

from federation.gate.private_files import write_private_file
from ipfs.objects import ObjectStore
from scripts.main import call
from stack.hardhat import HardhatNode
from stack.kubo import KuboDaemon
from study.enrolment_file import EnrolmentFile
from tests.audit.real_study import RealStudy
from tests.world import World, deployed


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Everything it said, without line breaks of its layout."""
        return " ".join((self.out + " " + self.err).split())


@dataclass
class Desk:
    """`folder` holds key files and is where commands run; `world` is the chain with its people."""

    folder: Path
    world: World
    ipfs: str

    def __post_init__(self) -> None:
        self.deployment = self.folder / "deployment.json"
        self.world.deployment.save(self.deployment)
        people = {"sponsor": self.world.sponsor, "carrier": self.world.carrier}
        people |= {f"reviewer-{n + 1}": one for n, one in enumerate(self.world.reviewers)}
        for name, account in people.items():
            self.write_key(name, account)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ASSENT_RPC": self.world.rpc_url,
            "ASSENT_DEPLOYMENT": str(self.deployment),
            "ASSENT_IPFS": self.ipfs,
        }

    def write_key(self, name: str, account: LocalAccount) -> Path:
        path = self.folder / f"{name}.key"
        write_private_file(path, b"0x" + bytes(account.key).hex().encode() + b"\n")
        return path

    def assent(self, line: str, *, env: Mapping[str, str] | None = None, typed: str = "") -> Answer:
        """Runs one command line, without the program's name; paths are relative to the folder.

        `typed` is what the user types when asked.
        """
        out, err = io.StringIO(), io.StringIO()
        with (
            _surroundings(self.folder, {**self.environment, **(env or {})}),
            redirect_stdout(out),
            redirect_stderr(err),
            _typing(typed),
        ):
            code = call(shlex.split(line))
        return Answer(code, out.getvalue(), err.getvalue())

    def must(self, line: str) -> Answer:
        """As `assent`, of a command that has to succeed."""
        answer = self.assent(line)
        assert answer.code == 0, f"assent {line}\n{answer.out}\n{answer.err}"
        return answer

    def write_plan(self, name: str = "plan.yaml", **changes: Any) -> Path:
        """A plan for the world's people that can be proposed; `changes` replace members.

        A changed `design` keeps the disease, unless it names another.
        """
        (self.folder / "protocol.md").write_text("# Protocol\n\nLearn a prior.\n")
        (self.folder / "dpia.md").write_text("# Impact assessment\n\nWhat can go wrong.\n")
        (self.folder / "consent.en.txt").write_text("I allow this study. I can revoke.\n")
        (self.folder / "consent.de.txt").write_text("Ich erlaube diese Studie.\n")
        plan: dict[str, Any] = {
            "format": "assent-plan-1",
            "protocol": "protocol.md",
            "consent_texts": {"en": "consent.en.txt", "de": "consent.de.txt"},
            "dpia": "dpia.md",
            "coordinator": self.world.coordinator.address,
            "sites": [site.address for site in self.world.sites],
            "committee": {
                "reviewers": [reviewer.address for reviewer in self.world.reviewers],
                "threshold": 2,
            },
        }
        plan |= changes
        plan["design"] = _given({"disease": "MONDO:0005388"} | plan.get("design", {}))
        plan = _given(plan)
        path = self.folder / name
        path.write_text(yaml.safe_dump(plan))
        return path

    def proposed(self, **changes: Any) -> int:
        """A study that was proposed by command; its number."""
        self.write_plan(**changes)
        return int(self.must("study propose plan.yaml --key sponsor.key --json").json["study"])

    def approved(self, **changes: Any) -> int:
        """A study that two reviewers have approved by command."""
        study = self.proposed(**changes)
        for number in (1, 2):
            self.must(f"irb approve {study} --key reviewer-{number}.key --no-compare-app --yes")
        return study

    def patient(self, name: str) -> str:
        """A fresh patient's key file; its address."""
        (self.folder / f"{name}.key").unlink(missing_ok=True)
        return str(self.must(f"patient key {name}.key --json").json["address"])

    def write_enrolment(self, study: int, holder: str, name: str, site: int = 0) -> Path:
        """What a site gives to a patient."""
        world = self.world
        account = world.sites[site]
        enrolment = world.enrol(study, account, holder, name)
        domain = world.chain().consent.domain
        signature = enrolment.sign(world.enrolment_keys[account.address], domain)
        path = self.folder / f"{name}.enrolment.json"
        path.unlink(missing_ok=True)
        EnrolmentFile(domain.chain_id, domain.contract, enrolment, signature).save(path)
        return path

    def granted(self, study: int, name: str, *options: str) -> int:
        """A patient who has consented by command; the token."""
        self.write_enrolment(study, self.patient(name), name)
        line = f"patient grant {name}.enrolment.json --key {name}.key --carrier-key carrier.key"
        return int(self.must(" ".join([line, *options, "--yes --json"])).json["token"])

    def real_study(self, **changes: Any) -> RealStudy:
        """A study whose rounds can be run without learning; `publish` what it makes."""
        study = RealStudy(self.world, changes)
        self.publish(study)
        return study

    def publish(self, study: RealStudy) -> None:
        with ObjectStore(self.ipfs) as store:
            for data in (*study.files.values(), *study.objects.values()):
                store.put(data)


_SHARED = pytest.StashKey[Desk]()


@pytest.fixture(scope="session")
def desk(
    hardhat: HardhatNode, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Desk:
    """One deployment, one IPFS node and everyone's desk, for tests that only add to them.

    The same one in every folder that imports this fixture.
    """
    found = request.config.stash.get(_SHARED, None)
    if found is not None:
        return found
    folder = tmp_path_factory.mktemp("desk")
    kubo = KuboDaemon(folder / "ipfs", folder / "ipfs.log")
    request.config.add_cleanup(kubo.stop)
    kubo.start()
    (folder / "journals").mkdir()
    deployment = deployed(hardhat.rpc_url, hardhat.accounts)
    world = World(hardhat.rpc_url, hardhat.accounts, deployment, folder / "journals")
    world.register_sites()
    kubo.wait_for_api()
    made = Desk(folder, world, kubo.api)
    request.config.stash[_SHARED] = made
    return made


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


@contextmanager
def _typing(text: str) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


@contextmanager
def _surroundings(folder: Path, variables: Mapping[str, str]) -> Iterator[None]:
    before, here = dict(os.environ), Path.cwd()
    os.environ.update(variables)
    os.environ["COLUMNS"] = "160"
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
