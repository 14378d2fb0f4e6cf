"""Messages that no contract takes: what they sign, and that a node answers for every signer."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from chain.messages import (
    Erased,
    ErasureRequest,
    ReceiptKey,
    Replayed,
    Revocation,
    SignedMessage,
    account_of_signer,
    consent_domain,
    recover,
    signer_of_account,
)
from chain.passkeys import passkey_signer, sign_p256
from chain.signatures import is_message_of, is_signed_by
from chain.solidity import abi_type, members
from tests.world import World

KEY: LocalAccount = Account.create()
DOMAIN = consent_domain(31337, "0x" + "11" * 20)
MESSAGES: list[SignedMessage] = [
    ReceiptKey(KEY.address, bytes(range(32)), 1_767_225_600),
    ErasureRequest(KEY.address, 1_767_225_600),
    Erased(7, "0x" + "22" * 20, KEY.address, 1_767_225_600),
    Replayed(7, 3, KEY.address, bytes(range(32))),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_another_implementation_signs_the_same(message: SignedMessage) -> None:
    signable = encode_typed_data(full_message=message.typed_data(DOMAIN))
    assert bytes(KEY.sign_message(signable).signature) == message.sign(KEY, DOMAIN)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_every_member_and_the_domain_are_bound(message: SignedMessage) -> None:
    signature = message.sign(KEY, DOMAIN)
    other: dict[str, object] = {"address": "0x" + "33" * 20, "bytes32": bytes(32)}
    for name, hint in members(type(message)):
        changed = dataclasses.replace(message, **{name: other.get(abi_type(hint), 1)})  # type: ignore[type-var]
        assert recover(changed.digest(DOMAIN), signature) != KEY.address, name
    elsewhere = dataclasses.replace(DOMAIN, chain_id=1)
    assert recover(message.digest(elsewhere), signature) != KEY.address


def test_the_types_are_those_that_apps_sign() -> None:
    shown = [
        f"{type(one).__name__}("
        + ",".join(f"{m['type']} {m['name']}" for m in type(one).type_members())
        + ")"
        for one in MESSAGES
    ]
    assert shown == [
        "ReceiptKey(address holder,bytes32 x25519,uint40 issuedAt)",
        "ErasureRequest(address holder,uint40 requestedAt)",
        "Erased(uint64 studyId,address site,address holder,uint40 erasedAt)",
        "Replayed(uint64 studyId,uint32 round,address site,bytes32 reportHash)",
    ]


def test_an_account_a_passkey_and_a_contract_are_believed_only_for_what_they_signed(
    module_world: World,
) -> None:
    w3, domain = module_world.chain().w3, module_world.chain().consent.domain
    digest, wrong = MESSAGES[0].digest(domain), MESSAGES[1].digest(domain)
    signer, signature = signer_of_account(KEY.address), MESSAGES[0].sign(KEY, domain)
    assert is_signed_by(w3, signer, digest, signature)
    assert not is_signed_by(w3, signer, wrong, signature)
    assert not is_signed_by(w3, signer, digest, signature[:-1])
    assert not is_signed_by(w3, signer[:-1], digest, signature)

    passkey = ec.generate_private_key(ec.SECP256R1())
    theirs = passkey_signer(module_world.deployment.p256_verifier, passkey.public_key())
    assert is_signed_by(w3, theirs, digest, sign_p256(passkey, digest))
    assert not is_signed_by(w3, theirs, wrong, sign_p256(passkey, digest))
    # A verifier that is no contract answers nothing, which is no yes.
    nobody = signer_of_account("0x" + "77" * 20) + theirs[20:]
    assert not is_signed_by(w3, nobody, digest, sign_p256(passkey, digest))
    # A contract that is no account of anybody's.
    contract = signer_of_account(module_world.deployment.registry)
    assert not is_signed_by(w3, contract, digest, signature)

    named = dataclasses.replace(MESSAGES[0], holder=account_of_signer(theirs))  # type: ignore[type-var]
    signed = sign_p256(passkey, named.digest(domain))
    assert is_message_of(w3, account_of_signer(theirs), named, domain, theirs, signed)
    assert not is_message_of(w3, KEY.address, named, domain, theirs, signed)
    assert not is_message_of(w3, KEY.address, Revocation(1), domain, signer, signature)
