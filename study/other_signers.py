"""Acts of holders that are no plain accounts: a browser's passkey, a minor's guardian account."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

from eth_account.signers.local import LocalAccount

from chain.chain import Chain
from chain.guardians import approved_grant, approved_revocation
from chain.messages import (
    Challenge,
    Domain,
    Grant,
    Revocation,
    SignedMessage,
    account_of_signer,
    signer_of_account,
)
from chain.passkeys import passkey_signer, webauthn_signature
from chain.signed_act import SignedAct, SignedActInvalid, read_typed_data
from study.enrolment_file import EnrolmentFile

_MESSAGES: dict[str, type[Grant] | type[Revocation] | type[Challenge]] = {
    kind.__name__: kind for kind in (Grant, Revocation, Challenge)
}
_ASSERTION = ("authenticatorData", "clientDataJSON", "signature")


class SignerUnusable(Exception):
    """A passkey's answer or a guardian account does not fit what is to be signed. It says why."""


def act_of_assertion(
    typed_data: Any,
    public_key: bytes,
    assertion: Any,
    verifier: str,
    enrolment: EnrolmentFile | None,
) -> SignedAct:
    """A Grant, Revocation or Challenge that a passkey signed, ready to be carried.

    Args:
        typed_data: what was signed (eth_signTypedData_v4); its digest was the browser's challenge.
        public_key: SubjectPublicKeyInfo in DER, as `response.getPublicKey()` gives it.
        assertion: AuthenticationResponseJSON of WebAuthn level 3 (`credential.toJSON()`), or its
            `response` alone: members in base64url.
        verifier: the deployment's ERC7913WebAuthnVerifier.
        enrolment: what the hospital gave, for a Grant and nothing else.

    Raises:
        SignedActInvalid: `typed_data` is not one of these messages.
        SignerUnusable: the assertion is another's or for something else.
    """
    name = typed_data.get("primaryType") if isinstance(typed_data, dict) else None
    if name not in _MESSAGES:
        raise SignedActInvalid(f"typed data of {name!r}; a passkey signs {', '.join(_MESSAGES)}")
    domain, message = read_typed_data(typed_data, _MESSAGES[name])
    signer, signed = signature_of_assertion(message, domain, public_key, assertion, verifier)
    if not isinstance(message, Grant):
        if enrolment is not None:
            raise SignerUnusable(f"a {name} takes no enrolment")
        return SignedAct(domain, message, signer, signed)
    if enrolment is None:
        raise SignerUnusable("a Grant needs the enrolment that it was made from")
    _require_enrolled(enrolment, message, account_of_signer(signer), domain)
    return SignedAct(domain, message, signer, signed, enrolment.enrolment, enrolment.signature)


def signature_of_assertion(
    message: SignedMessage, domain: Domain, public_key: bytes, assertion: Any, verifier: str
) -> tuple[bytes, bytes]:
    """(signer, signature), ERC-7913, of a passkey's answer; arguments as of `act_of_assertion`.

    Raises:
        SignerUnusable: the assertion is another's or for something else.
    """
    try:
        signer = passkey_signer(verifier, public_key)
        authenticator_data, client_data, signature = _members(assertion)
        signed = webauthn_signature(
            signer, message.digest(domain), authenticator_data, client_data, signature
        )
    except ValueError as error:
        raise SignerUnusable(str(error)) from None
    return signer, signed


def guardian_grant(
    chain: Chain, grant: Grant, account: str, acting_key: LocalAccount, enrolment: EnrolmentFile
) -> SignedAct:
    """A grant by a guardian account, signed by its acting key. See `within_guardianship` first.

    Raises:
        SignerUnusable: it is no such account, or another holder is enrolled.
        chain.errors.ContractRefused: the account would refuse, and says why.
    """
    domain = chain.consent.domain
    require_guardian_account(chain, account)
    _require_enrolled(enrolment, grant, account, domain)
    signed = approved_grant(grant, grant.sign(acting_key, domain))
    chain.guardian_accounts.account(account).check_signature(grant.digest(domain), signed)
    signer = signer_of_account(account)
    return SignedAct(domain, grant, signer, signed, enrolment.enrolment, enrolment.signature)


def guardian_revocation(
    chain: Chain, revocation: Revocation, account: str, acting_key: LocalAccount
) -> SignedAct:
    """As `guardian_grant`, of a revocation."""
    domain = chain.consent.domain
    require_guardian_account(chain, account)
    signed = approved_revocation(revocation, revocation.sign(acting_key, domain))
    chain.guardian_accounts.account(account).check_signature(revocation.digest(domain), signed)
    return SignedAct(domain, revocation, signer_of_account(account), signed)


def within_guardianship(chain: Chain, grant: Grant, account: str) -> Grant:
    """The grant with a use period that ends where the account's guardianship does, at the latest.

    Raises:
        SignerUnusable: the address is no guardian account of this deployment.
        chain.errors.ChainError
    """
    require_guardian_account(chain, account)
    ends_at = chain.guardian_accounts.account(account).ends_at()
    return dataclasses.replace(grant, use_end=min(grant.use_end, ends_at))


def require_guardian_account(chain: Chain, account: str) -> None:
    """Raises SignerUnusable, chain.errors.ChainError."""
    if not chain.guardian_accounts.is_guardian_account(account):
        raise SignerUnusable(f"{account} is no guardian account of this deployment")


def _require_enrolled(enrolment: EnrolmentFile, grant: Grant, holder: str, domain: Domain) -> None:
    enrolled = enrolment.enrolment
    if enrolment.domain != domain or enrolled.record_commitment != grant.record_commitment:
        raise SignerUnusable("the grant was not made from this enrolment")
    if not enrolled.holder == grant.holder == holder:
        raise SignerUnusable(
            f"the signer is {holder}, and the enrolment is for {enrolled.holder}; have the hospital"
            " enrol the signer's address"
        )


def _members(assertion: Any) -> list[bytes]:
    found = assertion.get("response", assertion) if isinstance(assertion, dict) else None
    if not isinstance(found, dict) or not all(isinstance(found.get(n), str) for n in _ASSERTION):
        raise ValueError(f"the assertion must have the members {', '.join(_ASSERTION)}")
    return [_base64url(found[name], name) for name in _ASSERTION]


def _base64url(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise ValueError(f"the assertion's {name} is not base64url") from None
