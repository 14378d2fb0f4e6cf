"""What people, sites and committees sign (EIP-712). Pure.

Import these names from `chain.messages`.
"""

from chain.light_dataclass import light_dataclass
from chain.signing import SignedMessage
from chain.solidity import (
    Address,
    Bytes,
    Bytes8,
    Bytes32,
    Uint24,
    Uint32,
    Uint40,
    Uint64,
    Uint256,
)


@light_dataclass(frozen=True)
class Approval(SignedMessage):
    """A reviewer's, of one version; it holds until second `expires_at`, at most 366 days ahead."""

    study_id: Uint64
    version: Uint32
    terms_hash: Bytes32
    protocol_hash: Bytes32
    consent_text_hash: Bytes32
    dpia_hash: Bytes32
    expires_at: Uint40


@light_dataclass(frozen=True)
class Suspension(SignedMessage):
    study_id: Uint64
    suspensions: Uint32


@light_dataclass(frozen=True)
class Resumption(SignedMessage):
    study_id: Uint64
    suspensions: Uint32


@light_dataclass(frozen=True)
class Replacement(SignedMessage):
    """k reviewers put `incoming` in the place of `outgoing`."""

    study_id: Uint64
    replacements: Uint32
    outgoing: Address
    incoming: Address


@light_dataclass(frozen=True)
class Readmission(SignedMessage):
    """One reviewer lets a barred site take part again.

    `times`: how often the site was barred (`RoundLedger.timesBarred`), so that the readmission
    lifts no later bar.
    """

    study_id: Uint64
    site: Address
    times: Uint32


@light_dataclass(frozen=True)
class Rollback(SignedMessage):
    """k reviewers make `to_round` the one that the next round starts from (0: the initial one).

    `rollbacks`: how many the study has had (`RoundLedger.rollbacks`), so that each is carried once.
    """

    study_id: Uint64
    to_round: Uint32
    rollbacks: Uint32


@light_dataclass(frozen=True)
class Challenge(SignedMessage):
    """A question to a site about a round: a reviewer's (token 0), or a token's holder's."""

    study_id: Uint64
    round: Uint32
    site: Address
    token_id: Uint256


@light_dataclass(frozen=True)
class Grant(SignedMessage):
    """One patient's consent, signed by its holder."""

    study_id: Uint64
    terms_hash: Bytes32
    site: Address
    holder: Address
    purposes: Uint64
    disease: Uint24
    use_start: Uint40
    use_end: Uint40
    data_start: Uint40
    data_end: Uint40
    record_commitment: Bytes32
    consent_text_hash: Bytes32
    language: Bytes8
    revocation_counter: Uint64
    deadline: Uint40


@light_dataclass(frozen=True)
class Enrolment(SignedMessage):
    """A site's statement, signed by its enrolment key, that it holds a holder's record.

    It serves once: a revocation voids all that were issued (chain time) before.
    """

    study_id: Uint64
    site: Address
    holder: Address
    record_tag: Bytes32
    record_commitment: Bytes32
    issued_at: Uint40
    deadline: Uint40


@light_dataclass(frozen=True)
class Revocation(SignedMessage):
    token_id: Uint256


@light_dataclass(frozen=True)
class Delivery(SignedMessage):
    """A member's statement that `masked_hash` (SHA-256) is its contribution to the sealed round."""

    seal_digest: Bytes32
    masked_hash: Bytes32


@light_dataclass(frozen=True)
class Closure(SignedMessage):
    """The coordinator's statement of what a sealed round made."""

    seal_digest: Bytes32
    checkpoint_hash: Bytes32
    manifest_hash: Bytes32


@light_dataclass(frozen=True)
class Execution(SignedMessage):
    """A call that k members of a deployment's consortium agree on."""

    target: Address
    data: Bytes
    nonce: Uint256
