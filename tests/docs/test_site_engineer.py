"""Every command of docs/site-engineer.md, run in its order against real services."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from eth_account import Account

from chain.grants import draft_grant
from chain.messages import Challenge, enrolment_proof, signer_of_account
from chain.signed_act import SignedAct
from federation.gate.health import health
from federation.gate.keys import SiteKeys
from scripts.site.app import COMMANDS
from stack.binaries import ROOT
from study.enrolment_file import EnrolmentFile
from tests.hospital import Hospital, Services, assent, services, site_world, write_export
from tests.world import PURPOSES, YEAR, World

__all__ = ["services", "site_world"]

PAGE = (ROOT / "docs" / "site-engineer.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]


class Reader:
    """Somebody who follows the page, and the others who act meanwhile."""

    def __init__(self, world: World, services: Services, place: Path) -> None:
        self.hospital = Hospital(world, services, place / "site", place / "deployment.json")
        self.place = place
        self.patient = Account.create()
        (place / "received").mkdir()
        world.deployment.save(self.hospital.deployment_file)
        world.deployment.save(place / "received" / "deployment.json")
        ca = services.superlink.certificate.ca.read_bytes()
        (place / "received" / "ca.pem").write_bytes(ca)
        write_export(place / "export", 3)
        for file in (place / "export").iterdir():
            text = file.read_text().replace('"p1"', '"patient-0042"')
            file.write_text(text.replace("Patient/p1", "Patient/patient-0042"))
        self.said = {
            "/srv/assent": str(place),
            "http://127.0.0.1:8545": world.rpc_url,
            "/ip4/127.0.0.1/tcp/5001/http": services.kubo.api,
            "fl.example.org:8000": services.superlink.address,
            "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65": world.reviewers[0].address,
            "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc": world.reviewers[1].address,
            "0x976EA74026E726554dB657fA54763abd0C3a0aa9": world.reviewers[2].address,
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8": self.patient.address,
        }
        # What others do after a command of the page.
        self.then: dict[str, Callable[[], None]] = {
            "site init": self.hospital.fund,
            "--register": self.sponsor_and_coordinator_act,
            "site enrol": self.patient_consents,
            "site challenges": self.reviewer_asks_about_a_round,
        }

    def run(self, line: str) -> None:
        command = line.removeprefix("$ ")
        for example, actual in self.said.items():
            command = command.replace(example, actual)
        if command.startswith("assent "):
            answer = assent(*shlex.split(command)[1:])
            assert answer.code == 0, (command, answer)
        else:
            subprocess.run(["bash", "-c", command], check=True, timeout=60)
        for part, act in self.then.items():
            if part in command:
                act()

    def sponsor_and_coordinator_act(self) -> None:
        study_id = self.hospital.approve_study(min_cohort=1)
        self.said["--study 1"] = f"--study {study_id}"
        self.hospital.admit_to_superlink()

    def patient_consents(self) -> None:
        file = EnrolmentFile.load(self.place / "patient-0042.enrolment.json")
        chain = self.hospital.chain
        grant = draft_grant(
            chain,
            file.enrolment,
            purposes=PURPOSES,
            disease=chain.registry.study(file.enrolment.study_id).disease,
            use_start=0,
            use_end=self.hospital.world.now + YEAR,
            deadline=self.hospital.world.now + 3600,
        )
        chain.consent.grant_by_sig(
            grant,
            signer_of_account(self.patient.address),
            grant.sign(self.patient, chain.consent.domain),
            enrolment_proof(file.enrolment, file.signature),
        )

    def reviewer_asks_about_a_round(self) -> None:
        """About the site's commitment to a round that the coordinator then ended."""
        world, study = self.hospital.world, self.hospital.study_id
        number, reviewer = world.open_round(study), world.reviewers[0]
        site = SiteKeys.open(self.hospital.folder / "keys")
        world.commit(study, number, site.account)
        world.chain(world.coordinator).ledger.abort(study, number)
        question = Challenge(study, number, site.public.account, 0)
        site.close()
        ledger = world.chain().ledger
        SignedAct.sign(question, ledger.domain, reviewer).carry(world.chain())
        (self.place / "replay.json").write_text("{}")


@pytest.fixture
def reader(
    site_world: World, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    made = Reader(site_world, services, tmp_path_factory.mktemp("page"))
    yield made
    assent("site", "stop", made.hospital.folder)


def test_every_command_of_the_page_works_in_its_order(reader: Reader) -> None:
    assert all(line.startswith("$ ") for line in LINES), LINES
    for line in LINES:
        reader.run(line)
    restored = reader.place / "restored"
    assert (restored / "site.json").read_bytes() == (
        reader.hospital.folder / "site.json"
    ).read_bytes()


def test_the_page_shows_every_command() -> None:
    assert set(re.findall(r"assent site ([a-z-]+)", PAGE)) == set(COMMANDS)


def test_the_page_says_what_to_do_when_each_alarm_rings(tmp_path: Path) -> None:
    section = PAGE[PAGE.index("## 12. Watch it") : PAGE.index("## 13.")]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", section, re.MULTILINE)[1:]
    told = [name for row in rows if row.strip("- ") for name in row.split(", ")]
    assert sorted(told) == sorted(check.name for check in health(tmp_path, ()))


def test_the_page_gives_the_exit_codes_of_the_program() -> None:
    from scripts import exit_codes

    codes = set(map(int, re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)))
    assert codes == {
        0,
        exit_codes.REFUSED,
        exit_codes.UNUSABLE,
        exit_codes.UNREACHABLE,
        exit_codes.DEFECT,
        exit_codes.INTERRUPTED,
    }
