"""Events: what Python decodes and hashes is what the contracts leave and keep."""

from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.artifacts import artifact
from chain.events import (
    CONTRACT_NAMES,
    EVENTS,
    NOTHING_YET,
    ContractName,
    EventRecord,
    Granted,
    Revoked,
    UndecodableEvent,
    advance,
    decode,
    encode,
)
from chain.messages import Challenge, Readmission, Replacement, Rollback
from chain.signed_act import SignedAct, replace_reviewer, roll_back
from chain.solidity import abi_type, camel, members
from tests.world import YEAR, World

# ERC-721, ERC-5192, ERC-5484 and EIP-5267 events, which wallets read; no running hash holds them.
FOR_WALLETS = {"Transfer", "Approval", "ApprovalForAll", "Locked", "Unlocked", "Issued"}
NOT_HASHED = FOR_WALLETS | {"EIP712DomainChanged", "AuthorityUpdated"}
# The ABI's name of a struct that is called otherwise here: a Challenge is also what somebody signs.
RENAMED = {"Challenge": "ChallengeRecord"}


def abi_shape(item: dict[str, Any]) -> str:
    """The ABI type of an argument in the JSON ABI, structs as tuples."""
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    return "(" + ",".join(abi_shape(part) for part in item["components"]) + ")" + kind[5:]


def names(struct: Any) -> list[str]:
    return [camel(name) for name, _ in members(struct)]


@pytest.mark.parametrize("contract", CONTRACT_NAMES)
def test_there_is_one_class_for_each_event_of_the_abi(contract: ContractName) -> None:
    stated = {
        (entry["name"], tuple((i["name"], abi_shape(i), i["indexed"]) for i in entry["inputs"]))
        for entry in artifact(contract).abi
        if entry["type"] == "event" and entry["name"] not in NOT_HASHED
    }
    ours = {
        (
            event.__name__,
            tuple(
                (camel(name), abi_type(hint), name == "study_id") for name, hint in members(event)
            ),
        )
        for event in EVENTS
        if event.contract == contract
    }
    assert ours == stated


@pytest.mark.parametrize("contract", CONTRACT_NAMES)
def test_structs_have_the_contracts_fields(contract: ContractName) -> None:
    from chain import messages

    seen = 0
    pending = list(artifact(contract).abi)
    while pending:
        item = pending.pop()
        pending += [*item.get("inputs", []), *item.get("outputs", []), *item.get("components", [])]
        kind = str(item.get("internalType", "")).removesuffix("[]")
        if kind.startswith("struct "):
            name = kind.removeprefix("struct ")
            struct = getattr(messages, RENAMED.get(name, name))
            assert names(struct) == [part["name"] for part in item["components"]]
            assert abi_type(struct) == abi_shape(item).removesuffix("[]")
            seen += 1
    assert seen > 0


def history(world: World) -> int:
    """A study in which everything happens that leaves an event; moves the chain's clock."""
    study = world.approved_study()
    holders = [Account.create() for _ in world.sites]
    tokens = [
        world.give_consent(study, site, holder)
        for site, holder in zip(world.sites, holders, strict=True)
    ]
    ledger = world.chain(world.coordinator).ledger
    closed = world.open_round(study)
    for site in world.sites:
        world.commit(study, closed, site)
    ledger.seal(study, closed)
    world.close(study, closed)
    ledger.abort(study, world.open_round(study))
    hold_sites_to_account(world, study)
    world.revoke(tokens[1], holders[1])
    back = Rollback(study, 0, 0)
    roll_back(world.chain(), [SignedAct.sign(back, ledger.domain, r) for r in world.reviewers[:2]])
    world.chain(world.sites[0]).registry.rotate_enrolment_key(Account.create().address)
    world.approve(study, expires_at=world.now + YEAR + 1)
    replacement = Replacement(study, 0, world.reviewers[2].address, Account.create().address)
    domain = world.chain().registry.domain
    acts = [SignedAct.sign(replacement, domain, reviewer) for reviewer in world.reviewers[:2]]
    replace_reviewer(world.chain(), acts)
    world.chain(world.reviewers[0]).registry.suspend(study)
    return study


