"""A real study on a real chain, with integer vectors, zero-sum masks and a bundle to verify.

Everything is made by the functions that production uses, except the vectors (drawn at random
instead of trained) and the masks (drawn to cancel instead of agreed by X25519): the verifier sees
neither training nor key agreement.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import secrets
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from eth_account import Account
from eth_account.signers.local import LocalAccount

from audit import canonical_json, checkpoint, codec, cohort
from audit.bundle import write_bundle
from audit.cid import cid_of, sha256
from audit.manifest import ManifestFacts, build
from audit.recipe import Recipe
from audit.update import apply_round, unmask_sum
from chain.clients.base import Receipt
from chain.deploy import WEEK
from chain.events import Sealed, decode
from chain.evidence import collect
from chain.messages import (
    Closure,
    Commitment,
    Delivery,
    Execution,
    Purpose,
    Terms,
)
from tests.audit.acts import approve, challenge, readmit, replace_reviewer, resume, signers
from tests.world import YEAR, World

LAYOUT = (("mean", (3,)), ("log_noise", (1,)))
SIZE = 4

RECIPE = Recipe(
    model="test-model-1",
    layout=LAYOUT,
    support_visits=3,
    adaptation_steps=1,
    gradient_scale=(1.0,) * SIZE,
    learning_rate=(0.05,) * SIZE,
    beta1=0.9,
    beta2=0.99,
    adam_epsilon=1e-8,
)


def app_bundle(source: str = "print('approved')\n") -> bytes:
    """A Flower App Bundle: a zip whose .info/CONTENT lists each file's hash and size in bits."""
    files = {"pyproject.toml": b"[project]\n", "app/client.py": source.encode()}
    lines = [f"{n},{hashlib.sha256(d).hexdigest()},{len(d) * 8}" for n, d in files.items()]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as fab:
        for name, data in [*files.items(), (".info/CONTENT", "\n".join(lines).encode())]:
            fab.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def initial_checkpoint() -> bytes:
    prior = {"mean": np.array([0.5, -1.0, 2.0]), "log_noise": np.array([-0.7])}
    return checkpoint.write(checkpoint.initial(prior, LAYOUT, RECIPE.model))


def documents() -> dict[str, bytes]:
    """The documents of one version, by their names in a bundle."""
    return {
        "protocol": b"A protocol, as plain text.",
        "dpia": b"A data protection impact assessment, as plain text.",
        "consent-text.json": canonical_json.dumps({"texts": {"en": "I agree."}}),
        "recipe.json": RECIPE.to_bytes(),
        "app.fab": app_bundle(),
    }


