"""Messages: what Python signs is what the contracts check."""

import dataclasses
import subprocess
import sys
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from chain import messages
from chain.errors import ConsentSignatureInvalid
from chain.messages import (
    Approval,
    Challenge,
    Closure,
    Delivery,
    Domain,
    Enrolment,
    Execution,
    Grant,
    Readmission,
    Replacement,
    Resumption,
    Revocation,
    Rollback,
    SignedMessage,
    Suspension,
    Terms,
    recover,
)
from chain.signing import Struct
from chain.solidity import abi_type, members
from tests.world import World

KEY = Account.create()
DOMAIN = Domain("Assent ConsentToken", 31337, "0x" + "11" * 20)
SIGNED = [
    Approval,
    Suspension,
    Resumption,
    Replacement,
    Grant,
    Enrolment,
    Revocation,
    Delivery,
    Closure,
    Readmission,
    Rollback,
    Challenge,
    Execution,
]


def values(kind: type[Struct]) -> st.SearchStrategy[Any]:
    """Any value of a struct, drawn from its annotations."""

    def member(hint: Any) -> st.SearchStrategy[Any]:
        name = abi_type(hint)
        if name.endswith("[]"):
            return st.lists(member(hint.__args__[0]), max_size=4).map(tuple)
        if isinstance(hint, type):
            return st.sampled_from(hint)
        if name.startswith("uint"):
            return st.integers(0, 2 ** int(name[4:]) - 1)
        if name == "address":
            return st.binary(min_size=20, max_size=20).map(to_checksum_address)
        if name == "bytes":
            return st.binary(min_size=1, max_size=80)
        size = int(name.removeprefix("bytes"))
        return st.binary(min_size=size, max_size=size)

    return st.builds(kind, *[member(hint) for _, hint in members(kind)])


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, str):
        return to_checksum_address(int(value, 16).__xor__(1).to_bytes(20))
    return value ^ 1


@pytest.mark.parametrize("kind", SIGNED)
@settings(max_examples=15)
@given(data=st.data())
def test_a_signature_recovers_to_its_signer_and_every_field_counts(
    kind: type[SignedMessage], data: st.DataObject
) -> None:
    message = data.draw(values(kind))
    signature = message.sign(KEY, DOMAIN)
    assert len(signature) == 65
    assert recover(message.digest(DOMAIN), signature) == KEY.address
    assert message.sign(bytes(KEY.key), DOMAIN) == signature
    for name, _ in members(kind):
        other = dataclasses.replace(message, **{name: changed(getattr(message, name))})
        assert recover(other.digest(DOMAIN), signature) != KEY.address, name


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(DOMAIN, name="Assent RoundLedger"),
        dataclasses.replace(DOMAIN, chain_id=1),
        dataclasses.replace(DOMAIN, contract="0x" + "22" * 20),
    ],
)
def test_a_signature_holds_in_one_domain_only(other: Domain) -> None:
    signature = Revocation(7).sign(KEY, DOMAIN)
    assert recover(Revocation(7).digest(other), signature) != KEY.address


@given(values(Grant))
def test_a_wallet_given_the_typed_data_signs_the_same_digest(grant: Grant) -> None:
    signable = encode_typed_data(full_message=grant.typed_data(DOMAIN))
    assert bytes(KEY.sign_message(signable).signature) == grant.sign(KEY, DOMAIN)


