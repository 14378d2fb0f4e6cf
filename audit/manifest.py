"""The manifest of a closed round: canonical JSON that names everything the round used and made.

The coordinator writes one with `build`; the verifier builds the same from the replayed events and
compares, so the two cannot drift apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audit import canonical_json, fields
from audit.cid import cid_of_large, cid_of_sha256, digest_of, is_cid_of_large, sha256_of_cid
from audit.errors import AuditError, ManifestInvalid
from audit.unixfs import BLOCK_BYTES, is_large
from chain.messages import Commitment, Round, Terms, terms_hash

SCHEMA = "assent-manifest-2"


@dataclass(frozen=True)
class Contracts:
    """Which contracts a study lives in: chain id and EIP-55 addresses."""

    chain_id: int
    registry: str
    consent_token: str
    ledger: str


class Deployed(Protocol):
    """The part of `chain.deployment.Deployment` that a manifest names."""

    @property
    def chain_id(self) -> int: ...

    @property
    def registry(self) -> str: ...

    @property
    def consent_token(self) -> str: ...

    @property
    def ledger(self) -> str: ...


@dataclass(frozen=True)
class ObjectRef:
    """An object by the SHA-256 (32 bytes) that names it (`audit.cid.digest_of`).

    ``is_large``: it has more than 1 MiB; its CID then is that of its root.
    """

    sha256: bytes
    is_large: bool = False

    @property
    def cid(self) -> str:
        return cid_of_large(self.sha256) if self.is_large else cid_of_sha256(self.sha256)


@dataclass(frozen=True)
class Contribution:
    """One member's part: its sealed commitment and its masked vector."""

    site: str
    commitment: Commitment
    masked: ObjectRef


@dataclass(frozen=True)
class ManifestFacts:
    """What a manifest is built from, once a round is sealed and its vectors are delivered.

    ``round`` as the ledger holds it; ``members`` and their sealed ``commitments`` and ``masked``
    vectors (bytes, or references where the hash is known) in the seal's order; ``parent_hash``,
    ``rho`` and ``rho_spent`` from the Sealed event and ``seal_block`` its block; ``total`` int64
    [D], the unmasked sum in grid steps; ``count`` the cohort sizes' sum; ``checkpoint`` the new
    checkpoint's bytes or reference.
    """

    deployment: Deployed
    study_id: int
    round_number: int
    round: Round
    terms: Terms
    members: tuple[str, ...]
    commitments: tuple[Commitment, ...]
    masked: tuple[bytes | ObjectRef, ...]
    parent_hash: bytes
    seal_block: int
    count: int
    total: NDArray[np.int64]
    checkpoint: bytes | ObjectRef
    rho: int
    rho_spent: int


@dataclass(frozen=True)
class Manifest:
    """What `build` and `parse` give; hashes are 32 bytes, ``sum_hash`` of `hash_of_sum`."""

    contracts: Contracts
    study: int
    round: int
    version: int
    terms_hash: bytes
    recipe_hash: bytes
    app_hash: bytes
    base: bytes
    previous_sealed: int
    previous_closed: int
    pinned_block: tuple[int, bytes]
    seal_digest: bytes
    seal_parent_hash: bytes
    seal_block: int
    contributions: tuple[Contribution, ...]
    count: int
    sum_hash: bytes
    checkpoint: ObjectRef
    rho: int
    rho_spent: int

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "schema": SCHEMA,
            "chain": {
                "chain_id": self.contracts.chain_id,
                "registry": self.contracts.registry,
                "consent_token": self.contracts.consent_token,
                "ledger": self.contracts.ledger,
            },
            "study": self.study,
            "round": self.round,
            "version": self.version,
            "terms_hash": fields.hex_of(self.terms_hash),
            "recipe_hash": fields.hex_of(self.recipe_hash),
            "app_hash": fields.hex_of(self.app_hash),
            "base": fields.hex_of(self.base),
            "previous_sealed": self.previous_sealed,
            "previous_closed": self.previous_closed,
            "pinned_block": {
                "number": self.pinned_block[0],
                "hash": fields.hex_of(self.pinned_block[1]),
            },
            "seal": {
                "digest": fields.hex_of(self.seal_digest),
                "parent_hash": fields.hex_of(self.seal_parent_hash),
                "block": self.seal_block,
            },
            "contributions": [
                {
                    "site": part.site,
                    "commitment": _commitment_to_json(part.commitment),
                    "masked": _object_to_json(part.masked),
                }
                for part in self.contributions
            ],
            "count": self.count,
            "sum_hash": fields.hex_of(self.sum_hash),
            "checkpoint": _object_to_json(self.checkpoint),
            "rho": str(self.rho),
            "rho_spent": str(self.rho_spent),
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json.dumps(self.to_json())


