"""Sign-In with Ethereum (ERC-4361): a message that an account signed, for this service and now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from eth_keys.exceptions import BadSignature
from siwe import SiweMessage, VerificationError
from siwe.siwe import ISO8601Datetime

from api.node import Node
from api.settings import Settings
from api.signin.approvals import Approval
from api.signin.problems import (
    SignatureWrong,
    SignInMessageInvalid,
    SignInMismatch,
    SignInOutOfTime,
)
from chain.blocks import Block
from chain.guardians import text_digest

#: How far a person's clock may be ahead of ours.
CLOCK_SKEW = timedelta(minutes=1)


@dataclass(frozen=True)
class VerifiedSignIn:
    """Who signs in, with which nonce; of a contract account also what it stood by, and where.

    `approval` is None for a plain account: what its key has signed stays signed.
    """

    address: str
    nonce: str
    approval: Approval | None = None
    as_of: Block | None = None


def verify_sign_in(
    text: str, signature: str, settings: Settings, node: Node, now: datetime
) -> VerifiedSignIn:
    """Who signs in, once all of the message but the nonce has been checked.

    `signature` is 0x hex: of the account's key, or what an account with code takes (ERC-1271),
    which is then asked on our node, as of its newest block. Raises the problems of this feature,
    or ChainError when the node does not answer.
    """
    message = _parse(text)
    _check_place(message, settings, node.deployment.chain_id)
    _check_time(message, now, timedelta(minutes=settings.nonce_minutes))
    if _signed_by_key(message, signature, now):
        return VerifiedSignIn(message.address, message.nonce)
    approval = Approval(text_digest(text), bytes.fromhex(signature[2:]))
    block = node.chain().head()
    if not approval.stands(node, message.address, block):
        raise SignatureWrong
    return VerifiedSignIn(message.address, message.nonce, approval, block)


def _parse(text: str) -> SiweMessage:
    try:
        # Not the ABNF parser: 3,000 letters keep it busy for two minutes.
        message = SiweMessage.from_message(text, abnf=False)
        written = message.prepare_message()
    except (ValueError, AttributeError, RecursionError, OverflowError):
        raise SignInMessageInvalid from None
    # The library checks the signature of what it would write, not of what was sent.
    if written != text:
        raise SignInMessageInvalid("read and written again it is another text")
    return message


def _check_place(message: SiweMessage, settings: Settings, chain_id: int) -> None:
    if message.domain != settings.domain:
        raise SignInMismatch(f"the domain must be {settings.domain}")
    if message.scheme is not None and message.scheme != settings.origin.partition(":")[0]:
        raise SignInMismatch(f"the scheme must be that of {settings.origin}")
    if message.uri.rstrip("/") != settings.origin:
        raise SignInMismatch(f"the URI must be {settings.origin}")
    if message.chain_id != chain_id:
        raise SignInMismatch(f"the chain id must be {chain_id}")


def _check_time(message: SiweMessage, now: datetime, longest: timedelta) -> None:
    issued = _moment(message.issued_at)
    if issued > now + CLOCK_SKEW:
        raise SignInOutOfTime("it was issued in the future")
    if issued < now - longest - CLOCK_SKEW:
        raise SignInOutOfTime("it was issued too long ago")
    if message.expiration_time is not None and now >= _moment(message.expiration_time):
        raise SignInOutOfTime("it has expired")
    if message.not_before is not None and now < _moment(message.not_before):
        raise SignInOutOfTime("it is not valid yet")


def _moment(written: ISO8601Datetime) -> datetime:
    moment: datetime = written._datetime
    if moment.tzinfo is None:
        raise SignInMessageInvalid("a time without a time zone")
    return moment


def _signed_by_key(message: SiweMessage, signature: str, now: datetime) -> bool:
    try:
        message.verify(signature, domain=message.domain, nonce=message.nonce, timestamp=now)
    except (VerificationError, BadSignature):
        return False
    return True
