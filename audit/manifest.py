"""The manifest of a closed round: canonical JSON that names everything the round used and made.

`build` derives every field that the chain states from the replayed events, so the coordinator that
writes a manifest and the verifier that checks one run the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit import canonical_json, fields
from audit.cid import cid_of_sha256, sha256_of_cid
from audit.consent_state import StudyState
from audit.errors import AuditError, ManifestInvalid
from chain.messages import Commitment

SCHEMA = "assent-manifest-1"


@dataclass(frozen=True)
class Contracts:
    """Which contracts a study lives in: chain id and EIP-55 addresses."""

    chain_id: int
    registry: str
    consent_token: str
    ledger: str


@dataclass(frozen=True)
class Contribution:
    """One member's part: its sealed commitment and the SHA-256 of its masked vector's bytes."""

    site: str
    commitment: Commitment
    masked: bytes


@dataclass(frozen=True)
class Manifest:
    """What `build` and `parse` give; hashes are 32 bytes, ``sum`` integers in grid steps [D]."""

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
    sum: tuple[int, ...]
    checkpoint: bytes
    rho: int
    rho_spent: int

    def to_json(self) -> dict[str, Any]:
        """The JSON form; `fields` in the bundle's format description."""
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
            "sum": [str(number) for number in self.sum],
            "checkpoint": _object_to_json(self.checkpoint),
            "rho": str(self.rho),
            "rho_spent": str(self.rho_spent),
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json.dumps(self.to_json())


def build(
    contracts: Contracts,
    state: StudyState,
    round_number: int,
    masked: Sequence[bytes],
    total: NDArray[np.int64],
    checkpoint: bytes,
) -> Manifest:
    """The manifest of a sealed round.

    ``masked``: SHA-256 of each member's masked vector, in the seal's order. ``total``: int64 [D],
    the unmasked sum. ``checkpoint``: SHA-256 of the new checkpoint's bytes. The rest comes from
    ``state``, whose events must include the seal.
    Raises ManifestInvalid when the round is not sealed or the members and vectors differ in number.
    """
    facts = state.history.rounds.get(round_number)
    if facts is None or facts.sealed is None or facts.sealed_at is None:
        raise ManifestInvalid(f"round {round_number} is not sealed")
    commitments = facts.sealed_commitments()
    if not len(commitments) == len(facts.sealed.members) == len(masked):
        raise ManifestInvalid(
            f"round {round_number} has {len(facts.sealed.members)} members,"
            f" {len(commitments)} commitments of theirs and {len(masked)} masked vectors"
        )
    opened, version = facts.opened, state.history.versions[facts.opened.version]
    return Manifest(
        contracts=contracts,
        study=state.history.study_id,
        round=round_number,
        version=opened.version,
        terms_hash=version.terms_hash,
        recipe_hash=version.terms.recipe_hash,
        app_hash=version.terms.app_hash,
        base=opened.base,
        previous_sealed=opened.previous_sealed,
        previous_closed=opened.previous_closed,
        pinned_block=(opened.pinned_block, opened.pinned_block_hash),
        seal_digest=facts.sealed.seal_digest,
        seal_parent_hash=facts.sealed.parent_hash,
        seal_block=facts.sealed_at.block,
        contributions=tuple(
            Contribution(committing.site, committing.commitment, digest)
            for committing, digest in zip(commitments, masked, strict=True)
        ),
        count=sum(committing.commitment.cohort_size for committing in commitments),
        sum=tuple(int(number) for number in total),
        checkpoint=checkpoint,
        rho=facts.sealed.rho,
        rho_spent=facts.sealed.rho_spent,
    )


def parse(data: bytes) -> Manifest:
    """The manifest of canonical JSON bytes.

    Raises NotCanonical or ManifestInvalid, which names the missing, unknown or mistyped field.
    """
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
        sum=fields.array(value["sum"], "sum", _int64, 100_000),
        checkpoint=_object(value["checkpoint"], "checkpoint"),
        rho=fields.decimal(value["rho"], "rho"),
        rho_spent=fields.decimal(value["rho_spent"], "rho_spent"),
    )


def _int64(value: Any, where: str) -> int:
    return fields.decimal(value, where, -(2**63), 2**63 - 1)


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


def _object(value: Any, where: str) -> bytes:
    fields.members(value, ("sha256", "cid"), where)
    digest = fields.bytes32(value["sha256"], f"{where}.sha256")
    if sha256_of_cid(fields.text(value["cid"], f"{where}.cid")) != digest:
        raise fields.FieldInvalid(f"{where}.cid names another object than {where}.sha256")
    return digest


def _object_to_json(digest: bytes) -> dict[str, str]:
    return {"sha256": fields.hex_of(digest), "cid": cid_of_sha256(digest)}
