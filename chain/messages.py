"""Structs of the contracts, and the messages that people and sites sign (EIP-712). Pure.

Fields have the order of `contracts/interfaces/*.sol`, which says what each means; hashes are
32 bytes, addresses EIP-55 strings, times seconds since 1970, rho and delta in 1e-18. Every struct
refuses values that do not fit (ValueError).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chain.purposes import Purpose
from chain.signing import (
    Domain,
    SignedMessage,
    Struct,
    account_of_signer,
    consent_domain,
    ledger_domain,
    recover,
    registry_domain,
    signer_of_account,
)
from chain.solidity import (
    Address,
    Bool,
    Bytes8,
    Bytes32,
    Uint8,
    Uint16,
    Uint32,
    Uint40,
    Uint64,
    Uint256,
    abi_type,
    to_abi,
)

__all__ = [
    "AbortReason",
    "Approval",
    "Closure",
    "Commitment",
    "Consent",
    "Delivery",
    "Domain",
    "Enrolment",
    "Grant",
    "LateRevocation",
    "Purpose",
    "Resumption",
    "Revocation",
    "Round",
    "RoundState",
    "SignedMessage",
    "Site",
    "Study",
    "Suspension",
    "Terms",
    "account_of_signer",
    "consent_domain",
    "language_tag",
    "ledger_domain",
    "recover",
    "registry_domain",
    "rho_of_round",
    "seal_digest",
    "signer_of_account",
    "split_token_id",
    "terms_hash",
    "token_id",
]


class LateRevocation(IntEnum):
    """What happens to a sealed round when a consent that it used is withdrawn."""

    ABANDON = 0
    PROCEED = 1


class RoundState(IntEnum):
    NONE = 0
    OPEN = 1
    SEALED = 2
    CLOSED = 3
    ABORTED = 4


class AbortReason(IntEnum):
    COORDINATOR = 0
    SEAL_DEADLINE_PASSED = 1
    CLOSE_DEADLINE_PASSED = 2
    CONSENT_CHANGED = 3
    STUDY_CHANGED = 4


@dataclass(frozen=True)
class Terms(Struct):
    """Everything that a round of a study depends on; `terms_hash` is what reviewers sign."""

    protocol_hash: Bytes32
    consent_text_hash: Bytes32
    app_hash: Bytes32
    recipe_hash: Bytes32
    initial_checkpoint: Bytes32
    purposes: Uint64
    coordinator: Address
    sites: tuple[Address, ...]
    min_cohort: Uint32
    min_sites: Uint16
    tolerated_colluders: Uint16
    vector_length: Uint32
    fraction_bits: Uint8
    clipping_norm: Uint64
    noise_multiplier: Uint64
    delta: Uint64
    rho_ceiling: Uint256
    commit_seconds: Uint32
    seal_seconds: Uint32
    delivery_seconds: Uint32
    close_seconds: Uint32
    late_revocation: LateRevocation


@dataclass(frozen=True)
class Site(Struct):
    """A hospital's keys as the registry holds them; `registered_at` is 0 for an unknown site."""

    enrolment_key: Address
    noise_secret_hash: Bytes32
    registered_at: Uint40


@dataclass(frozen=True)
class Study(Struct):
    """A study's standing."""

    sponsor: Address
    threshold: Uint16
    proposed_version: Uint32
    current_version: Uint32
    consent_version: Uint32
    suspensions: Uint32
    suspended: Bool


@dataclass(frozen=True)
class Approval(SignedMessage):
    study_id: Uint64
    version: Uint32
    terms_hash: Bytes32


@dataclass(frozen=True)
class Suspension(SignedMessage):
    study_id: Uint64
    suspensions: Uint32


@dataclass(frozen=True)
class Resumption(SignedMessage):
    study_id: Uint64
    suspensions: Uint32


@dataclass(frozen=True)
class Grant(SignedMessage):
    """One patient's consent, signed by its holder."""

    study_id: Uint64
    terms_hash: Bytes32
    site: Address
    holder: Address
    purposes: Uint64
    use_start: Uint40
    use_end: Uint40
    data_start: Uint40
    data_end: Uint40
    record_commitment: Bytes32
    consent_text_hash: Bytes32
    language: Bytes8
    revocation_counter: Uint64
    deadline: Uint40


@dataclass(frozen=True)
class Enrolment(SignedMessage):
    """A site's one-use statement, signed by its enrolment key, that it holds a holder's record."""

    study_id: Uint64
    site: Address
    holder: Address
    record_tag: Bytes32
    record_commitment: Bytes32
    nonce: Bytes32
    deadline: Uint40


