"""A minor's token: granted by a parent's key, ended before majority, never lost with a key."""

from __future__ import annotations

import calendar
import dataclasses
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from hypothesis import given
from hypothesis import strategies as st

from chain.clients.guardians import GuardianAccountClient
from chain.errors import (
    AccountMissing,
    ConsentNotHolder,
    ConsentSignatureInvalid,
    GuardianAccountEnded,
    GuardianAccountRecovered,
    GuardianHolderMismatch,
    GuardianSignatureInvalid,
    GuardianUsePeriodTooLong,
    MultiSignerERC7913AlreadyExists,
    QuorumNotReached,
    QuorumVerifierMissing,
)
from chain.events import Granted, Revoked
from chain.guardians import (
    Quarter,
    Rotation,
    approved_grant,
    approved_revocation,
    approved_statement,
    approved_text,
    last_quarter_before_majority,
    quorum_signatures,
    text_digest,
)
from chain.messages import (
    Enrolment,
    ErasureRequest,
    Grant,
    ReceiptKey,
    Revocation,
    SignedMessage,
    enrolment_proof,
    signer_of_account,
)
from chain.passkeys import passkey_signer, sign_p256
from chain.signatures import is_message_of, is_signed_by
from tests.world import World

BIRTHDAYS = st.dates(date(1960, 1, 1), date(9900, 12, 31))
QUARTERS = st.builds(Quarter, st.integers(1970, 9999), st.integers(1, 4))


@dataclasses.dataclass
class Family:
    """One patient's account in a study, its acting key and its guardians."""

    world: World
    study: int
    end: Quarter
    parent: LocalAccount
    guardians: list[LocalAccount]
    account: GuardianAccountClient

    @property
    def signer(self) -> bytes:
        return signer_of_account(self.account.address)

    def enrolled_grant(self, **changes: object) -> tuple[Grant, Enrolment]:
        world = self.world
        enrolment = world.enrol(self.study, world.sites[0], self.account.address, "record")
        return world.grant_for(enrolment, **changes), enrolment

    def carry(self, grant: Grant, enrolment: Enrolment, key_signature: bytes) -> int:
        consent = self.world.chain().consent
        enrolled = enrolment.sign(self.world.enrolment_keys[enrolment.site], consent.domain)
        receipt = consent.grant_by_sig(
            grant,
            self.signer,
            approved_grant(grant, key_signature),
            enrolment_proof(enrolment, enrolled),
        )
        return receipt.event(Granted).token_id

    def grant(self) -> int:
        grant, enrolment = self.enrolled_grant()
        domain = self.world.chain().consent.domain
        return self.carry(grant, enrolment, grant.sign(self.parent, domain))

    def revoke(self, token: int, key: LocalAccount) -> Revoked:
        consent = self.world.chain().consent
        revocation = Revocation(token)
        signature = approved_revocation(revocation, revocation.sign(key, consent.domain))
        return consent.revoke_by_sig(token, self.signer, signature).event(Revoked)

    def two_sign(self, message: SignedMessage) -> bytes:
        """Two guardians' signatures, under the domain that the message belongs to."""
        ours = isinstance(message, Rotation)
        domain = self.account.domain if ours else self.world.chain().consent.domain
        signed = {signer_of(key): message.sign(key, domain) for key in self.guardians[1:]}
        return quorum_signatures(signed)


def signer_of(key: LocalAccount) -> bytes:
    return signer_of_account(key.address)


def quarter_in(world: World, years: int) -> Quarter:
    return Quarter(datetime.fromtimestamp(world.now, UTC).year + years, 1)


def family_in(world: World, study: int, **changes: bytes) -> Family:
    """An account made by a carrier, with keys of its own."""
    parent, *guardians = (Account.create() for _ in range(4))
    end = quarter_in(world, 3)
    account = world.chain().guardian_accounts.create(
        study, end, changes.get("acting_key", signer_of(parent)), [*map(signer_of, guardians)]
    )
    return Family(world, study, end, parent, guardians, account)


@pytest.fixture
def family(world: World) -> Family:
    return family_in(world, world.approved_study())


def test_an_account_is_where_and_what_was_agreed(world: World) -> None:
    study, accounts = 7, world.chain().guardian_accounts
    parent, *guardians = (signer_of(Account.create()) for _ in range(4))
    end = quarter_in(world, 3)
    known = accounts.account_of(study, end, parent, guardians)
    assert not accounts.is_guardian_account(known)
    account = accounts.create(study, end, parent, guardians)
    assert account.address == known
    assert accounts.is_guardian_account(known)
    assert accounts.create(study, end, parent, guardians).address == known
    assert (account.study_id(), account.ends_at(), account.rotations()) == (study, end.start, 0)
    assert account.acting_key() == parent
    assert account.guardians() == guardians


