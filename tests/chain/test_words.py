"""Data is read word by word exactly as eth_abi reads it, and refused where its encoding differs."""

import pytest
from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.events import EVENTS, Event, EventRecord, UndecodableEvent, decode
from chain.messages import Commitment, Terms
from chain.solidity import Address, Bytes, Hint, String, Uint64, abi_type, from_abi, members, to_abi
from chain.words import values_reader, values_writer, words_in

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
    except (DecodingError, OverflowError, ValueError, StopIteration):
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


NESTED: list[tuple[Hint, ...]] = [
    (Uint64, tuple[Address, ...], tuple[Commitment, ...]),
    (Bytes, String, tuple[Bytes, ...]),
    (tuple[tuple[Bytes, ...], ...], Uint64),
    (Terms,),
]


def a_value(hint: Hint, data: st.DataObject) -> object:
    """As `from_abi` gives it."""
    if words_in(hint) is None and abi_type(hint).endswith("[]"):
        inner = hint.__args__[0]
        return tuple(a_value(inner, data) for _ in range(data.draw(st.integers(0, 3))))
    if isinstance(hint, type):
        if issubclass(hint, int):
            return hint(data.draw(st.integers(0, 1)))
        return hint(**{name: a_value(inner, data) for name, inner in members(hint)})
    kind = abi_type(hint)
    if kind == "address":
        return from_abi("0x" + data.draw(st.binary(min_size=20, max_size=20)).hex(), hint)
    if kind == "string":
        return data.draw(st.text(max_size=40))
    if kind.startswith("uint"):
        return data.draw(st.integers(0, 2 ** int(kind.removeprefix("uint")) - 1))
    size = kind.removeprefix("bytes")
    return data.draw(st.binary(min_size=int(size or 0), max_size=int(size or 70)))


@pytest.mark.parametrize("hints", NESTED, ids=lambda hints: ",".join(map(abi_type, hints)))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_values_of_any_size_are_written_and_read_as_eth_abi_does(
    hints: tuple[Hint, ...], data: st.DataObject
) -> None:
    values = [a_value(hint, data) for hint in hints]
    written = values_writer(hints)(values)
    plain = [to_abi(value, hint) for value, hint in zip(values, hints, strict=True)]
    assert written == abi_encode([abi_type(hint) for hint in hints], plain)
    assert values_reader(hints)(written) == values


@pytest.mark.parametrize("hints", NESTED, ids=lambda hints: ",".join(map(abi_type, hints)))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_an_encoding_that_solidity_does_not_write_is_refused(
    hints: tuple[Hint, ...], data: st.DataObject
) -> None:
    """eth_abi takes some of them: offsets may overlap, point back, leave gaps, run over the end."""
    written = values_writer(hints)([a_value(hint, data) for hint in hints])
    place = data.draw(st.integers(0, len(written) - 1))
    kind = data.draw(st.sampled_from(["byte", "cut", "more", "word"]))
    changed = bytearray(written)
    if kind == "byte":
        changed[place] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del changed[place:]
    elif kind == "more":
        changed += bytes(data.draw(st.sampled_from([1, 32])))
    else:
        word = place - place % 32
        changed[word : word + 32] = data.draw(st.integers(0, 2**256 - 1)).to_bytes(32)
    try:
        found = values_reader(hints)(bytes(changed))
    except ValueError:
        return
    # whatever is read means just these bytes
    assert values_writer(hints)(found) == bytes(changed)