def manifest_of(facts: ManifestFacts) -> Manifest:
    """The manifest of a round. Raises ManifestInvalid when members, commitments and vectors differ
    in number, or the round is not sealed.
    """
    parts = (facts.members, facts.commitments, facts.masked)
    if len({len(part) for part in parts}) != 1 or not facts.members:
        raise ManifestInvalid(
            f"round {facts.round_number} has {len(facts.members)} members,"
            f" {len(facts.commitments)} commitments and {len(facts.masked)} masked vectors"
        )
    if not any(facts.round.seal_digest):
        raise ManifestInvalid(f"round {facts.round_number} is not sealed")
    deployed = facts.deployment
    return Manifest(
        contracts=Contracts(
            deployed.chain_id, deployed.registry, deployed.consent_token, deployed.ledger
        ),
        study=facts.study_id,
        round=facts.round_number,
        version=facts.round.version,
        terms_hash=terms_hash(facts.terms),
        recipe_hash=facts.terms.recipe_hash,
        app_hash=facts.terms.app_hash,
        base=facts.round.base,
        previous_sealed=facts.round.previous_sealed,
        previous_closed=facts.round.previous_closed,
        pinned_block=(facts.round.pinned_block, facts.round.pinned_block_hash),
        seal_digest=facts.round.seal_digest,
        seal_parent_hash=facts.parent_hash,
        seal_block=facts.seal_block,
        contributions=tuple(
            Contribution(site, commitment, _reference(vector))
            for site, commitment, vector in zip(*parts, strict=True)
        ),
        count=facts.count,
        sum_hash=hash_of_sum(facts.total),
        checkpoint=_reference(facts.checkpoint),
        rho=facts.rho,
        rho_spent=facts.rho_spent,
    )


def hash_of_sum(total: NDArray[np.int64]) -> bytes:
    """SHA-256 (32 bytes) of the unmasked sum in grid steps, int64 [D], as 8 D bytes, each number
    little endian. The sum itself is whatever the masked vectors add up to.
    """
    return hashlib.sha256(np.ascontiguousarray(total, "<i8").data).digest()


def _reference(data: bytes | ObjectRef) -> ObjectRef:
    if isinstance(data, ObjectRef):
        return data
    return ObjectRef(digest_of(data), is_large(len(data)))


def build(facts: ManifestFacts) -> bytes:
    """The manifest's canonical bytes. Raises ManifestInvalid as `manifest_of`."""
    return manifest_of(facts).to_bytes()


def parse(data: bytes) -> Manifest:
    """The manifest of canonical JSON bytes.

    Raises NotCanonical or ManifestInvalid, which names the missing, unknown or mistyped field.
    """
    if len(data) > BLOCK_BYTES:
        raise ManifestInvalid(f"a manifest has at most {BLOCK_BYTES} bytes, not {len(data)}")
    value = canonical_json.loads(data, "manifest")
    try:
        return _parse(value)
    except (fields.FieldInvalid, AuditError) as error:
        raise ManifestInvalid(f"manifest: {error}") from error


