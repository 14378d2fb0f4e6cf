"""Structs and enums of the contracts. Pure. Import these names from `chain.messages`."""

from enum import IntEnum

from chain.light_dataclass import light_dataclass
from chain.signing import Struct
from chain.solidity import (
    Address,
    Bool,
    Bytes,
    Bytes32,
    Uint8,
    Uint16,
    Uint24,
    Uint32,
    Uint40,
    Uint64,
    Uint256,
)


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


@light_dataclass(frozen=True)
class Terms(Struct):
    """Everything that a round of a study depends on; `terms_hash` is what reviewers sign."""

    protocol_hash: Bytes32
    consent_text_hash: Bytes32
    dpia_hash: Bytes32
    app_hash: Bytes32
    recipe_hash: Bytes32
    initial_checkpoint: Bytes32
    purposes: Uint64
    disease: Uint24
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
    challenge_seconds: Uint32
    answer_seconds: Uint32
    waiting_rounds: Uint16
    max_charged_aborts: Uint16
    late_revocation: LateRevocation


@light_dataclass(frozen=True)
class Site(Struct):
    """A hospital's keys as the registry holds them; `registered_at` is 0 for an unknown site."""

    enrolment_key: Address
    noise_secret_hash: Bytes32
    registered_at: Uint40


@light_dataclass(frozen=True)
class Study(Struct):
    """Who answers for a study, and where it stands.

    `disease` is a MONDO number (0: none) and `approved_until` the first second at which the
    approval of the version in force has expired.
    """

    sponsor: Address
    threshold: Uint16
    proposed_version: Uint32
    replacements: Uint32
    current_version: Uint32
    consent_version: Uint32
    suspensions: Uint32
    suspended: Bool
    approved_until: Uint40
    disease: Uint24


@light_dataclass(frozen=True)
class Standing(Struct):
    """What the predicate depends on, of one study."""

    usable: Bool
    current_version: Uint32
    consent_version: Uint32
    suspensions: Uint32
    approved_until: Uint40
    disease: Uint24


@light_dataclass(frozen=True)
class GrantRules(Struct):
    """What a grant is held to; the key is the zero address when it is no site of the study."""

    standing: Standing
    terms_hash: Bytes32
    consent_text_hash: Bytes32
    enrolment_key: Address


@light_dataclass(frozen=True)
class RoundRules(Struct):
    """The members of Terms that a round is run by."""

    coordinator: Address
    min_cohort: Uint32
    min_sites: Uint16
    noise_multiplier: Uint64
    rho_ceiling: Uint256
    commit_seconds: Uint32
    seal_seconds: Uint32
    delivery_seconds: Uint32
    close_seconds: Uint32
    challenge_seconds: Uint32
    answer_seconds: Uint32
    waiting_rounds: Uint16
    max_charged_aborts: Uint16
    late_revocation: LateRevocation


@light_dataclass(frozen=True)
class EnrolmentProof(Struct):
    """An enrolment as it is submitted: the rest of it are members of the grant beside it."""

    record_tag: Bytes32
    issued_at: Uint40
    deadline: Uint40
    signature: Bytes


@light_dataclass(frozen=True)
class Consent(Struct):
    """What the chain keeps of a token; `revoked_at` is 0 while it stands."""

    purposes: Uint64
    disease: Uint24
    use_start: Uint40
    use_end: Uint40
    data_start: Uint40
    data_end: Uint40
    version: Uint32
    holder: Address
    granted_at: Uint40
    revoked_at: Uint40
    record_commitment: Bytes32


@light_dataclass(frozen=True)
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


@light_dataclass(frozen=True)
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


@light_dataclass(frozen=True)
class ChallengeRecord(Struct):
    """What the ledger keeps of a challenge (IChallenges.Challenge); zeros when there is none.

    `answer_hash` is SHA-256 of the answer, zeros until there is one; `faulted` says that none came.
    """

    answer_by: Uint40
    faulted: Bool
    answer_hash: Bytes32
