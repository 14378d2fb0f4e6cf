"""Guardian accounts: which quarter they end with, and what their keys sign. Pure: no provider.

A minor's token is held by a contract account (contracts/interfaces/IGuardianAccount.sol), one for
each patient and study. Its acting key signs Grant and Revocation, ReceiptKey, ErasureRequest and
texts such as a sign-in as any holder would; the account is the signer (`signer_of_account`), and
the signature says what was signed (`approved_...`). Two of its three guardians sign `Rotation`, or
Revocation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum

from eth_abi.abi import encode
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from chain.messages import (
    Domain,
    ErasureRequest,
    Grant,
    ReceiptKey,
    Revocation,
    SignedMessage,
)
from chain.solidity import Bytes, Uint64, abi_type, to_abi

__all__ = [
    "GuardianAct",
    "Quarter",
    "Rotation",
    "approved_grant",
    "approved_revocation",
    "approved_statement",
    "approved_text",
    "guardian_domain",
    "last_quarter_before_majority",
    "quorum_signatures",
    "text_digest",
]


class GuardianAct(IntEnum):
    """What an acting key signed."""

    GRANT = 0
    REVOCATION = 1
    STATEMENT = 2
    MESSAGE = 3


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter (1 to 4) of a year from 1970 to 9999. Raises ValueError for others."""

    year: int
    quarter: int

    def __post_init__(self) -> None:
        if not 1970 <= self.year <= 9999 or not 1 <= self.quarter <= 4:
            raise ValueError(f"there is no quarter {self.quarter} of {self.year}")

    @property
    def first_day(self) -> date:
        return date(self.year, 3 * self.quarter - 2, 1)

    @property
    def start(self) -> int:
        """Its first second (UTC), seconds since 1970: an account's `endsAt`."""
        return int(datetime.combine(self.first_day, datetime.min.time(), UTC).timestamp())


@dataclass(frozen=True)
class Rotation(SignedMessage):
    """Two guardians' statement that the account's acting key is replaced; raises `rotations`."""

    new_key: Bytes
    rotations: Uint64


def guardian_domain(chain_id: int, account: str) -> Domain:
    """Domain of Rotation: the guardian account itself."""
    return Domain("Assent GuardianAccount", chain_id, account)


def last_quarter_before_majority(birth_date: date, majority_age: int = 18) -> Quarter:
    """The quarter at whose first second a guardian account must have stopped granting.

    Its first day is the last one that is earlier than the birthday at which the patient is
    `majority_age` years old, in every time zone; a 29 February counts as 28 February in other
    years, the earlier of the two days that laws use. The quarter says of the birth date no more
    than three months in which it lies. Raises ValueError when `majority_age` is not positive, or
    when the result lies outside [1970, 9999].
    """
    if majority_age <= 0:
        raise ValueError(f"nobody comes of age at {majority_age}")
    # The first day of a quarter is never 28 or 29 February, so which of them counts is no matter.
    year, quarter = birth_date.year + majority_age, (birth_date.month + 2) // 3
    if (birth_date.month, birth_date.day) == (3 * quarter - 2, 1):
        quarter -= 1
    return Quarter(year, quarter) if quarter else Quarter(year - 1, 4)


def approved_grant(grant: Grant, key_signature: bytes) -> bytes:
    """The account's signature over a grant: what `grant_by_sig` takes.

    `key_signature` is the acting key's over `grant.digest(consent domain)`.
    """
    payload = encode([abi_type(Grant)], [to_abi(grant, Grant)])
    return _approved(GuardianAct.GRANT, payload, key_signature)


def approved_revocation(revocation: Revocation, key_signature: bytes) -> bytes:
    """The account's signature over a revocation, as `approved_grant`."""
    payload = encode(["uint256"], [revocation.token_id])
    return _approved(GuardianAct.REVOCATION, payload, key_signature)


def approved_statement(statement: ReceiptKey | ErasureRequest, key_signature: bytes) -> bytes:
    """The account's signature over what no contract takes, as `approved_grant`.

    The payload is encodeType's hash and encodeData of EIP-712; all members are static.
    """
    members = type(statement).type_members()
    named = ",".join(f"{one['type']} {one['name']}" for one in members)
    type_hash = keccak(text=f"{type(statement).__name__}({named})")
    values = encode([one["type"] for one in members], list(statement.message().values()))
    return _approved(GuardianAct.STATEMENT, type_hash + values, key_signature)


def text_digest(text: str) -> bytes:
    """What `personal_sign` signs, 32 bytes (ERC-191, EIP-191 version 0x45)."""
    signable = encode_defunct(text=text)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def approved_text(text: str, key_signature: bytes) -> bytes:
    """The account's signature over a text; `key_signature` is the acting key's `personal_sign`."""
    return _approved(GuardianAct.MESSAGE, text.encode(), key_signature)


def quorum_signatures(signatures: Mapping[bytes, bytes]) -> bytes:
    """What several signers' accounts take: signatures by ERC-7913 signer, as one.

    abi.encode(bytes[] signers, bytes[] signatures), in the order of the signers' keccak256, which
    OpenZeppelin's SignatureChecker checks at the least cost.
    """
    signers = sorted(signatures, key=keccak)
    return encode(["bytes[]", "bytes[]"], [signers, [signatures[signer] for signer in signers]])


def _approved(act: GuardianAct, payload: bytes, key_signature: bytes) -> bytes:
    return encode(["uint8", "bytes", "bytes"], [int(act), payload, key_signature])
