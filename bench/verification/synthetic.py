"""A study of any size that no chain ever held, but that verifies from end to end.

Its events are those that the contracts emit, in their order and with their own times; whatever
carries a signature is signed (approvals, deliveries, closes), sums and checkpoints are computed by
the functions that a coordinator uses, and a state trie proves it all (`proven_state`). Vectors are
drawn at random, as masked vectors look to everybody. Two patients a site.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from audit import canonical_json, checkpoint
from audit.bundle_writer import write_bundle
from audit.cid import cid_of, digest_of, sha256
from audit.manifest import Contracts
from audit.proofs import parse_header
from audit.recipe import Recipe
from audit.unixfs import Buffer
from bench.verification.closing import Closing, SealedRound, close, resealed
from bench.verification.proven_state import Block, ProvenState
from chain import events as ev
from chain.events import CONTRACT_NAMES, ContractName
from chain.messages import (
    Commitment,
    Grant,
    LateRevocation,
    Purpose,
    Terms,
    approval_for,
    language_tag,
    registry_domain,
    rho_of_round,
    signer_of_account,
    terms_hash,
    token_id,
)
from chain.origin import Origin

STUDY, VERSION, DISEASE = 1, 1, 11382
PURPOSES = Purpose.DISEASE_SPECIFIC_RESEARCH | Purpose.TRAINING
PATIENTS = 2
"""Of each site."""
START, YEAR = 1_750_000_000, 365 * 24 * 3600
PHASE = 600
"""Seconds of each deadline of a round; a round takes 30 of them."""


@dataclass(frozen=True)
class Size:
    """How large a study is; ``parameters`` is D, the length of its vectors."""

    rounds: int
    sites: int
    parameters: int


@dataclass(frozen=True)
class _Named:
    """A block, or a contract, as `write_bundle` asks for it."""

    number: int = 0
    hash: bytes = b""
    contract: ContractName = "StudyRegistry"
    address: str = ""


@dataclass(frozen=True)
class _Evidence:
    chain_id: int
    origin: Origin
    study_id: int
    block: _Named
    accounts: tuple[_Named, ...]
    files: dict[str, bytes]

    def to_files(self) -> dict[str, bytes]:
        return self.files


class OnDisk(Mapping[str, bytes]):
    """Objects by CID, in one file, so that a study may be larger than memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("x+b")
        self._places: dict[str, tuple[int, int]] = {}

    def add(self, data: Buffer) -> None:
        cid = cid_of(data)
        if cid not in self._places:
            self._file.seek(0, 2)
            self._places[cid] = self._file.tell(), len(data)
            self._file.write(data)

    def __getitem__(self, cid: str) -> bytes:
        offset, length = self._places[cid]
        self._file.seek(offset)
        return self._file.read(length)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def app_bundle() -> bytes:
    """A Flower App Bundle of one file."""
    data, buffer = b"print()\n", io.BytesIO()
    listed = f"app.py,{hashlib.sha256(data).hexdigest()},{8 * len(data)}"
    with zipfile.ZipFile(buffer, "w") as fab:
        fab.writestr("app.py", data)
        fab.writestr(".info/CONTENT", listed)
    return buffer.getvalue()


def block_hash(number: int) -> bytes:
    """The name of each block of the chain that never was."""
    return sha256(b"block %d" % number)


def record_of(site: str, patient: int) -> bytes:
    return sha256(b"%s %d" % (site.encode(), patient))


