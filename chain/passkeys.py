"""Passkeys as holders: ERC-7913 signers of P-256 keys, and signatures as the verifiers take them.

A signer is verifier || x || y, 84 bytes; its account is `chain.messages.account_of_signer`. Two
verifiers of OpenZeppelin are deployed: ERC7913P256Verifier for keys that sign the digest itself,
ERC7913WebAuthnVerifier for those that a browser or phone uses on a person's behalf. Pure.
Sources: ERC-7913; WebAuthn level 2, sections 5.8.1, 6.1 and 7.2; OpenZeppelin Contracts 5.7,
utils/cryptography/WebAuthn.sol and P256.sol.
"""

import base64
import hashlib
import json

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from eth_abi.abi import encode

from chain.signing import signer_of_account

__all__ = [
    "p256_signature",
    "passkey_signer",
    "public_key_of_signer",
    "sign_p256",
    "webauthn_signature",
]

# FIPS 186-5 and SP 800-186, section 3.2.1.3: the order of the base point.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SIGNER_LENGTH = 20 + 64
# Authenticator data: 32 bytes rpIdHash, the flags, 4 bytes signCount, perhaps more.
_FLAGS_AT, _SHORTEST_AUTHENTICATOR_DATA = 32, 37
_USER_PRESENT, _USER_VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP = 0x01, 0x04, 0x08, 0x10


def passkey_signer(verifier: str, public_key: ec.EllipticCurvePublicKey | bytes) -> bytes:
    """The ERC-7913 signer: 20 bytes of the verifier's address, then x and y, 32 bytes each.

    `public_key` may be given as SubjectPublicKeyInfo in DER, as a browser's `getPublicKey()` gives
    it. Raises ValueError for a key that is not on P-256.
    """
    key = _load(public_key) if isinstance(public_key, bytes) else public_key
    if not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(f"a passkey is a P-256 key, not one on {key.curve.name}: ask for ES256")
    point = key.public_numbers()
    return signer_of_account(verifier) + point.x.to_bytes(32) + point.y.to_bytes(32)


def public_key_of_signer(signer: bytes) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a signer made by `passkey_signer`. Raises ValueError when it has none."""
    if len(signer) != _SIGNER_LENGTH:
        raise ValueError(f"a passkey's signer has {_SIGNER_LENGTH} bytes, not {len(signer)}")
    x, y = int.from_bytes(signer[20:52]), int.from_bytes(signer[52:])
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def sign_p256(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """64 bytes over a 32-byte digest, for ERC7913P256Verifier."""
    return p256_signature(key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))


def p256_signature(der: bytes) -> bytes:
    """r || s, 32 bytes each, of an ECDSA signature in DER.

    s is taken in the lower half of the order: (r, n - s) is as valid, and the contracts accept only
    the one. Authenticators give either. Raises ValueError when it is not DER.
    """
    r, s = decode_dss_signature(der)
    if not 0 < r < _ORDER or not 0 < s < _ORDER:
        raise ValueError("the signature is not one of P-256")
    return r.to_bytes(32) + min(s, _ORDER - s).to_bytes(32)


def webauthn_signature(
    signer: bytes, digest: bytes, authenticator_data: bytes, client_data_json: bytes, der: bytes
) -> bytes:
    """An assertion as ERC7913WebAuthnVerifier takes it: abi.encode of WebAuthnAuth's members.

    The last three are the members of the browser's AuthenticatorAssertionResponse, whose challenge
    was the 32 bytes of `digest`. Checks all that the verifier will, so that what is wrong has a
    name. Raises ValueError.
    """
    type_at, challenge_at = _check_client_data(client_data_json, digest)
    if len(authenticator_data) < _SHORTEST_AUTHENTICATOR_DATA:
        raise ValueError(f"authenticator data of {len(authenticator_data)} bytes is cut short")
    flags = authenticator_data[_FLAGS_AT]
    if not flags & _USER_PRESENT or not flags & _USER_VERIFIED:
        raise ValueError(
            'the authenticator did not verify its user: ask with userVerification "required"'
        )
    if flags & _BACKED_UP and not flags & _BACKUP_ELIGIBLE:
        raise ValueError("the authenticator contradicts itself: a backed-up key that may not be")
    signature = p256_signature(der)
    signed = authenticator_data + hashlib.sha256(client_data_json).digest()
    try:
        public_key_of_signer(signer).verify(der, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise ValueError("the assertion was not made by the passkey of this signer") from error
    return encode(
        ["bytes32", "bytes32", "uint256", "uint256", "bytes", "string"],
        [
            signature[:32],
            signature[32:],
            challenge_at,
            type_at,
            authenticator_data,
            client_data_json.decode("utf-8"),
        ],
    )


def _check_client_data(client_data_json: bytes, digest: bytes) -> tuple[int, int]:
    """Where "type" and "challenge" begin, in bytes: the verifier looks there."""
    try:
        said = json.loads(client_data_json)
        kind, challenge = said["type"], said["challenge"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("clientDataJSON is not the client data of WebAuthn") from error
    if kind != "webauthn.get":
        raise ValueError(f"it is no assertion: its type is {kind!r}, not 'webauthn.get'")
    wanted = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    if challenge != wanted:
        raise ValueError("the assertion answers another challenge than this digest")
    type_at = client_data_json.find(b'"type":"webauthn.get"')
    challenge_at = client_data_json.find(f'"challenge":"{wanted}"'.encode("ascii"))
    if type_at < 0 or challenge_at < 0:
        raise ValueError("clientDataJSON is not written as WebAuthn prescribes (5.8.1.1)")
    return type_at, challenge_at


def _load(public_key: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("the public key is not SubjectPublicKeyInfo in DER") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("a passkey is a P-256 key: ask for ES256 (algorithm -7) alone")
    return key
