"""Passkeys (WebAuthn level 3): registered once, then they sign in.

A passkey also signs acts on the chain, and there the challenge is an act's 32-byte digest. So that
nobody who asks for a sign-in can get an act instead, a sign-in's challenge is longer: `PREFIX`,
then the nonce. Apps and pages refuse any other challenge of a service that asks them to sign in.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json_dict,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from api.settings import Settings
from api.signin.problems import NonceUnknown, PasskeyRefused, PasskeysNeedName
from api.signin.secrets import SECRET_BYTES
from chain.passkeys import passkey_signer

#: Begins every sign-in's challenge. With the nonce it has 47 bytes, never a digest's 32.
PREFIX = b"assent sign-in\n"
_LONGEST_CREDENTIAL_ID = 1023
_REQUIRED = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True)
class NewPasskey:
    """What a registration shows; `nonce` is the one that it answers."""

    credential_id: bytes
    signer: bytes
    sign_count: int
    nonce: str


@dataclass(frozen=True)
class Answer:
    """What an assertion shows, and the nonce that it answers."""

    sign_count: int
    nonce: str


def registration_options(settings: Settings, nonce: str) -> dict[str, Any]:
    """What `PublicKeyCredential.parseCreationOptionsFromJSON` takes.

    The user's handle and name tell nothing; a page may show another name on the device.
    """
    return options_to_json_dict(
        generate_registration_options(
            rp_id=_rp_id(settings),
            rp_name="Assent",
            user_id=secrets.token_bytes(16),
            user_name=f"consent {secrets.token_hex(2)}",
            challenge=_challenge(nonce),
            timeout=settings.nonce_minutes * 60_000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_REQUIRED
            ),
            # P-256 alone: the contracts verify no other.
            supported_pub_key_algs=[COSEAlgorithmIdentifier.ECDSA_SHA_256],
        )
    )


def authentication_options(settings: Settings, nonce: str) -> dict[str, Any]:
    """What `PublicKeyCredential.parseRequestOptionsFromJSON` takes. The device offers its passkeys
    of this host itself, so that nobody is told which exist."""
    return options_to_json_dict(
        generate_authentication_options(
            rp_id=_rp_id(settings),
            challenge=_challenge(nonce),
            timeout=settings.nonce_minutes * 60_000,
            user_verification=_REQUIRED,
        )
    )


def verify_registration(
    credential: Mapping[str, Any], settings: Settings, verifier: str
) -> NewPasskey:
    """A new passkey, whose signer is for the deployed `verifier` (ERC7913WebAuthnVerifier).

    Raises PasskeyRefused, PasskeysNeedName, NonceUnknown.
    """
    nonce, rp_id = _nonce_answered(credential), _rp_id(settings)
    try:
        found = verify_registration_response(
            credential=dict(credential),
            expected_challenge=_challenge(nonce),
            expected_rp_id=rp_id,
            expected_origin=settings.origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier.ECDSA_SHA_256],
        )
        decoded = decode_credential_public_key(found.credential_public_key)
        key = cast(EllipticCurvePublicKey, decoded_public_key_to_cryptography(decoded))
        signer = passkey_signer(verifier, key)
    except Exception:  # noqa: BLE001 - it reads bytes from anybody, and raises anything for them
        raise PasskeyRefused from None
    if len(found.credential_id) > _LONGEST_CREDENTIAL_ID:
        raise PasskeyRefused("the credential's id is too long")
    return NewPasskey(found.credential_id, signer, found.sign_count, nonce)


def verify_assertion(
    credential: Mapping[str, Any], settings: Settings, signer: bytes, sign_count: int
) -> Answer:
    """A sign-in by the passkey of `signer`, whose counter was last `sign_count`.

    Raises PasskeyRefused, PasskeysNeedName, NonceUnknown.
    """
    nonce, rp_id = _nonce_answered(credential), _rp_id(settings)
    try:
        found = verify_authentication_response(
            credential=dict(credential),
            expected_challenge=_challenge(nonce),
            expected_rp_id=rp_id,
            expected_origin=settings.origin,
            # x || y as an uncompressed point (SEC 1, section 2.3.3).
            credential_public_key=b"\x04" + signer[20:],
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - as above
        raise PasskeyRefused from None
    return Answer(found.new_sign_count, nonce)


def credential_id_of(credential: Mapping[str, Any]) -> bytes:
    """The credential that an answer says to be of. Raises PasskeyRefused."""
    try:
        return base64url_to_bytes(credential["rawId"])
    except (ValueError, KeyError, TypeError):
        raise PasskeyRefused from None


def _nonce_answered(credential: Mapping[str, Any]) -> str:
    """The nonce in the client data, which nothing has verified yet."""
    try:
        said = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        challenge = base64url_to_bytes(said["challenge"])
        embedded = said.get("crossOrigin", False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PasskeyRefused from None
    if embedded:
        raise PasskeyRefused("it was asked for inside another site's page")
    if len(challenge) != len(PREFIX) + SECRET_BYTES or not challenge.startswith(PREFIX):
        raise NonceUnknown
    return challenge.removeprefix(PREFIX).hex()


def _challenge(nonce: str) -> bytes:
    return PREFIX + bytes.fromhex(nonce)


def _rp_id(settings: Settings) -> str:
    """The host of the origin (WebAuthn: relying party identifier)."""
    host = urlsplit(settings.origin).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    raise PasskeysNeedName