@dataclass
class RealStudy:
    """One study in a world; rounds are run by calling the acts in order."""

    world: World
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        files, first = documents(), initial_checkpoint()
        self.files = {f"documents/1/{name}": data for name, data in files.items()}
        self.objects = {cid_of(first): first}
        self.number = self.world.approved_study(
            protocol_hash=sha256(files["protocol"]),
            consent_text_hash=sha256(files["consent-text.json"]),
            dpia_hash=sha256(files["dpia"]),
            recipe_hash=sha256(files["recipe.json"]),
            app_hash=sha256(files["app.fab"]),
            initial_checkpoint=sha256(first),
            vector_length=SIZE,
            min_cohort=2,
            **self.changes,
        )
        self.generator = np.random.default_rng(7)
        self.salts: dict[tuple[int, str, int], list[bytes]] = {}
        self.vectors: dict[tuple[int, str], np.ndarray[Any, Any]] = {}

    @property
    def chain(self) -> Any:
        return self.world.chain(self.world.coordinator)

    def patient(self, site: LocalAccount, **changes: Any) -> tuple[int, LocalAccount]:
        """A new patient's consent; the token and its holder."""
        holder = Account.create()
        return self.world.give_consent(self.number, site, holder, **changes), holder

    def revoke(self, patient: tuple[int, LocalAccount]) -> Receipt:
        return self.world.revoke(*patient)

    def open(self) -> int:
        return self.world.open_round(self.number)

    def commit(self, round_: int, site: LocalAccount, claimed: int | None = None) -> Commitment:
        """The site commits every token that is active to the close deadline, and a vector.

        ``claimed``: the cohort size that a lying site states instead.
        """
        chain = self.world.chain(site)
        head = chain.head()
        opened = chain.ledger.round(self.number, round_)
        terms = chain.registry.terms(self.number, opened.version)
        at, block = opened.close_deadline, head.number
        active = chain.consent.all_active_tokens(
            self.number, site.address, terms.purposes, at, block=block
        )
        minted = chain.consent.minted_count(self.number, site.address, block=block)
        before = chain.ledger.commitment_of(self.number, round_, site.address)
        attempt = before.attempt + 1
        salts = [secrets.token_bytes(32) for _ in range(minted)]
        self.salts[round_, site.address, attempt] = salts
        leaves = [
            cohort.leaf(
                chain.deployment.chain_id,
                chain.deployment.ledger,
                self.number,
                site.address,
                round_,
                index,
                chain.consent.token_id_of(self.number, site.address, index),
                cohort.Status.ADMITTED if index in active else cohort.Status.REVOKED,
                salts[index],
            )
            for index in range(minted)
        ]
        gradients = self.generator.normal(size=(len(active), SIZE))
        rows = codec.clip_and_encode(gradients, terms.clipping_norm, terms.fraction_bits)
        noise = np.rint(self.generator.normal(size=SIZE) * terms.clipping_norm / 4)
        vector = codec.sum_rows(rows) + noise.astype(np.int64)
        self.vectors[round_, site.address] = vector
        commitment = Commitment(
            attempt=attempt,
            cohort_root=cohort.root(leaves),
            cohort_size=len(active) if claimed is None else claimed,
            block_number=head.number,
            block_hash=head.hash,
            epoch=chain.consent.epoch(self.number, site.address, block=block),
            vector_hash=cohort.vector_hash(
                secrets.token_bytes(32), codec.to_bytes(codec.wrap(vector))
            ),
            mask_key=secrets.token_bytes(32),
            environment_hash=hashlib.sha256(b"environment").digest(),
        )
        chain.ledger.commit(self.number, round_, commitment)
        return commitment

    def seal(self, round_: int) -> Sealed:
        sealed: Sealed = self.chain.ledger.seal(self.number, round_).event(Sealed)
        return sealed

    def masked(self, members: tuple[str, ...], round_: int) -> tuple[bytes, ...]:
        """The members' vectors under masks that cancel modulo 2^64."""
        words = [codec.wrap(self.vectors[round_, member]) for member in members]
        masks = [
            self.generator.integers(0, 2**64, SIZE, dtype=np.uint64) for _ in range(len(words) - 1)
        ]
        masks.append(np.zeros(SIZE, dtype=np.uint64) - codec.add_words(masks))
        return tuple(codec.to_bytes(word + mask) for word, mask in zip(words, masks, strict=True))

    def close(
        self, round_: int, nudge: float = 0.0, on_record: Sequence[LocalAccount] = ()
    ) -> Receipt:
        """Delivery, sum, update, manifest and closure, as a coordinator does them.

        ``nudge``: what a lying coordinator adds to each number of the new prior.
        ``on_record``: sites that put their delivery on record before.
        """
        ledger, info = self.chain.ledger, self.chain.ledger.round(self.number, round_)
        sealed, seal_block = self._sealed(round_)
        terms = self.chain.registry.terms(self.number, info.version)
        members = sealed.members
        commitments = tuple(ledger.commitment_of(self.number, round_, site) for site in members)
        masked = self.masked(members, round_)
        delivered = {site: sha256(data) for site, data in zip(members, masked, strict=True)}
        for site in on_record:
            of_site = self.world.chain(site).ledger
            of_site.record_delivery(self.number, round_, delivered[site.address])
        total = unmask_sum([codec.from_bytes(data) for data in masked])
        count = sum(commitment.cohort_size for commitment in commitments)
        base = checkpoint.read(self.objects[self._cid(info.base)])
        after = apply_round(base, total, count, terms, RECIPE)
        made = checkpoint.write(dataclasses.replace(after, prior=after.prior + nudge))
        manifest = build(
            ManifestFacts(
                deployment=self.chain.deployment,
                study_id=self.number,
                round_number=round_,
                round=info,
                terms=terms,
                members=members,
                commitments=commitments,
                masked=masked,
                parent_hash=sealed.parent_hash,
                seal_block=seal_block,
                count=count,
                total=total,
                checkpoint=made,
                rho=sealed.rho,
                rho_spent=sealed.rho_spent,
            )
        )
        for data in (*masked, made, manifest):
            self.objects[cid_of(data)] = data
        keys = {str(site.address): site for site in self.world.sites}
        signatures = [
            Delivery(sealed.seal_digest, sha256(data)).sign(keys[member], ledger.domain)
            for member, data in zip(members, masked, strict=True)
        ]
        closure = Closure(sealed.seal_digest, sha256(made), sha256(manifest))
        receipt: Receipt = ledger.close(
            self.number,
            round_,
            sha256(made),
            sha256(manifest),
            [sha256(data) for data in masked],
            signatures,
            closure.sign(self.world.coordinator, ledger.domain),
        )
        return receipt

    def _cid(self, digest: bytes) -> str:
        return next(cid for cid, data in self.objects.items() if sha256(data) == digest)

    def _sealed(self, round_: int) -> tuple[Sealed, int]:
        for record in self.chain.events(self.number):
            event = decode(record)
            if isinstance(event, Sealed) and event.round == round_:
                return event, record.block_number
        raise LookupError(f"round {round_} is not sealed")

    def round(self) -> int:
        """A whole round."""
        number = self.commit_and_seal()
        self.close(number)
        return number

    def commit_and_seal(self) -> int:
        """A round of all sites that are not barred, as far as its seal."""
        number = self.open()
        for site in self.world.sites:
            if not self.chain.ledger.barred_for(self.number, site.address):
                self.commit(number, site)
        self.seal(number)
        return number

    def suspend_and_resume(self) -> None:
        self.world.chain(self.world.reviewers[2]).registry.suspend(self.number)
        resume(self.world, self.number, self.world.reviewers[:2])

    def come_back(self, site: LocalAccount, holder: LocalAccount) -> int:
        """A holder grants again for the same record; the new token."""
        self.world.pass_time(1)  # an enrolment is issued later than what it follows
        return self.world.give_consent(self.number, site, holder)

    def next_version(self, terms: Terms) -> int:
        """Proposes terms with the same documents, and gets them approved."""
        self.world.chain(self.world.sponsor).registry.propose_version(self.number, terms)
        version = int(self.chain.registry.study(self.number).proposed_version)
        self.world.approve(self.number, version)
        for name, data in documents().items():
            self.files[f"documents/{version}/{name}"] = data
        return version

    def write(self, folder: Path) -> bytes:
        """Writes the bundle as of the newest block; that block's hash."""
        evidence = collect(self.chain, self.number, self.chain.head().number)
        write_bundle(folder, evidence, self.files, self.objects)
        return evidence.block.hash


