"""Data of fixed size is read word by word exactly as eth_abi reads it, and refused where it is."""

import pytest
from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.events import EVENTS, Event, EventRecord, UndecodableEvent, decode
from chain.solidity import abi_type, from_abi, members
from chain.words import words_in

FIXED = [
    event for event in EVENTS if all(words_in(hint) is not None for _, hint in members(event)[1:])
]
# Words as the encodings of numbers, addresses and byte strings have them, and any others.
WORDS = st.one_of(
    st.integers(0, 300).map(lambda number: number.to_bytes(32)),
    st.integers(0, 2**64).map(lambda number: number.to_bytes(32)),
    st.binary(min_size=20, max_size=20).map(lambda account: bytes(12) + account),
    st.binary(max_size=32).map(lambda left: left.ljust(32, b"\0")),
    st.binary(min_size=32, max_size=32),
)


def as_eth_abi_reads_it(event: type[Event], data: bytes) -> Event | None:
    fields = members(event)[1:]
    types = [abi_type(hint) for _, hint in fields]
    try:
        raw = abi_decode(types, data)
        if abi_encode(types, raw) != data:
            return None
        values = {n: from_abi(item, hint) for item, (n, hint) in zip(raw, fields, strict=True)}
        return event(study_id=7, **values)
    except (DecodingError, OverflowError, ValueError):
        return None


def as_we_read_it(event: type[Event], data: bytes) -> Event | None:
    try:
        return decode(EventRecord(event.contract, 1, 1, event.topic0(), 7, data))
    except UndecodableEvent:
        return None


def test_most_events_are_of_fixed_size() -> None:
    assert {"Granted", "Revoked", "Opened", "Committed"} <= {event.__name__ for event in FIXED}
    assert {"VersionProposed", "Sealed", "Closed"}.isdisjoint(event.__name__ for event in FIXED)


@pytest.mark.parametrize("event", FIXED, ids=lambda event: event.__name__)
@settings(max_examples=30)
@given(data=st.data())
def test_both_read_the_same_or_refuse(event: type[Event], data: st.DataObject) -> None:
    count = sum(words_in(hint) or 0 for _, hint in members(event)[1:])
    words = data.draw(st.lists(WORDS, min_size=count, max_size=count).map(b"".join))
    cut = data.draw(st.sampled_from([0, 0, 0, 1, 32]))
    more = data.draw(st.sampled_from([b"", b"", b"", b"\0", bytes(32)]))
    drawn = words[: len(words) - cut] + more
    assert as_we_read_it(event, drawn) == as_eth_abi_reads_it(event, drawn)


@given(st.lists(st.integers(0, 2**16 - 1), min_size=11, max_size=11))
def test_what_is_encoded_is_read(numbers: list[int]) -> None:
    opened = next(event for event in FIXED if event.__name__ == "Opened")
    data = b"".join(number.to_bytes(32) for number in numbers)
    found = as_we_read_it(opened, data)
    assert found is not None
    assert found == as_eth_abi_reads_it(opened, data)
