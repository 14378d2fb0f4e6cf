"""A patient whose only key is a passkey grants and revokes: no wallet, no gas, no seed phrase."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_abi.abi import decode
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import ConsentSignatureInvalid
from chain.events import Granted, Revoked
from chain.messages import Enrolment, Grant, Revocation, account_of_signer, enrolment_proof
from chain.passkeys import (
    p256_signature,
    passkey_signer,
    public_key_of_signer,
    sign_p256,
    webauthn_signature,
)
from tests.browser_passkey import Assertion, BrowserPasskey
from tests.world import World

VERIFIER = "0x" + "11" * 20
HALF_ORDER = 0x7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A8
DIGEST = bytes(range(32))
KEY = ec.derive_private_key(7, ec.SECP256R1())
SIGNER = passkey_signer(VERIFIER, KEY.public_key())


def as_der(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def enrolled_grant(world: World, study: int, signer: bytes) -> tuple[Grant, Enrolment]:
    """A grant for the signer's account, and the site's enrolment that goes with it."""
    enrolment = world.enrol(study, world.sites[0], account_of_signer(signer), "record")
    return world.grant_for(enrolment), enrolment


def carry(world: World, grant: Grant, signer: bytes, signature: bytes, enrolment: Enrolment) -> int:
    consent = world.chain().consent
    enrolled = enrolment.sign(world.enrolment_keys[enrolment.site], consent.domain)
    proof = enrolment_proof(enrolment, enrolled)
    receipt = consent.grant_by_sig(grant, signer, signature, proof)
    return receipt.event(Granted).token_id


def test_a_p256_key_grants_and_revokes(world: World) -> None:
    study, consent = world.approved_study(), world.chain().consent
    verifier = world.deployment.p256_verifier
    key = ec.generate_private_key(ec.SECP256R1())
    signer = passkey_signer(verifier, key.public_key())
    grant, enrolment = enrolled_grant(world, study, signer)
    another = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ConsentSignatureInvalid):
        forged = sign_p256(another, grant.digest(consent.domain))
        carry(world, grant, signer, forged, enrolment)
    token = carry(world, grant, signer, sign_p256(key, grant.digest(consent.domain)), enrolment)
    assert consent.owner_of(token) == account_of_signer(signer)
    assert consent.is_consent_active(token, grant.purposes, world.now)
    revocation = sign_p256(key, Revocation(token).digest(consent.domain))
    receipt = consent.revoke_by_sig(token, signer, revocation)
    assert receipt.event(Revoked).holder == account_of_signer(signer)
    assert not consent.is_consent_active(token, grant.purposes, world.now)


def test_a_browsers_passkey_grants_and_revokes(world: World) -> None:
    study, consent = world.approved_study(), world.chain().consent
    verifier = world.deployment.webauthn_verifier
    with BrowserPasskey() as passkey:
        signer = passkey_signer(verifier, passkey.public_key)
        grant, enrolment = enrolled_grant(world, study, signer)

        def signed(digest: bytes) -> bytes:
            said = passkey.assert_challenge(digest)
            return webauthn_signature(
                signer, digest, said.authenticator_data, said.client_data_json, said.signature
            )

        of_another = signed(Revocation(7).digest(consent.domain))
        with pytest.raises(ConsentSignatureInvalid):
            carry(world, grant, signer, of_another, enrolment)
        token = carry(world, grant, signer, signed(grant.digest(consent.domain)), enrolment)
        assert consent.owner_of(token) == account_of_signer(signer)
        revocation = signed(Revocation(token).digest(consent.domain))
    consent.revoke_by_sig(token, signer, revocation)
    assert not consent.is_consent_active(token, grant.purposes, world.now)


@given(st.integers(1, 2**200), st.binary(min_size=32, max_size=32))
def test_signatures_are_in_the_lower_half_and_valid(secret: int, digest: bytes) -> None:
    key = ec.derive_private_key(secret, ec.SECP256R1())
    der = key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    signature = p256_signature(der)
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    assert len(signature) == 64
    assert s <= HALF_ORDER
    raw_r, raw_s = decode_dss_signature(der)
    assert r == raw_r
    assert s in (raw_s, 2 * HALF_ORDER + 1 - raw_s)


def test_a_signer_is_verifier_and_key() -> None:
    numbers = KEY.public_key().public_numbers()
    assert bytes.fromhex("11" * 20) + numbers.x.to_bytes(32) + numbers.y.to_bytes(32) == SIGNER
    assert passkey_signer(VERIFIER, as_der(KEY.public_key())) == SIGNER
    assert public_key_of_signer(SIGNER) == KEY.public_key()


def test_only_p256_keys_are_passkeys() -> None:
    other_curve = ec.derive_private_key(7, ec.SECP256K1()).public_key()
    for key in (other_curve, as_der(other_curve)):
        with pytest.raises(ValueError, match="secp256k1"):
            passkey_signer(VERIFIER, key)
    with pytest.raises(ValueError, match="ES256"):
        passkey_signer(VERIFIER, as_der(ed25519.Ed25519PrivateKey.generate().public_key()))
    with pytest.raises(ValueError, match="not SubjectPublicKeyInfo"):
        passkey_signer(VERIFIER, b"key")
    with pytest.raises(ValueError, match="84 bytes, not 20"):
        public_key_of_signer(SIGNER[:20])
    with pytest.raises(ValueError):
        public_key_of_signer(SIGNER[:-1] + bytes([SIGNER[-1] ^ 1]))


def test_only_signatures_of_p256_are_encoded() -> None:
    with pytest.raises(ValueError):
        p256_signature(b"no DER")
    with pytest.raises(ValueError, match="not one of P-256"):
        p256_signature(bytes.fromhex("3006020100020101"))


def client_data(**changes: object) -> bytes:
    challenge = base64.urlsafe_b64encode(DIGEST).rstrip(b"=").decode()
    said = {"type": "webauthn.get", "challenge": challenge, "origin": "https://app.example"}
    return json.dumps(said | changes, separators=(",", ":")).encode()


def assertion(flags: int = 0x05, said: bytes | None = None, key: object = None) -> Assertion:
    """As an authenticator makes it (WebAuthn 6.3.3), with the signature right for what it says."""
    data = bytes(32) + bytes([flags]) + bytes(4)
    said = client_data() if said is None else said
    hashed = hashes.Hash(hashes.SHA256())
    hashed.update(said)
    signing = KEY if key is None else key
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    return Assertion(data, said, signing.sign(data + hashed.finalize(), ec.ECDSA(hashes.SHA256())))


def encoded(said: Assertion) -> bytes:
    return webauthn_signature(
        SIGNER, DIGEST, said.authenticator_data, said.client_data_json, said.signature
    )


def test_an_assertion_is_encoded_as_the_verifier_reads_it() -> None:
    said = assertion()
    kinds = ["bytes32", "bytes32", "uint256", "uint256", "bytes", "string"]
    r, s, challenge_at, type_at, data, text = decode(kinds, encoded(said))
    assert r + s == p256_signature(said.signature)
    assert text[challenge_at:].startswith(
        '"challenge":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"'
    )
    assert text[type_at:].startswith('"type":"webauthn.get"')
    assert (data, text.encode()) == (said.authenticator_data, said.client_data_json)


def test_places_are_counted_in_bytes() -> None:
    reordered = b'{"origin":"https://caf\xc3\xa9.example",' + client_data()[1:]
    *_, challenge_at, type_at, _, text = decode(
        ["bytes32", "bytes32", "uint256", "uint256", "bytes", "bytes"],
        encoded(assertion(said=reordered)),
    )
    assert text[type_at:].startswith(b'"type"')
    assert text[challenge_at:].startswith(b'"challenge"')


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (assertion(said=b"not JSON"), "not the client data"),
        (assertion(said=b"[]"), "not the client data"),
        (assertion(said=b'{"type":"webauthn.get"}'), "not the client data"),
        (assertion(said=client_data(type="webauthn.create")), "no assertion"),
        (assertion(said=client_data(challenge="AAAA")), "another challenge"),
        (assertion(said=client_data().replace(b":", b": ")), "not written as WebAuthn"),
        (assertion(flags=0x04), "did not verify its user"),
        (assertion(flags=0x01), "did not verify its user"),
        (assertion(flags=0x15), "contradicts itself"),
        (assertion(key=ec.derive_private_key(8, ec.SECP256R1())), "not made by the passkey"),
        (Assertion(bytes(36), client_data(), b""), "cut short"),
    ],
)
def test_what_a_verifier_would_refuse_has_a_name(said: Assertion, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        encoded(said)


def test_backed_up_passkeys_are_welcome() -> None:
    assert encoded(assertion(flags=0x1D))