def eventful_study(world: World) -> RealStudy:
    """A study with an event of every kind, and nothing wrong in it; moves the node's clock.

    Round 1 closes, with one delivery on record; a patient revokes and another comes. Round 2 is
    sealed, a patient revokes, it is aborted, and a site is barred. The first record comes back. The
    committee changes, renews its approval, suspends and resumes. In round 3, without the barred
    site, a patient revokes after the commitment and the site recommits; it closes, and is asked
    about. Round 4 is aborted before its seal. A second, tighter version comes into force and round
    5 closes under it; a third, looser one needs every consent anew. Sites change keys, and new
    studies go elsewhere.
    """
    study = RealStudy(world, {"waiting_rounds": 1, "max_charged_aborts": 2})
    patients = {site.address: [study.patient(site) for _ in range(4)] for site in world.sites}
    one, two, three = world.sites[:3]
    study.patient(one, purposes=Purpose.EVALUATION, disease=0)
    study.patient(two, use_end=world.now + 600)
    study.close(study.commit_and_seal(), on_record=[two])
    away = patients[one.address].pop()
    study.revoke(away)
    patients[one.address].append(study.patient(one))

    second = study.commit_and_seal()
    study.revoke(patients[two.address].pop())
    study.chain.ledger.abort(study.number, second)
    world.pass_time(1800)
    study.chain.ledger.bar(study.number, second, three.address)
    study.come_back(one, away[1])
    change_committee(study)
    study.suspend_and_resume()

    third = study.open()
    for site in world.sites:
        if site != three:
            study.commit(third, site)
    study.revoke(patients[two.address].pop())
    study.commit(third, two)
    study.seal(third)
    study.close(third)
    ask_and_answer(study, third, two, patients[two.address][0])
    readmit(world, study.number, three.address, world.reviewers[0])

    fourth = study.open()
    study.commit(fourth, one)
    study.chain.ledger.abort(study.number, fourth)

    terms = study.chain.registry.terms(study.number, 1)
    study.next_version(dataclasses.replace(terms, min_sites=3, commit_seconds=900))
    study.round()
    looser = dataclasses.replace(terms, delta=terms.delta + 1)
    study.next_version(looser)
    study.come_back(one, patients[one.address][0][1])
    world.chain(three).registry.rotate_enrolment_key(Account.create().address)
    record_successor(world)
    return study