def _parse(value: Any) -> Manifest:
    top = [name for name in Manifest.__dataclass_fields__ if not name.startswith("seal_")]
    top[top.index("contracts")] = "chain"
    fields.members(value, [*top, "schema", "seal"], "manifest")
    if value["schema"] != SCHEMA:
        raise ManifestInvalid(f"unknown schema {value['schema']!r}")
    chain = fields.members(
        value["chain"], ("chain_id", "registry", "consent_token", "ledger"), "chain"
    )
    pinned = fields.members(value["pinned_block"], ("number", "hash"), "pinned_block")
    seal = fields.members(value["seal"], ("digest", "parent_hash", "block"), "seal")
    return Manifest(
        contracts=Contracts(
            fields.integer(chain["chain_id"], "chain.chain_id"),
            fields.address(chain["registry"], "chain.registry"),
            fields.address(chain["consent_token"], "chain.consent_token"),
            fields.address(chain["ledger"], "chain.ledger"),
        ),
        study=fields.integer(value["study"], "study"),
        round=fields.integer(value["round"], "round"),
        version=fields.integer(value["version"], "version"),
        terms_hash=fields.bytes32(value["terms_hash"], "terms_hash"),
        recipe_hash=fields.bytes32(value["recipe_hash"], "recipe_hash"),
        app_hash=fields.bytes32(value["app_hash"], "app_hash"),
        base=fields.bytes32(value["base"], "base"),
        previous_sealed=fields.integer(value["previous_sealed"], "previous_sealed"),
        previous_closed=fields.integer(value["previous_closed"], "previous_closed"),
        pinned_block=(
            fields.integer(pinned["number"], "pinned_block.number"),
            fields.bytes32(pinned["hash"], "pinned_block.hash"),
        ),
        seal_digest=fields.bytes32(seal["digest"], "seal.digest"),
        seal_parent_hash=fields.bytes32(seal["parent_hash"], "seal.parent_hash"),
        seal_block=fields.integer(seal["block"], "seal.block"),
        contributions=fields.array(value["contributions"], "contributions", _contribution, 10_000),
        count=fields.integer(value["count"], "count"),
        sum_hash=fields.bytes32(value["sum_hash"], "sum_hash"),
        checkpoint=_object(value["checkpoint"], "checkpoint"),
        rho=fields.decimal(value["rho"], "rho"),
        rho_spent=fields.decimal(value["rho_spent"], "rho_spent"),
    )


def _contribution(value: Any, where: str) -> Contribution:
    fields.members(value, ("site", "commitment", "masked"), where)
    return Contribution(
        fields.address(value["site"], f"{where}.site"),
        _commitment(value["commitment"], f"{where}.commitment"),
        _object(value["masked"], f"{where}.masked"),
    )


_COMMITMENT: dict[str, Callable[[Any, str], Any]] = {
    "attempt": fields.integer,
    "cohort_root": fields.bytes32,
    "cohort_size": fields.integer,
    "block_number": fields.integer,
    "block_hash": fields.bytes32,
    "epoch": fields.integer,
    "vector_hash": fields.bytes32,
    "mask_key": fields.bytes32,
    "environment_hash": fields.bytes32,
}


def _commitment(value: Any, where: str) -> Commitment:
    fields.members(value, _COMMITMENT, where)
    try:
        return Commitment(
            **{name: read(value[name], f"{where}.{name}") for name, read in _COMMITMENT.items()}
        )
    except ValueError as error:  # a number wider than Solidity's type
        raise fields.FieldInvalid(f"{where}: {error}") from error


def _commitment_to_json(commitment: Commitment) -> dict[str, Any]:
    values = {name: getattr(commitment, name) for name in _COMMITMENT}
    return {
        name: fields.hex_of(value) if isinstance(value, bytes) else value
        for name, value in values.items()
    }


def _object(value: Any, where: str) -> ObjectRef:
    fields.members(value, ("sha256", "cid"), where)
    digest = fields.bytes32(value["sha256"], f"{where}.sha256")
    cid = fields.text(value["cid"], f"{where}.cid")
    if sha256_of_cid(cid) != digest:
        raise fields.FieldInvalid(f"{where}.cid names another object than {where}.sha256")
    return ObjectRef(digest, is_cid_of_large(cid))


def _object_to_json(ref: ObjectRef) -> dict[str, str]:
    return {"sha256": fields.hex_of(ref.sha256), "cid": ref.cid}