def test_accounts_that_could_not_serve_are_refused(world: World) -> None:
    accounts, end = world.chain().guardian_accounts, quarter_in(world, 1)
    parent, *guardians = (signer_of(Account.create()) for _ in range(4))
    with pytest.raises(GuardianAccountEnded):
        accounts.create(1, quarter_in(world, -1), parent, guardians)
    with pytest.raises(QuorumVerifierMissing):
        accounts.create(1, end, parent + bytes(64), guardians)
    with pytest.raises(MultiSignerERC7913AlreadyExists):
        accounts.create(1, end, parent, [*guardians[:2], guardians[0]])
    for wrong in (guardians[:2], [*guardians, parent]):
        with pytest.raises(ValueError, match="3 guardians"):
            accounts.create(1, end, parent, wrong)


def test_a_parent_grants_and_revokes_for_a_child(family: Family) -> None:
    consent = family.world.chain().consent
    token = family.grant()
    assert consent.owner_of(token) == family.account.address
    assert family.revoke(token, family.parent).holder == family.account.address
    assert consent.consent(token).revoked_at > 0


def test_a_consent_ends_when_the_account_does(family: Family) -> None:
    domain = family.world.chain().consent.domain
    grant, enrolment = family.enrolled_grant(use_end=family.end.start)
    late = dataclasses.replace(grant, use_end=family.end.start + 1)
    with pytest.raises(ConsentSignatureInvalid):
        family.carry(late, enrolment, late.sign(family.parent, domain))
    approved = approved_grant(late, late.sign(family.parent, domain))
    with pytest.raises(GuardianUsePeriodTooLong) as why:
        family.account.check_signature(late.digest(domain), approved)
    assert why.value.ends_at == family.account.ends_at()
    family.carry(grant, enrolment, grant.sign(family.parent, domain))


def test_recovery_can_revoke_but_not_grant(family: Family) -> None:
    token, found = family.grant(), Account.create()
    rotation = family.account.rotation(signer_of(found))
    family.account.rotate(rotation, family.two_sign(rotation))
    assert family.account.acting_key() == signer_of(found)
    assert family.account.rotations() == 1
    domain = family.world.chain().consent.domain
    grant, _ = family.enrolled_grant()
    with pytest.raises(GuardianAccountRecovered):
        approved = approved_grant(grant, grant.sign(found, domain))
        family.account.check_signature(grant.digest(domain), approved)
    with pytest.raises(ConsentSignatureInvalid):
        family.revoke(token, family.parent)
    family.revoke(token, found)
    with pytest.raises(QuorumNotReached):
        family.account.rotate(rotation, family.two_sign(rotation))


def test_two_guardians_revoke_and_one_does_not(family: Family) -> None:
    token, consent = family.grant(), family.world.chain().consent
    revocation = Revocation(token)
    one = family.guardians[0]
    alone = quorum_signatures({signer_of(one): revocation.sign(one, consent.domain)})
    with pytest.raises(QuorumNotReached):
        family.account.revoke_by_guardians(token, alone)
    another = family_in(family.world, family.study)
    with pytest.raises(ConsentNotHolder):
        another.account.revoke_by_guardians(token, another.two_sign(revocation))
    receipt = family.account.revoke_by_guardians(token, family.two_sign(revocation))
    assert receipt.event(Revoked).token_id == token


def test_a_parents_passkey_acts_for_a_child(world: World) -> None:
    study, domain = world.approved_study(), world.chain().consent.domain
    key = ec.generate_private_key(ec.SECP256R1())
    signer = passkey_signer(world.deployment.p256_verifier, key.public_key())
    family = family_in(world, study, acting_key=signer)
    grant, enrolment = family.enrolled_grant()
    digest = grant.digest(domain)
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(GuardianSignatureInvalid):
        family.account.check_signature(digest, approved_grant(grant, sign_p256(other, digest)))
    family.account.check_signature(digest, approved_grant(grant, sign_p256(key, digest)))
    token = family.carry(grant, enrolment, sign_p256(key, digest))
    assert world.chain().consent.owner_of(token) == family.account.address


def test_a_parent_speaks_for_a_child_and_nobody_takes_it_for_a_consent(family: Family) -> None:
    world, domain = family.world, family.world.chain().consent.domain
    account, w3 = family.account, family.world.chain().w3
    text = f"{account.address} signs in"
    key = ReceiptKey(account.address, bytes(range(32)), world.now)
    erasure = ErasureRequest(account.address, world.now)
    for said in (key, erasure):
        signed = approved_statement(said, said.sign(family.parent, domain))
        account.check_signature(said.digest(domain), signed)
        assert is_message_of(w3, account.address, said, domain, family.signer, signed)
        forged = approved_statement(said, said.sign(family.guardians[0], domain))
        assert not is_message_of(w3, account.address, said, domain, family.signer, forged)
    others = ErasureRequest(family.parent.address, world.now)
    with pytest.raises(GuardianHolderMismatch):
        signed = approved_statement(others, others.sign(family.parent, domain))
        account.check_signature(others.digest(domain), signed)

    signature = bytes(family.parent.sign_message(encode_defunct(text=text)).signature)
    approved = approved_text(text, signature)
    assert is_signed_by(w3, family.signer, text_digest(text), approved)
    assert not is_signed_by(w3, family.signer, text_digest(text + "."), approved)
    assert not is_signed_by(w3, family.signer, key.digest(domain), approved)


