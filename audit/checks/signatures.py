"""Signatures that events carry, checked again where a plain key made them."""

from __future__ import annotations

from audit.checks.context import Context
from audit.report import Kind
from chain.messages import recover


def check_signature(
    context: Context,
    name: str,
    where: str,
    account: str,
    digest: bytes,
    signature: bytes,
    is_account: bool = True,
) -> bool:
    """Adds one check of a signature by an account.

    Contract accounts (ERC-1271) and keys behind a verifier (ERC-7913) answer on chain only; a
    signature that is not 65 bytes can only be theirs, and is then attested by the contract code.
    """
    if len(signature) != 65 or not is_account:
        return context.record.add(
            name,
            where,
            True,
            f"{account} is no plain key: the proven contract code accepted the signature",
            Kind.ATTESTED,
        )
    try:
        signer = recover(digest, signature)
    except ValueError as error:
        context.record.fail(name, where, f"the signature is not valid: {error}")
        return False
    detail = f"signed by {signer}" + ("" if signer == account else f", not by {account}")
    return context.record.add(name, where, signer == account, detail)
