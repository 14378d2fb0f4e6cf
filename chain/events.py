"""Events of the three contracts, their decoding, and the running hash over them. Pure."""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from eth_abi.abi import encode as abi_encode

from chain.event_types import (
    CONTRACT_NAMES,
    EVENTS,
    Aborted,
    Answered,
    ApprovalExtended,
    Approved,
    Barred,
    Challenged,
    Closed,
    Committed,
    ContractName,
    DeliveryRecorded,
    EnrolmentKeyRotated,
    Event,
    Faulted,
    Granted,
    Opened,
    Readmitted,
    Resumed,
    ReviewerReplaced,
    Revoked,
    RolledBack,
    Sealed,
    SiteRegistered,
    StudyProposed,
    SuccessorRecorded,
    Suspended,
    VersionActivated,
    VersionProposed,
)
from chain.hashing import keccak
from chain.light_dataclass import light_dataclass
from chain.solidity import abi_type, members, to_abi
from chain.words import WORD, values_reader

__all__ = [
    "CONTRACT_NAMES",
    "EVENTS",
    "NOTHING_YET",
    "Aborted",
    "Answered",
    "ApprovalExtended",
    "Approved",
    "Barred",
    "Challenged",
    "Closed",
    "Committed",
    "ContractName",
    "DeliveryRecorded",
    "EnrolmentKeyRotated",
    "Event",
    "EventRecord",
    "Faulted",
    "Granted",
    "Opened",
    "Readmitted",
    "Resumed",
    "ReviewerReplaced",
    "Revoked",
    "RolledBack",
    "Sealed",
    "SiteRegistered",
    "StudyProposed",
    "SuccessorRecorded",
    "Suspended",
    "UndecodableEvent",
    "VersionActivated",
    "VersionProposed",
    "advance",
    "decode",
    "encode",
    "is_known",
]

# The running hash before the first event of a study (IRunningHash).
NOTHING_YET = bytes(32)


class UndecodableEvent(ValueError):
    """The record is not an event of that contract, or its data is not that event's ABI encoding."""


@light_dataclass(frozen=True)
class EventRecord:
    """One log as it enters the running hash. `data` is the ABI encoding of all but the study."""

    contract: ContractName
    block_number: int
    block_timestamp: int
    topic0: bytes
    study_id: int
    data: bytes

    def to_json(self) -> dict[str, str | int]:
        """The form of `chain/events.json` in a bundle; `from_json` is its inverse."""
        return {
            "contract": self.contract,
            "block_number": self.block_number,
            "block_timestamp": self.block_timestamp,
            "topic0": "0x" + self.topic0.hex(),
            "study_id": self.study_id,
            "data": "0x" + self.data.hex(),
        }

    @classmethod
    def from_json(cls, value: object) -> "EventRecord":
        """Raises ValueError on an unknown, missing or mistyped member."""
        names = {"contract", "block_number", "block_timestamp", "topic0", "study_id", "data"}
        if not isinstance(value, dict) or set(value) != names:
            raise ValueError(f"an event record has exactly the members {sorted(names)}")
        if value["contract"] not in CONTRACT_NAMES:
            raise ValueError(f"no contract is called {value['contract']!r}")
        topic0 = _unhex(value["topic0"], "topic0")
        if len(topic0) != 32:
            raise ValueError("topic0 must have 32 bytes")
        return cls(
            cast(ContractName, value["contract"]),
            _natural(value["block_number"], "block_number"),
            _natural(value["block_timestamp"], "block_timestamp"),
            topic0,
            _natural(value["study_id"], "study_id"),
            _unhex(value["data"], "data"),
        )


def _natural(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 64:
        raise ValueError(f"{name} must be an integer in [0, 2^64), not {value!r}")
    return value


def _unhex(value: object, name: str) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x") or value != value.lower():
        raise ValueError(f"{name} must be 0x and lower-case hex")
    try:
        raw = bytes.fromhex(value[2:])
    except ValueError as error:
        raise ValueError(f"{name} must be 0x and lower-case hex") from error
    if len(value) != 2 + 2 * len(raw):  # fromhex skips blanks
        raise ValueError(f"{name} must be 0x and lower-case hex")
    return raw


@cache
def _by_topic() -> dict[tuple[ContractName, bytes], type[Event]]:
    return {(event.contract, event.topic0()): event for event in EVENTS}


def is_known(contract: ContractName, topic0: bytes) -> bool:
    """Whether it enters the running hash; ConsentToken also emits ERC-721's, which do not."""
    return (contract, topic0) in _by_topic()


def decode(record: EventRecord) -> Event:
    """The event that a record holds.

    Raises UndecodableEvent for an unknown topic and for data that is not exactly the event's ABI
    encoding (its re-encoding must give the same bytes, so that no two records mean the same).
    """
    event: Any = _by_topic().get((record.contract, record.topic0))
    if event is None:
        raise UndecodableEvent(f"{record.contract} has no event with topic 0x{record.topic0.hex()}")
    try:
        values = _reader_of(event)(record.data)
    except ValueError as error:
        raise UndecodableEvent(f"the data of {event.__name__} cannot be read: {error}") from error
    found: Event = event(record.study_id, *values)
    return found


@cache
def _reader_of(event: Any) -> Callable[[bytes], list[Any]]:
    """Reads what an event's data holds."""
    return values_reader([hint for _, hint in members(event)[1:]])


def encode(event: Event, block_number: int, block_timestamp: int) -> EventRecord:
    """The record that an event would leave in a block; the inverse of `decode`."""
    fields = members(type(event))[1:]
    types = [abi_type(hint) for _, hint in fields]
    data = abi_encode(types, [to_abi(getattr(event, name), hint) for name, hint in fields])
    return EventRecord(
        event.contract, block_number, block_timestamp, event.topic0(), event.study_id, data
    )


def advance(previous: bytes, record: EventRecord) -> bytes:
    """The running hash after one more event (IRunningHash); the first `previous` is NOTHING_YET.

    keccak256(abi.encode(previous, block.number, block.timestamp, topic0, keccak256(data))).
    """
    step = (
        previous,
        record.block_number.to_bytes(WORD, "big"),
        record.block_timestamp.to_bytes(WORD, "big"),
        record.topic0,
        keccak(record.data),
    )
    return keccak(b"".join(step))  # five words are their own ABI encoding
