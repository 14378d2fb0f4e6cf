"""Structs of the contracts, and the messages that people and sites sign (EIP-712). Pure.

Fields have the order of `contracts/interfaces/*.sol`, which says what each means; hashes are
32 bytes, addresses EIP-55 strings, times seconds since 1970, rho and delta in 1e-18. Every struct
refuses values that do not fit (ValueError).
"""

from collections.abc import Sequence
from functools import lru_cache

from chain.hashing import keccak
from chain.off_chain_messages import Erased, ErasureRequest, ReceiptKey, Replayed
from chain.purposes import Purpose
from chain.signed_messages import (
    Approval,
    Challenge,
    Closure,
    Delivery,
    Enrolment,
    Execution,
    Grant,
    Readmission,
    Replacement,
    Resumption,
    Revocation,
    Rollback,
    Suspension,
)
from chain.signing import (
    Domain,
    SignedMessage,
    Struct,
    account_of_signer,
    consent_domain,
    consortium_domain,
    ledger_domain,
    recover,
    registry_domain,
    signer_of_account,
)
from chain.solidity import Address, Bytes32, Uint32, Uint64, Uint256
from chain.structs import (
    AbortReason,
    ChallengeRecord,
    Commitment,
    Consent,
    EnrolmentProof,
    GrantRules,
    LateRevocation,
    Round,
    RoundRules,
    RoundState,
    Site,
    Standing,
    Study,
    Terms,
)
from chain.words import values_writer

__all__ = [
    "AbortReason",
    "Approval",
    "Challenge",
    "ChallengeRecord",
    "Closure",
    "Commitment",
    "Consent",
    "Delivery",
    "Domain",
    "Enrolment",
    "EnrolmentProof",
    "Erased",
    "ErasureRequest",
    "Execution",
    "Grant",
    "GrantRules",
    "LateRevocation",
    "Purpose",
    "Readmission",
    "ReceiptKey",
    "Replacement",
    "Replayed",
    "Resumption",
    "Revocation",
    "Rollback",
    "Round",
    "RoundRules",
    "RoundState",
    "SignedMessage",
    "Site",
    "Standing",
    "Struct",
    "Study",
    "Suspension",
    "Terms",
    "account_of_signer",
    "approval_for",
    "consent_domain",
    "consortium_domain",
    "enrolment_proof",
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


_SEALED = values_writer(
    (Uint256, Address, Uint64, Uint32, Bytes32, tuple[Address, ...], tuple[Commitment, ...])
)


@lru_cache(maxsize=64)  # of a dynamic struct, and every round's manifest names it
def terms_hash(terms: Terms) -> bytes:
    """EIP-712 struct hash of the terms, as `StudyRegistry.hashTerms`."""
    return terms.struct_hash()


def approval_for(study_id: int, version: int, terms: Terms, expires_at: int) -> Approval:
    """What a reviewer signs to approve a version until second `expires_at`."""
    return Approval(
        study_id,
        version,
        terms_hash(terms),
        terms.protocol_hash,
        terms.consent_text_hash,
        terms.dpia_hash,
        expires_at,
    )


def enrolment_proof(enrolment: Enrolment, signature: bytes) -> EnrolmentProof:
    """A signed enrolment as it is submitted beside the grant that says the rest of it."""
    return EnrolmentProof(enrolment.record_tag, enrolment.issued_at, enrolment.deadline, signature)


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
    values = (chain_id, ledger, study_id, round_, parent_hash, tuple(members), tuple(commitments))
    return keccak(_SEALED(values))


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
