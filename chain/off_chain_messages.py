"""What people and sites sign for each other and no contract ever sees (EIP-712). Pure.

They have the ConsentToken's domain, so that each is for one deployment on one chain, and types of
their own, so that none can be taken for a consent. Whoever acts on one checks the signature itself
(`chain.signatures`): a coordinator carries them and is not believed.
Import these names from `chain.messages`.
"""

from chain.light_dataclass import light_dataclass
from chain.signing import SignedMessage
from chain.solidity import Address, Bytes32, Uint32, Uint40, Uint64


@light_dataclass(frozen=True)
class ReceiptKey(SignedMessage):
    """A holder's: receipts about my tokens are to be encrypted to this X25519 key (RFC 7748).

    `x25519` is the public key, 32 bytes; `issued_at` in seconds since 1970. Of two the later
    counts. Sites encrypt to no key that is not named so.
    """

    holder: Address
    x25519: Bytes32
    issued_at: Uint40


@light_dataclass(frozen=True)
class ErasureRequest(SignedMessage):
    """A holder's: sites of my tokens shall destroy what links a record to this address."""

    holder: Address
    requested_at: Uint40


@light_dataclass(frozen=True)
class Erased(SignedMessage):
    """A site's account's: nothing links a record to this holder here any more.

    The salt of the record is destroyed, so that the commitments on chain lead nowhere.
    """

    study_id: Uint64
    site: Address
    holder: Address
    erased_at: Uint40


@light_dataclass(frozen=True)
class Replayed(SignedMessage):
    """A site's account's: this report is what a replay of our part of the round showed.

    `report_hash` is the SHA-256 of an `audit.replays.ReplayReport`.
    """

    study_id: Uint64
    round: Uint32
    site: Address
    report_hash: Bytes32