@dataclass
class SyntheticStudy:
    """``scratch``: an absent file that objects are kept in until they are in the bundle."""

    size: Size
    contracts: Contracts
    origin: Origin
    code: Mapping[ContractName, bytes]
    scratch: Path
    seed: int = 1
    records: list[ev.EventRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._generator = np.random.default_rng(self.seed)
        made = [Account.create() for _ in range(self.size.sites + 4)]
        self._sponsor, self._coordinator, *rest = made
        self._reviewers = rest[:2]
        self._sites = sorted(rest[2:], key=lambda account: int(account.address, 16))
        self._keys: dict[str, LocalAccount] = {str(key.address): key for key in made}
        self.objects = OnDisk(self.scratch)
        self._block, self._time, self._spent = 10, START, 0
        self._prepare()
        self._approve()
        self._consent()

    def _emit(self, *events: ev.Event, seconds: int = 0) -> int:
        """In a block of their own; its number."""
        self._block, self._time = self._block + 1, self._time + seconds
        self.records += [ev.encode(event, self._block, self._time) for event in events]
        return self._block

    def _prepare(self) -> None:
        length = self.size.parameters
        layout = (("mean", (length,)),)
        self.recipe = Recipe(
            model="bench-model-1",
            layout=layout,
            support_visits=3,
            adaptation_steps=1,
            gradient_scale=(1.0,) * length,
            learning_rate=(0.05,) * length,
            beta1=0.9,
            beta2=0.99,
            adam_epsilon=1e-8,
        )
        prior = {"mean": self._generator.normal(size=length)}
        self._base = checkpoint.initial(prior, layout, self.recipe.model)
        first = checkpoint.write(self._base)
        self.objects.add(first)
        self._base_hash = digest_of(first)
        self.documents = {
            "protocol": b"A protocol.",
            "dpia": b"An assessment.",
            "consent-text.json": canonical_json.dumps({"texts": {"en": "I agree."}}),
            "recipe.json": self.recipe.to_bytes(),
            "app.fab": app_bundle(),
        }
        noise = 1_000_000
        self.terms = Terms(
            protocol_hash=sha256(self.documents["protocol"]),
            consent_text_hash=sha256(self.documents["consent-text.json"]),
            dpia_hash=sha256(self.documents["dpia"]),
            app_hash=sha256(self.documents["app.fab"]),
            recipe_hash=sha256(self.documents["recipe.json"]),
            initial_checkpoint=self._base_hash,
            purposes=PURPOSES,
            disease=DISEASE,
            coordinator=self._coordinator.address,
            sites=tuple(site.address for site in self._sites),
            min_cohort=PATIENTS,
            min_sites=2,
            tolerated_colluders=0,
            vector_length=length,
            fraction_bits=20,
            clipping_norm=1 << 20,
            noise_multiplier=noise,
            delta=10**13,
            rho_ceiling=self.size.rounds * rho_of_round(noise),
            commit_seconds=PHASE,
            seal_seconds=PHASE,
            delivery_seconds=PHASE,
            close_seconds=PHASE,
            challenge_seconds=PHASE,
            answer_seconds=PHASE,
            waiting_rounds=0,
            max_charged_aborts=3,
            late_revocation=LateRevocation.ABANDON,
        )

    def _approve(self) -> None:
        for site in self._sites:
            self._emit(
                ev.SiteRegistered(0, site.address, site.address, sha256(site.address.encode()))
            )
        hashed = terms_hash(self.terms)
        self._emit(
            ev.StudyProposed(
                STUDY, self._sponsor.address, tuple(r.address for r in self._reviewers), 2
            ),
            ev.VersionProposed(STUDY, VERSION, hashed, self.terms),
        )
        until = START + YEAR
        message = approval_for(STUDY, VERSION, self.terms, until)
        domain = registry_domain(self.contracts.chain_id, self.contracts.registry)
        one, two = (
            ev.Approved(
                STUDY,
                VERSION,
                reviewer.address,
                until,
                signer_of_account(reviewer.address),
                message.sign(reviewer, domain),
            )
            for reviewer in self._reviewers
        )
        self._emit(one)
        self._emit(two, ev.VersionActivated(STUDY, VERSION, VERSION, until))

    def _consent(self) -> None:
        hashed = terms_hash(self.terms)
        for site in self.terms.sites:
            for patient in range(PATIENTS):
                holder = to_checksum_address(record_of(site, patient)[:20])
                grant = Grant(
                    study_id=STUDY,
                    terms_hash=hashed,
                    site=site,
                    holder=holder,
                    purposes=PURPOSES,
                    disease=DISEASE,
                    use_start=0,
                    use_end=START + YEAR,
                    data_start=0,
                    data_end=START + YEAR,
                    record_commitment=record_of(site, patient),
                    consent_text_hash=self.terms.consent_text_hash,
                    language=language_tag("en"),
                    revocation_counter=0,
                    deadline=START + YEAR,
                )
                token = token_id(STUDY, site, patient)
                self._emit(ev.Granted(STUDY, token, VERSION, grant, record_of(site, patient)))

    def run(self) -> None:
        """Every round, each closed."""
        for number in range(1, self.size.rounds + 1):
            self._round(number)

    def _round(self, number: int) -> None:
        pinned = self._block
        opened_at = self._time + 10
        deadlines = [opened_at + PHASE * nth for nth in range(1, 5)]
        opened = ev.Opened(
            STUDY,
            number,
            VERSION,
            pinned,
            block_hash(pinned),
            self._base_hash,
            number - 1,
            number - 1,
            *deadlines,
        )
        self._emit(opened, seconds=10)
        commitments = [self._commitment(pinned) for _ in self.terms.sites]
        for site, commitment in zip(self.terms.sites, commitments, strict=True):
            self._emit(ev.Committed(STUDY, number, site, commitment))
        rho = rho_of_round(self.terms.noise_multiplier)
        self._spent += rho
        sealed = resealed(
            self.contracts,
            ev.Sealed(
                STUDY,
                number,
                self.terms.sites,
                block_hash(self._block),
                bytes(32),
                rho,
                self._spent,
            ),
            commitments,
        )
        block = self._emit(sealed, seconds=10)
        part = SealedRound(
            contracts=self.contracts,
            terms=self.terms,
            recipe=self.recipe,
            opened=opened,
            opened_at=opened_at,
            commitments=commitments,
            sealed=sealed,
            seal_block=block,
            masked=self._masked(),
            base=self._base,
        )
        closed, objects, self._base = close(part, self._keys, Closing())
        for data in objects:
            self.objects.add(data)
        self._base_hash = closed.checkpoint_hash
        self._emit(closed, seconds=10)

    def _commitment(self, block: int) -> Commitment:
        return Commitment(
            attempt=1,
            cohort_root=secrets.token_bytes(32),
            cohort_size=PATIENTS,
            block_number=block,
            block_hash=block_hash(block),
            epoch=0,
            vector_hash=secrets.token_bytes(32),
            mask_key=secrets.token_bytes(31) + b"\1",  # as canonical as a real one
            environment_hash=sha256(b"environment"),
        )

    def _masked(self) -> list[memoryview]:
        """Words that look uniform and whose sum is that of a few clipped, noised gradients."""
        draw, length = self._generator, self.size.parameters
        words = [draw.integers(0, 2**64, length, np.uint64) for _ in self.terms.sites[1:]]
        scale = float(self.terms.clipping_norm) / length**0.5
        total = np.rint(draw.normal(size=length) * scale).astype(np.int64).view(np.uint64)
        for word in words:
            total -= word
        # no copies: a hundred of a million numbers are 800 MB
        return [memoryview(word).cast("B") for word in (*words, total)]

    def write(self, folder: Path) -> bytes:
        """Writes the bundle; the hash of the block to trust."""
        block = Block(self._block + 1, self._time + 1, block_hash(self._block))
        state = ProvenState(self.contracts, STUDY, self.code, block)
        files = state.evidence(self.records, self._spent)
        header = parse_header(files["chain/header.rlp"])
        accounts = tuple(
            _Named(contract=name, address=state.address(name)) for name in CONTRACT_NAMES
        )
        evidence = _Evidence(
            self.contracts.chain_id,
            self.origin,
            STUDY,
            _Named(header.number, header.hash),
            accounts,
            files,
        )
        documents = {f"documents/1/{name}": data for name, data in self.documents.items()}
        write_bundle(folder, evidence, documents, self.objects)
        return header.hash
