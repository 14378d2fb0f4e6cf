"""What each event of the three contracts holds. Pure: no provider.

One frozen dataclass an event, with the fields and order of `contracts/interfaces/*.sol`; the study
is the only indexed argument of each (0 for events of the whole registry). Import these names from
`chain.events`.
"""

from typing import ClassVar, Literal

from eth_utils.crypto import keccak

from chain.light_dataclass import light_dataclass
from chain.messages import AbortReason, Commitment, Grant, Terms
from chain.solidity import (
    Address,
    Bytes,
    Bytes32,
    Uint16,
    Uint32,
    Uint40,
    Uint64,
    Uint256,
    abi_type,
    members,
)

ContractName = Literal["StudyRegistry", "ConsentToken", "RoundLedger"]
CONTRACT_NAMES: tuple[ContractName, ...] = ("StudyRegistry", "ConsentToken", "RoundLedger")


@light_dataclass(frozen=True)
class Event:
    """Base of every event."""

    contract: ClassVar[ContractName]
    study_id: Uint64

    @classmethod
    def abi_signature(cls) -> str:
        """Name and ABI types, e.g. `Suspended(uint64,address,uint32)`."""
        return f"{cls.__name__}({','.join(abi_type(hint) for _, hint in members(cls))})"

    @classmethod
    def topic0(cls) -> bytes:
        """keccak256 of the signature: the log's first topic."""
        return keccak(text=cls.abi_signature())


@light_dataclass(frozen=True)
class RegistryEvent(Event):
    contract = "StudyRegistry"


@light_dataclass(frozen=True)
class ConsentEvent(Event):
    contract = "ConsentToken"


@light_dataclass(frozen=True)
class LedgerEvent(Event):
    contract = "RoundLedger"


@light_dataclass(frozen=True)
class SiteRegistered(RegistryEvent):
    site: Address
    enrolment_key: Address
    noise_secret_hash: Bytes32


@light_dataclass(frozen=True)
class EnrolmentKeyRotated(RegistryEvent):
    site: Address
    enrolment_key: Address


@light_dataclass(frozen=True)
class StudyProposed(RegistryEvent):
    sponsor: Address
    reviewers: tuple[Address, ...]
    threshold: Uint16


@light_dataclass(frozen=True)
class VersionProposed(RegistryEvent):
    version: Uint32
    terms_hash: Bytes32
    terms: Terms


@light_dataclass(frozen=True)
class Approved(RegistryEvent):
    version: Uint32
    reviewer: Address
    expires_at: Uint40
    signer: Bytes
    signature: Bytes


@light_dataclass(frozen=True)
class VersionActivated(RegistryEvent):
    version: Uint32
    consent_version: Uint32
    approved_until: Uint40


@light_dataclass(frozen=True)
class ApprovalExtended(RegistryEvent):
    version: Uint32
    approved_until: Uint40


@light_dataclass(frozen=True)
class ReviewerReplaced(RegistryEvent):
    outgoing: Address
    incoming: Address
    replacements: Uint32


@light_dataclass(frozen=True)
class Suspended(RegistryEvent):
    reviewer: Address
    suspensions: Uint32


@light_dataclass(frozen=True)
class Resumed(RegistryEvent):
    suspensions: Uint32


@light_dataclass(frozen=True)
class SuccessorRecorded(RegistryEvent):
    successor: Address


@light_dataclass(frozen=True)
class Granted(ConsentEvent):
    token_id: Uint256
    version: Uint32
    grant: Grant
    record_tag: Bytes32


@light_dataclass(frozen=True)
class Revoked(ConsentEvent):
    token_id: Uint256
    holder: Address
    epoch: Uint64
    revocation_counter: Uint64


@light_dataclass(frozen=True)
class Opened(LedgerEvent):
    round: Uint32
    version: Uint32
    pinned_block: Uint64
    pinned_block_hash: Bytes32
    base: Bytes32
    previous_sealed: Uint32
    previous_closed: Uint32
    commit_deadline: Uint40
    seal_deadline: Uint40
    delivery_deadline: Uint40
    close_deadline: Uint40


@light_dataclass(frozen=True)
class Committed(LedgerEvent):
    round: Uint32
    site: Address
    commitment: Commitment


@light_dataclass(frozen=True)
class Sealed(LedgerEvent):
    round: Uint32
    members: tuple[Address, ...]
    parent_hash: Bytes32
    seal_digest: Bytes32
    rho: Uint256
    rho_spent: Uint256


@light_dataclass(frozen=True)
class Closed(LedgerEvent):
    round: Uint32
    checkpoint_hash: Bytes32
    manifest_hash: Bytes32
    masked_hashes: tuple[Bytes32, ...]
    delivery_signatures: tuple[Bytes, ...]
    coordinator_signature: Bytes


@light_dataclass(frozen=True)
class Aborted(LedgerEvent):
    round: Uint32
    reason: AbortReason


@light_dataclass(frozen=True)
class DeliveryRecorded(LedgerEvent):
    round: Uint32
    site: Address
    masked_hash: Bytes32


@light_dataclass(frozen=True)
class Barred(LedgerEvent):
    round: Uint32
    site: Address
    times: Uint32


@light_dataclass(frozen=True)
class Readmitted(LedgerEvent):
    round: Uint32
    site: Address
    reviewer: Address


@light_dataclass(frozen=True)
class Challenged(LedgerEvent):
    round: Uint32
    site: Address
    token_id: Uint256
    answer_by: Uint40


@light_dataclass(frozen=True)
class Answered(LedgerEvent):
    round: Uint32
    site: Address
    token_id: Uint256
    answer_hash: Bytes32


@light_dataclass(frozen=True)
class Faulted(LedgerEvent):
    round: Uint32
    site: Address
    token_id: Uint256


@light_dataclass(frozen=True)
class RolledBack(LedgerEvent):
    to_round: Uint32
    from_round: Uint32
    rollbacks: Uint32
    signers: tuple[Bytes, ...]
    signatures: tuple[Bytes, ...]


EVENTS: tuple[type[Event], ...] = (
    SiteRegistered,
    EnrolmentKeyRotated,
    StudyProposed,
    VersionProposed,
    Approved,
    VersionActivated,
    ApprovalExtended,
    ReviewerReplaced,
    Suspended,
    Resumed,
    SuccessorRecorded,
    Granted,
    Revoked,
    Opened,
    Committed,
    Sealed,
    Closed,
    Aborted,
    DeliveryRecorded,
    Barred,
    Readmitted,
    Challenged,
    Answered,
    Faulted,
    RolledBack,
)