def test_what_an_account_said_is_asked_as_of_a_block(family: Family) -> None:
    """A key that was replaced spoke for the account once, and does so no more."""
    chain = family.world.chain()
    said = ReceiptKey(family.account.address, bytes(32), family.world.now)
    domain = chain.consent.domain
    old = approved_statement(said, said.sign(family.parent, domain))
    before = chain.head().number
    rotation = family.account.rotation(signer_of(Account.create()))
    family.account.rotate(rotation, family.two_sign(rotation))

    def stands(signed: bytes, block: int | None = None) -> bool:
        digest = said.digest(domain)
        return is_signed_by(chain.w3, family.signer, digest, signed, block=block)

    assert stands(old, before)
    assert not stands(old)
    # Before it had code it could say nothing, and no key signs for it.
    assert not stands(old, chain.deployment.block_number - 1)


def test_looking_needs_no_account(family: Family) -> None:
    reading = type(family.world.chain()).connect(family.world.rpc_url, family.world.deployment)
    account = reading.guardian_accounts.account(family.account.address)
    assert account.ends_at() == family.end.start
    rotation = account.rotation(signer_of(family.parent))
    with pytest.raises(AccountMissing):
        account.rotate(rotation, b"")


@given(BIRTHDAYS, st.integers(12, 25))
def test_the_last_quarter_before_majority(birth: date, age: int) -> None:
    day = last_quarter_before_majority(birth, age).first_day
    first_possible = min(birth.day, calendar.monthrange(birth.year + age, birth.month)[1])
    majority = date(birth.year + age, birth.month, first_possible)
    assert day < majority <= next_first_day(day)
    # In the time zone where the day begins first (UTC+14) they still are a minor.
    assert datetime(day.year, day.month, day.day) <= datetime(
        majority.year, majority.month, majority.day
    ) - timedelta(hours=14)


def next_first_day(day: date) -> date:
    return date(day.year + (day.month == 10), 1 if day.month == 10 else day.month + 3, 1)


@pytest.mark.parametrize(
    ("birth", "quarter"),
    [
        (date(2010, 1, 1), Quarter(2027, 4)),
        (date(2010, 1, 2), Quarter(2028, 1)),
        (date(2010, 3, 31), Quarter(2028, 1)),
        (date(2010, 4, 1), Quarter(2028, 1)),
        (date(2010, 4, 2), Quarter(2028, 2)),
        (date(2010, 10, 1), Quarter(2028, 3)),
        (date(2010, 12, 31), Quarter(2028, 4)),
        (date(2008, 2, 29), Quarter(2026, 1)),
    ],
)
def test_known_quarters_before_majority(birth: date, quarter: Quarter) -> None:
    assert last_quarter_before_majority(birth) == quarter


@given(BIRTHDAYS)
def test_a_quarter_tells_no_more_than_three_months(birth: date) -> None:
    """Everyone whose majority lies up to the next boundary has the same quarter."""
    quarter = last_quarter_before_majority(birth)
    first = quarter.first_day + timedelta(days=1)
    after = next_first_day(quarter.first_day)
    births = [date(first.year - 18, first.month, first.day), date(after.year - 18, after.month, 1)]
    assert {last_quarter_before_majority(one) for one in births} == {quarter}


@given(QUARTERS)
def test_quarters_start_where_the_calendar_says(quarter: Quarter) -> None:
    began = datetime.fromtimestamp(quarter.start, UTC)
    assert (began.year, began.month, began.day) == (quarter.year, 3 * quarter.quarter - 2, 1)
    assert began.time() == datetime.min.time()


def test_quarters_are_as_the_contract_counts_them(world: World) -> None:
    """At leap years, centuries and the ends of what fits, on the chain itself."""
    accounts = world.chain().guardian_accounts
    parent, *guardians = (signer_of(Account.create()) for _ in range(4))
    years = [quarter_in(world, 1).year, 2100, 2400, 9999]
    quarters = [Quarter(year, number) for year in years for number in (1, 2, 3, 4)]
    ends = [accounts.create(1, one, parent, guardians).ends_at() for one in quarters]
    assert ends == [one.start for one in quarters]
    assert all(one < other for one, other in pairwise(ends))


@pytest.mark.parametrize(("year", "quarter"), [(1969, 4), (10_000, 1), (2026, 0), (2026, 5)])
def test_there_are_no_other_quarters(year: int, quarter: int) -> None:
    with pytest.raises(ValueError, match="no quarter"):
        Quarter(year, quarter)


def test_majority_is_an_age() -> None:
    with pytest.raises(ValueError, match="comes of age"):
        last_quarter_before_majority(date(2010, 5, 5), 0)