@dataclass(frozen=True)
class Revocation(SignedMessage):
    token_id: Uint256


@dataclass(frozen=True)
class Consent(Struct):
    """What the chain keeps of a token; `revoked_at` is 0 while it stands."""

    purposes: Uint64
    use_start: Uint40
    use_end: Uint40
    data_start: Uint40
    data_end: Uint40
    version: Uint32
    holder: Address
    granted_at: Uint40
    revoked_at: Uint40
    record_tag: Bytes32
    record_commitment: Bytes32


@dataclass(frozen=True)
class Round(Struct):
    """A round's standing; hashes are zero until it has come that far."""

    state: RoundState
    version: Uint32
    previous_sealed: Uint32
    previous_closed: Uint32
    opened_at: Uint40
    commit_deadline: Uint40
    seal_deadline: Uint40
    delivery_deadline: Uint40
    close_deadline: Uint40
    pinned_block: Uint64
    pinned_block_hash: Bytes32
    base: Bytes32
    seal_digest: Bytes32
    checkpoint_hash: Bytes32
    manifest_hash: Bytes32


@dataclass(frozen=True)
class Commitment(Struct):
    """One site's part of a round before the seal."""

    attempt: Uint32
    cohort_root: Bytes32
    cohort_size: Uint32
    block_number: Uint64
    block_hash: Bytes32
    epoch: Uint64
    vector_hash: Bytes32
    mask_key: Bytes32
    environment_hash: Bytes32


@dataclass(frozen=True)
class Delivery(SignedMessage):
    """A member's statement that `masked_hash` (SHA-256) is its contribution to the sealed round."""

    seal_digest: Bytes32
    masked_hash: Bytes32


@dataclass(frozen=True)
class Closure(SignedMessage):
    """The coordinator's statement of what a sealed round made."""

    seal_digest: Bytes32
    checkpoint_hash: Bytes32
    manifest_hash: Bytes32


def terms_hash(terms: Terms) -> bytes:
    """EIP-712 struct hash of the terms, as `StudyRegistry.hashTerms`."""
    return terms.struct_hash()


def seal_digest(
    chain_id: int,
    ledger: str,
    study_id: int,
    round_: int,
    parent_hash: bytes,
    members: Sequence[str],
    commitments: Sequence[Commitment],
) -> bytes:
    """What a sealed round is, as `RoundLedger` computes it; members in the order of Terms.sites."""
    if len(members) != len(commitments):
        raise ValueError(f"{len(members)} members cannot have {len(commitments)} commitments")
    kinds = ["uint256", "address", "uint64", "uint32", "bytes32", "address[]"]
    values = [chain_id, ledger, study_id, round_, parent_hash, list(members)]
    sealed = to_abi(tuple(commitments), tuple[Commitment, ...])
    return keccak(encode([*kinds, abi_type(Commitment) + "[]"], [*values, sealed]))


def token_id(study_id: int, site: str, index: int) -> int:
    """studyId << 192 | uint160(site) << 32 | index (IConsentToken)."""
    if not 0 <= study_id < 1 << 64 or not 0 <= index < 1 << 32:
        raise ValueError(f"no token has study {study_id} and index {index}")
    return study_id << 192 | int(site, 16) << 32 | index


def split_token_id(token: int) -> tuple[int, str, int]:
    """(study, site, index) of a token id; the inverse of `token_id`."""
    site = (token >> 32 & (1 << 160) - 1).to_bytes(20)
    return token >> 192, account_of_signer(site), token & 0xFFFFFFFF


def rho_of_round(noise_multiplier: int) -> int:
    """zCDP rho that one round costs, in 1e-18: ceil(1e30 / (2 sigma^2)) + 1, sigma in millionths.

    rho = 1 / (2 sigma^2) is the Gaussian mechanism's (Bun and Steinke 2016, proposition 1.6).
    """
    if noise_multiplier <= 0:
        raise ValueError("the noise multiplier must be positive")
    return -(-(10**30) // (2 * noise_multiplier**2)) + 1


def language_tag(tag: str) -> bytes:
    """A BCP 47 tag as the contracts hold it: ASCII, zero padded on the right to 8 bytes."""
    raw = tag.encode("ascii")
    if not 1 <= len(raw) <= 8:
        raise ValueError(f"the language tag {tag!r} must have 1 to 8 ASCII characters")
    return raw.ljust(8, b"\0")
