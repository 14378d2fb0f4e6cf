"""Every custom error of the contracts is one exception, with its values and a message."""

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain import errors
from chain.artifacts import ALL_NAMES, artifact
from chain.errors import (
    ChainError,
    ConsentRecordHasToken,
    ContractRefused,
    LedgerCohortNotBorneOut,
    LedgerWrongState,
    Panicked,
    RefusedWithText,
    RegistryTermsInvalid,
    UnknownRefusal,
    refusal_of,
)
from chain.messages import RoundState
from chain.solidity import abi_type, camel, members
from tests.world import World

SAMPLES: dict[str, Any] = {
    "address": to_checksum_address("0x" + "ab" * 20),
    "bytes": b"\x09" * 33,
    "bytes4": b"\x08" * 4,
    "bytes32": b"\x07" * 32,
    "string": "minSites",
}


def sample(kind: str) -> Any:
    return SAMPLES.get(kind, 3)


def test_errors_and_exceptions_map_one_to_one() -> None:
    stated = {
        (entry["name"], tuple((i["name"], i["type"]) for i in entry["inputs"]))
        for name in ALL_NAMES
        for entry in artifact(name).abi
        if entry["type"] == "error"
    }
    ours = {
        (
            refusal.__name__,
            tuple((camel(name), abi_type(hint)) for name, hint in members(refusal)),
        )
        for refusal in errors.refusals()
    }
    assert ours == stated


@pytest.mark.parametrize("refusal", errors.refusals(), ids=lambda refusal: refusal.__name__)
def test_revert_data_becomes_the_exception_with_its_values(refusal: type[ContractRefused]) -> None:
    kinds = [abi_type(hint) for _, hint in members(refusal)]
    values = [sample(kind) for kind in kinds]
    data = keccak(text=errors.abi_signature(refusal))[:4] + encode(kinds, values)
    found = refusal_of(data)
    assert type(found) is refusal
    assert [getattr(found, name) for name, _ in members(refusal)] == values
    message = str(found)
    assert message.endswith(".")
    assert "{" not in message
    assert getattr(errors, refusal.__name__) is refusal


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\xde\xad\xbe\xef" + bytes(32), keccak(text="ConsentLocked()")[:3]]
)
def test_any_other_revert_data_is_unknown_but_shown(data: bytes) -> None:
    found = refusal_of(data)
    assert isinstance(found, UnknownRefusal)
    assert found.data == data
    assert data.hex() in str(found)


def test_truncated_values_are_unknown() -> None:
    selector = keccak(text="ConsentTokenUnknown(uint256)")[:4]
    assert isinstance(refusal_of(selector + bytes(5)), UnknownRefusal)


def test_soliditys_own_reverts_are_told_apart() -> None:
    text = refusal_of(keccak(text="Error(string)")[:4] + encode(["string"], ["no"]))
    assert isinstance(text, RefusedWithText)
    assert text.text == "no"
    panic = refusal_of(keccak(text="Panic(uint256)")[:4] + encode(["uint256"], [0x11]))
    assert isinstance(panic, Panicked)
    assert "0x11" in str(panic)


def test_all_are_chain_errors() -> None:
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, ChainError) or name == "DecodingError", name


class TestOnARealChain:
    def test_a_refused_write_names_the_cause_and_spends_nothing(self, world: World) -> None:
        world.register_sites()
        sponsor = world.chain(world.sponsor)
        before = sponsor.w3.eth.get_transaction_count(world.sponsor.address)
        with pytest.raises(RegistryTermsInvalid) as refused:
            world.propose(min_sites=1)
        assert refused.value.field == "minSites"
        assert sponsor.w3.eth.get_transaction_count(world.sponsor.address) == before

    def test_values_come_through(self, world: World) -> None:
        study = world.approved_study()
        token = world.give_consent(study, world.sites[0], Account.create(), record="one")
        with pytest.raises(ConsentRecordHasToken) as taken:
            world.give_consent(study, world.sites[0], Account.create(), record="one")
        assert taken.value.token_id == token

        with pytest.raises(LedgerWrongState) as wrong:
            world.chain(world.coordinator).ledger.seal(study, 1)
        assert (wrong.value.study_id, wrong.value.round) == (study, 1)
        assert wrong.value.state is RoundState.NONE
        assert "NONE" in str(wrong.value)

    def test_a_view_that_refuses_raises_too(self, world: World) -> None:
        with pytest.raises(errors.ERC721NonexistentToken):
            world.chain().consent.owner_of(12345)

    def test_a_cohort_that_the_chain_does_not_bear_out(self, world: World) -> None:
        import dataclasses

        study = world.approved_study()
        site = world.sites[0]
        world.give_consent(study, site, Account.create())
        round_ = world.open_round(study)
        commitment = world.commit(study, round_, site)
        ledger = world.chain(site).ledger
        head = world.chain().head()
        inflated = dataclasses.replace(
            commitment,
            attempt=2,
            cohort_size=2,
            mask_key=b"\x09" * 32,
            block_number=head.number,
            block_hash=head.hash,
        )
        with pytest.raises(LedgerCohortNotBorneOut) as refused:
            ledger.commit(study, round_, inflated)
        assert (refused.value.size, refused.value.unburned) == (2, 1)