def test_a_malleable_or_misshapen_signature_is_refused() -> None:
    digest = Revocation(7).digest(DOMAIN)
    good = Revocation(7).sign(KEY, DOMAIN)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    mirrored = order - int.from_bytes(good[32:64])
    twin = good[:32] + mirrored.to_bytes(32) + bytes([55 - good[64]])
    for bad in (twin, good[:64], good[:64] + b"\0", bytes(64) + b"\x1b", b""):
        with pytest.raises(ValueError, match=r"signature|key"):
            recover(digest, bad)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("study_id", -1),
        ("study_id", 1 << 64),
        ("study_id", True),
        ("site", "0x" + "ab" * 20),
        ("terms_hash", b"short"),
        ("terms_hash", "0x" + "00" * 32),
        ("deadline", 1 << 40),
        ("language", b"en"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(name: str, value: Any) -> None:
    fitting: dict[str, Any] = {
        field: {"address": "0x" + "11" * 20, "bytes32": bytes(32), "bytes8": bytes(8)}.get(
            abi_type(hint), 0
        )
        for field, hint in members(Grant)
    }
    Grant(**fitting)
    with pytest.raises(ValueError, match=rf"Grant\.{name} must be"):
        Grant(**fitting | {name: value})


@given(st.integers(0, 2**64 - 1), st.binary(min_size=20, max_size=20), st.integers(0, 2**32 - 1))
def test_a_token_id_splits_into_what_it_was_made_of(study: int, site: bytes, index: int) -> None:
    address = to_checksum_address(site)
    token = messages.token_id(study, address, index)
    assert messages.split_token_id(token) == (study, address, index)


class TestAgainstTheContracts:
    def test_terms_hash_and_token_id_are_the_contracts(self, module_world: World) -> None:
        chain = module_world.chain()

        @settings(max_examples=50)
        @given(values(Terms), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
        def check(terms: Terms, study: int, index: int) -> None:
            assert messages.terms_hash(terms) == chain.registry.hash_terms(terms)
            token = messages.token_id(study, terms.coordinator, index)
            assert token == chain.consent.token_id_of(study, terms.coordinator, index)

        check()

    def test_every_signed_message_is_accepted_where_it_belongs(self, world: World) -> None:
        # Approval (approve), Enrolment and Grant (give_consent), Delivery and Closure (close),
        # Revocation; the others in test_clients, test_challenges and test_governance.
        study = world.approved_study()
        holders = [Account.create() for _ in world.sites]
        tokens = [
            world.give_consent(study, site, holder)
            for site, holder in zip(world.sites, holders, strict=True)
        ]
        round_ = world.open_round(study)
        commitments = [world.commit(study, round_, site) for site in world.sites]
        ledger = world.chain(world.coordinator).ledger
        sealed = ledger.seal(study, round_)
        parent = world.chain().block(sealed.block_number - 1).hash
        assert ledger.round(study, round_).seal_digest == messages.seal_digest(
            world.deployment.chain_id,
            world.deployment.ledger,
            study,
            round_,
            parent,
            [site.address for site in world.sites],
            commitments,
        )
        terms = world.terms()
        assert ledger.rho_spent(study) == messages.rho_of_round(terms.noise_multiplier)
        world.close(study, round_)
        assert ledger.round(study, round_).state is messages.RoundState.CLOSED
        world.revoke(tokens[0], holders[0])
        assert not world.chain().consent.is_consent_active(tokens[0], 1 << 48, world.now)

    def test_rho_is_the_contracts_for_any_noise(self, world: World) -> None:
        world.register_sites()
        for noise in (500_000, 1_000_003, 4_999_999, 12_345_678):
            study = world.propose(noise_multiplier=noise)
            assert world.chain().ledger.rho_of_round(study, 1) == messages.rho_of_round(noise)

    def test_a_changed_grant_is_refused_by_name(self, world: World) -> None:
        study = world.approved_study()
        holder = Account.create()
        enrolment = world.enrol(study, world.sites[0], holder.address, "record")
        grant = world.grant_for(enrolment)
        consent = world.chain().consent
        with pytest.raises(ConsentSignatureInvalid) as refused:
            consent.grant_by_sig(
                dataclasses.replace(grant, purposes=grant.purposes | messages.Purpose.EVALUATION),
                messages.signer_of_account(holder.address),
                grant.sign(holder, consent.domain),
                messages.enrolment_proof(
                    enrolment,
                    enrolment.sign(world.enrolment_keys[enrolment.site], consent.domain),
                ),
            )
        assert refused.value.account == holder.address


def test_messages_and_events_need_no_provider() -> None:
    # The verifier and the audit rules import them on machines without web3.
    program = (
        "import sys, chain.messages, chain.events; "
        "print(*{'web3', 'requests', 'solcx', 'sqlite3'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == ""
