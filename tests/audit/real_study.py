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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from eth_account import Account
from eth_account.signers.local import LocalAccount

from audit import canonical_json, checkpoint, codec, cohort
from audit.bundle_writer import write_bundle
from audit.cid import cid_of, sha256
from audit.disclosure import Disclosure
from audit.manifest import ManifestFacts, build
from audit.recipe import Recipe
from audit.update import apply_round, unmask_sum
from chain.clients.base import Receipt
from chain.events import Sealed, decode
from chain.evidence import collect
from chain.messages import (
    Closure,
    Commitment,
    Delivery,
    Terms,
)
from federation.app.admit import admit
from tests.audit.acts import resume
from tests.world import World, fresh_mask_key

Statuses = tuple[cohort.Status, ...]
LAYOUT = (("mean", (3,)), ("log_noise", (1,)))
SIZE = 4
ENVIRONMENT = {"schema": "assent-environment-1", "machine": "x86_64", "threads": 1}

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
        self.disclosures: dict[tuple[int, str, int], Disclosure] = {}
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

    def commit(
        self,
        round_: int,
        site: LocalAccount,
        claimed: int | None = None,
        lie: Callable[[Statuses], Statuses] = lambda statuses: statuses,
    ) -> Commitment:
        """The site commits every token that is active to the close deadline, and a vector.

        ``claimed``: the cohort size that a lying site states instead; ``lie``: what it makes of the
        tokens' statuses in its tree.
        """
        chain = self.world.chain(site)
        opened = chain.ledger.round(self.number, round_)
        terms = chain.registry.terms(self.number, opened.version)
        admitted = admit(chain, terms, self.number, opened, site.address)
        before = chain.ledger.commitment_of(self.number, round_, site.address)
        attempt = before.attempt + 1
        disclosure = Disclosure(
            chain_id=chain.deployment.chain_id,
            ledger=chain.deployment.ledger,
            study=self.number,
            site=site.address,
            round_number=round_,
            attempt=attempt,
            leaves=tuple((s, secrets.token_bytes(32)) for s in lie(admitted.statuses)),
        )
        self.disclosures[round_, site.address, attempt] = disclosure
        self.salts[round_, site.address, attempt] = [salt for _, salt in disclosure.leaves]
        gradients = self.generator.normal(size=(admitted.size, SIZE))
        rows = codec.clip_and_encode(gradients, terms.clipping_norm, terms.fraction_bits)
        noise = np.rint(self.generator.normal(size=SIZE) * terms.clipping_norm / 4)
        vector = codec.sum_rows(rows) + noise.astype(np.int64)
        self.vectors[round_, site.address] = vector
        commitment = Commitment(
            attempt=attempt,
            cohort_root=disclosure.root,
            cohort_size=admitted.size if claimed is None else claimed,
            block_number=admitted.block.number,
            block_hash=admitted.block.hash,
            epoch=admitted.epoch,
            vector_hash=cohort.vector_hash(
                secrets.token_bytes(32), codec.to_bytes(codec.wrap(vector))
            ),
            mask_key=fresh_mask_key(),
            environment_hash=sha256(canonical_json.dumps(ENVIRONMENT)),
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
