"""A site that a first user sets up and leaves as a backup, and that another user goes on with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.grants import draft_grant
from chain.messages import enrolment_proof, signer_of_account
from federation.gate.private_files import write_private_file
from federation.gate.records.datasets.pbcseq import PbcSite
from federation.gate.records.datasets.pbcseq_files import write_fhir
from scripts.local.chains import fund
from scripts.local.federation import LocalFederation
from scripts.local.people import THRESHOLD
from stack.flower_run import FlowerRun, register
from study.enrolment_file import EnrolmentFile
from tests.hospital import Answer, assent
from tests.other_user import OtherUser
from tests.small_federation import DAY, DESIGN, TRAINING, SmallFederation

GRANTING = 3


@dataclass
class MovedSite:
    """The federation, and the site that moved out of it.

    Attributes:
        first: the folder of the user who set the site up; what was there is deleted.
        user, folder: who runs the site now, and where.
        account: the site's account on chain.
        said: what each command answered after the restore, by name.
        run: how the rounds went.
    """

    federation: SmallFederation
    first: Path
    user: OtherUser
    account: str
    said: dict[str, Answer]
    run: FlowerRun | None = None

    @property
    def folder(self) -> Path:
        return self.user.home / "site"

    @property
    def local(self) -> LocalFederation:
        return self.federation.local

    def status(self) -> dict[str, Any]:
        answer = self.user.assent("site", "status", self.folder, "--json")
        assert answer.code == 0, answer
        value: dict[str, Any] = answer.json
        return value


class FirstUser:
    """Who sets the site up: its engineer, in a folder that goes away."""

    def __init__(self, place: Path, local: LocalFederation) -> None:
        self.place, self.folder, self.local = place, place / "site", local
        place.mkdir(mode=0o700)
        self._assent("init", self.folder)
        self.account = str(self._assent("keys", self.folder, "--json").json["account"])
        fund(local.node, [self.account])
        self._assent("keys", self.folder, "--register", *self._chain)

    def set_up(self, patients: PbcSite, study_id: int) -> list[tuple[LocalAccount, Path]]:
        """Joins, loads and enrols; gives the patients' keys and enrolments."""
        local = self.local
        people = local.people.reviewers
        reviewers: list[object] = [flag for one in people for flag in ("--reviewer", one.address)]
        services: list[object] = ["--ipfs", local.kubo.api, "--superlink", local.superlink.address]
        services += ["--ca", local.superlink.certificate.ca]
        trust = [*reviewers, "--threshold", THRESHOLD]
        self._assent("join", self.folder, "--study", study_id, *self._chain, *services, *trust)
        write_fhir(patients, self.place / "export")
        self._assent("load", self.folder, self.place / "export")
        register(local.superlink, [self.folder / "supernode" / "keys" / "supernode.pub"])
        enrolled = []
        for patient in patients.patients[:GRANTING]:
            holder: LocalAccount = Account.create()
            out = self.local.layout.people / f"{holder.address}.enrolment.json"
            options = ["--holder", holder.address, "--out", out]
            self._assent("enrol", self.folder, patient.record_id, *options)
            enrolled.append((holder, out))
        return enrolled

    def back_up_and_leave(self) -> tuple[Path, Path]:
        """Gives backup and passphrase; the folder is gone then."""
        backup, passphrase = self.place / "site.backup", self.place / "passphrase"
        write_private_file(passphrase, b"four words that nobody guesses\n")
        self._assent("backup", self.folder, backup, "--passphrase-file", passphrase)
        shutil.rmtree(self.folder)
        return backup, passphrase

    @property
    def _chain(self) -> list[object]:
        return ["--deployment", self.local.layout.deployment, "--rpc", self.local.node.rpc_url]

    @staticmethod
    def _assent(command: str, *arguments: object) -> Answer:
        answer = assent("site", command, *arguments)
        assert answer.code == 0, answer
        return answer


def study_of(local: LocalFederation, usual: list[PbcSite], moving: str) -> SmallFederation:
    """A study of three sites in force; the patients of the two usual ones have granted."""
    keys = {one.name: local.make_site(one.name) for one in usual}
    for one in usual:
        export = local.layout.site(one.name) / "export"
        write_fhir(one, export)
        assert assent("site", "load", local.layout.site(one.name), export).code == 0
    documents = local.make_documents(
        b"protocol", {"en": "I agree."}, b"a DPIA", SmallFederation.recipe()
    )
    accounts = [*(one.public.account for one in keys.values()), moving]
    study_id = local.propose(DESIGN, documents, accounts)
    local.approve(study_id)
    chain = local.connect(local.people.relayer, "relayer")
    federation = SmallFederation(local, study_id, keys, chain)
    for one in usual:
        for patient in one.patients[:GRANTING]:
            federation.grant(one.name, patient.record_id)
    return federation


def restore_and_start(
    site: MovedSite, backup: Path, passphrase: Path, enrolled: list[tuple[LocalAccount, Path]]
) -> None:
    commands: dict[str, list[object]] = {
        "restore": [backup, site.folder, "--passphrase-file", passphrase, "--json"],
        "preflight without consents": [site.folder, "--json"],
        "preflight": [site.folder, "--json"],
        "start": [site.folder, "--json"],
    }
    for name, arguments in commands.items():
        if name == "preflight":
            _grant(site.federation, enrolled)
        site.said[name] = site.user.assent("site", name.split()[0], *arguments)
        assert name == "preflight without consents" or site.said[name].code == 0, site.said[name]


def _grant(federation: SmallFederation, enrolled: list[tuple[LocalAccount, Path]]) -> None:
    """Patients consent with what the first user gave them, before the site moved."""
    chain = federation.chain
    now = chain.head().timestamp
    for holder, path in enrolled:
        file = EnrolmentFile.load(path)
        grant = draft_grant(
            chain,
            file.enrolment,
            purposes=int(TRAINING),
            disease=chain.registry.study(file.enrolment.study_id).disease,
            use_start=0,
            use_end=now + 365 * DAY,
            deadline=now + DAY,
        )
        signature = grant.sign(holder, chain.consent.domain)
        signer = signer_of_account(holder.address)
        proof = enrolment_proof(file.enrolment, file.signature)
        chain.consent.grant_by_sig(grant, signer, signature, proof)