def hold_sites_to_account(world: World, study: int) -> None:
    """One delivers, one does not, one answers and one does not."""
    ledger = world.chain(world.coordinator).ledger
    reviewer, domain = world.reviewers[0], ledger.domain
    delivers, silent = world.sites[:2]
    round_ = world.open_round(study)
    for site in world.sites:
        world.commit(study, round_, site)
    ledger.seal(study, round_)
    world.chain(delivers).ledger.record_delivery(study, round_, bytes(31) + b"\x01")
    world.pass_time(1800)
    ledger.bar(study, round_, silent.address)
    readmission = Readmission(study, silent.address, 1)
    SignedAct.sign(readmission, domain, reviewer).carry(world.chain())
    ledger.abort(study, round_)
    for site in (delivers, silent):
        asking = Challenge(study, round_, site.address, 0)
        SignedAct.sign(asking, domain, reviewer).carry(world.chain())
    world.chain(delivers).ledger.answer(study, round_, 0, bytes(31) + b"\x02")
    world.pass_time(600)
    ledger.fault(study, round_, silent.address, 0)


def running_hashes(records: list[EventRecord]) -> dict[tuple[str, int], bytes]:
    found: dict[tuple[str, int], bytes] = {}
    for record in records:
        key = (record.contract, record.study_id)
        found[key] = advance(found.get(key, NOTHING_YET), record)
    return found


def test_advancing_over_all_events_gives_the_contracts_running_hash(world: World) -> None:
    study = history(world)
    chain = world.chain()
    records = chain.events_of([0, study])
    ours = running_hashes(records)
    assert ours[("StudyRegistry", 0)] == chain.registry.running_hash(0)
    assert ours[("StudyRegistry", study)] == chain.registry.running_hash(study)
    assert ours[("ConsentToken", study)] == chain.consent.running_hash(study)
    assert ours[("RoundLedger", study)] == chain.ledger.running_hash(study)
    assert chain.registry.running_hash(study + 1) == NOTHING_YET

    # And at each block of the past: none is late, none early.
    for number in range(records[0].block_number, chain.head().number + 1, 7):
        then = running_hashes([r for r in records if r.block_number <= number])
        expected = then.get(("ConsentToken", study), NOTHING_YET)
        assert chain.consent.running_hash(study, block=number) == expected


def test_every_record_decodes_and_encodes_to_itself(world: World) -> None:
    study = history(world)
    records = world.chain().events_of([0, study])
    kinds = {type(decode(record)).__name__ for record in records}
    assert kinds == {event.__name__ for event in EVENTS} - {"Resumed", "SuccessorRecorded"}
    for record in records:
        event = decode(record)
        assert encode(event, record.block_number, record.block_timestamp) == record
        assert EventRecord.from_json(record.to_json()) == record
    granted = next(e for e in map(decode, records) if isinstance(e, Granted))
    assert granted.grant.study_id == study
    assert any(isinstance(decode(record), Revoked) for record in records)


RECORD = encode(Revoked(3, 5, "0x" + "11" * 20, 1, 1), 9, 1000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 5), st.data())
def test_any_change_changes_the_running_hash(field: int, data: st.DataObject) -> None:
    start = data.draw(st.binary(min_size=32, max_size=32))
    changes: list[dict[str, Any]] = [
        {"block_number": 10},
        {"block_timestamp": 1001},
        {"topic0": keccak(text="another")},
        {"data": RECORD.data[:-1] + b"\x02"},
        {"data": RECORD.data + bytes(32)},
        {"data": b""},
    ]
    fields = vars(RECORD) | changes[field]
    assert advance(start, EventRecord(**fields)) != advance(start, RECORD)
    assert advance(bytes([start[0] ^ 1]) + start[1:], RECORD) != advance(start, RECORD)


@pytest.mark.parametrize(
    "change",
    [
        {"topic0": bytes(32)},
        {"contract": "RoundLedger"},
        {"data": RECORD.data[:-32]},
        {"data": RECORD.data + bytes(32)},
        {"data": b"\xff" * len(RECORD.data)},
    ],
)
def test_what_is_no_event_of_ours_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UndecodableEvent):
        decode(EventRecord(**vars(RECORD) | change))


@pytest.mark.parametrize(
    "change",
    [
        {"contract": "Other"},
        {"block_number": "9"},
        {"block_number": -1},
        {"study_id": True},
        {"topic0": "0x11"},
        {"data": "0xAB"},
        {"data": "ab"},
        {"data": "0x a1"},
        {"extra": 1},
    ],
)
def test_json_that_is_no_record_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|exactly|called"):
        EventRecord.from_json(RECORD.to_json() | change)