def contested_study(world: World) -> RealStudy:
    """One closed round about which three sites were asked and none answered; moves the clock.

    The first was found at fault and barred, the second's fault is not on record, and the third
    still has time.
    """
    study = RealStudy(world, {"answer_seconds": 600, "challenge_seconds": 10**6})
    patients = {site.address: [study.patient(site) for _ in range(2)] for site in world.sites}
    one, two, three = world.sites[:3]
    asked = study.round()
    reviewer, (token, holder) = world.reviewers[0], patients[two.address][0]
    challenge(world, study.number, asked, one.address, 0, reviewer)
    challenge(world, study.number, asked, two.address, token, holder)
    world.pass_time(600)
    study.chain.ledger.fault(study.number, asked, one.address, 0)
    challenge(world, study.number, asked, three.address, 0, reviewer)
    return study


def change_committee(study: RealStudy) -> None:
    """The third reviewer leaves, and the two who stay renew their approval."""
    world, incoming = study.world, study.world.accounts[20].address
    outgoing = world.reviewers[2]
    replace_reviewer(world, study.number, outgoing.address, incoming, world.reviewers[:2])
    world.reviewers = (*world.reviewers[:2], world.accounts[20])
    for reviewer in world.reviewers[:2]:
        approve(world, study.number, 1, reviewer, world.now + YEAR)


def ask_and_answer(
    study: RealStudy, round_: int, site: LocalAccount, patient: tuple[int, LocalAccount]
) -> None:
    """A reviewer asks for a replay and a holder for the receipt; the site answers both."""
    world, (token, holder) = study.world, patient
    challenge(world, study.number, round_, site.address, 0, world.reviewers[1])
    challenge(world, study.number, round_, site.address, token, holder)
    for asked in (0, token):
        answer = sha256(f"answer about {asked}".encode())
        world.chain(site).ledger.answer(study.number, round_, asked, answer)


def record_successor(world: World) -> None:
    """Two of the three governors announce it, and name it a week later."""
    chain = world.chain()
    naming = chain.registry.record_successor_call(Account.create().address)
    registry, authority = world.deployment.registry, world.deployment.authority
    carry(world, chain.consortium.announcement(authority, registry, naming))
    world.pass_time(WEEK)
    carry(world, chain.consortium.execution(registry, naming))


def carry(world: World, execution: Execution) -> None:
    consortium, members = world.chain().consortium, world.governors[:2]
    signatures = [execution.sign(member, consortium.domain) for member in members]
    consortium.execute(execution, signers(members), signatures)
