"""The chain/ files of a bundle, read strictly: proofs, code and events, nothing verified yet."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit import canonical_json, fields
from audit.bundle_index import MAX_PARSED_BYTES
from audit.errors import NotCanonical, ProofInvalid
from audit.proofs import MAX_PROOF_NODES
from chain.events import CONTRACT_NAMES, ContractName, EventRecord

PROOFS, CODE, EVENTS = "chain/proofs.json", "chain/code.json", "chain/events.json"

MAX_EVENTS = 10_000_000

_CONTRACTS: dict[bytes, ContractName] = {name.encode(): name for name in CONTRACT_NAMES}
_EVENT = re.compile(
    rb'\{"block_number":(0|[1-9][0-9]{0,15}),"block_timestamp":(0|[1-9][0-9]{0,15}),'
    rb'"contract":"(%s)","data":"0x([0-9a-f]*)",'
    rb'"study_id":(0|[1-9][0-9]{0,15}),"topic0":"0x([0-9a-f]{64})"\}' % b"|".join(_CONTRACTS)
)
"""One event in canonical JSON, as `EventRecord.to_json` has it: its members in their order."""


@dataclass(frozen=True)
class StorageEvidence:
    """One slot as stated: a namespace's mapping entry, its 32-byte value, and the proof's nodes."""

    namespace: str
    study: int
    key: bytes
    value: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class ContractEvidence:
    """One contract as stated, with proofs (RLP nodes, root first) and its runtime code."""

    address: str
    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes
    account_proof: tuple[bytes, ...]
    storage: tuple[StorageEvidence, ...]
    code: bytes


@dataclass(frozen=True)
class Evidence:
    """``records``: every event of the study and of the whole registry, in log order; each pass over
    them reads them anew.
    """

    contracts: dict[ContractName, ContractEvidence]
    records: Collection[EventRecord]


class EventLog(Collection[EventRecord]):
    """The events of a file in its one canonical form, one in memory at a time.

    Raises NotCanonical when it has another form.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = sum(1 for _ in self)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, record: object) -> bool:
        return any(one == record for one in self)

    def __iter__(self) -> Iterator[EventRecord]:
        data, position, byte, count = self._data, 0, b"[", 0
        while data[position : position + 1] == byte and count < MAX_EVENTS:
            found = _EVENT.match(data, position + 1)
            if found is None:
                raise NotCanonical(f"{EVENTS}: byte {position + 1} does not begin an event")
            yield _event(found)
            position, byte, count = found.end(), b",", count + 1
        if data[position:] != b"]":
            raise NotCanonical(f"{EVENTS}: byte {position} does not end a list of events")


def parse_evidence(files: Mapping[str, bytes]) -> Evidence:
    """Evidence from a bundle's files by path.

    Raises ProofInvalid or NotCanonical, naming the file, for a file that is missing or malformed.
    """
    missing = [path for path in (PROOFS, CODE, EVENTS) if path not in files]
    if missing:
        raise ProofInvalid(f"the bundle lacks {', '.join(missing)}")
    proofs = canonical_json.loads(files[PROOFS], PROOFS)
    code = canonical_json.loads(files[CODE], CODE)
    try:
        fields.members(code, CONTRACT_NAMES, CODE)
        accounts = fields.array(proofs, PROOFS, lambda value, where: value, len(CONTRACT_NAMES))
        if len(accounts) != len(CONTRACT_NAMES):
            raise fields.FieldInvalid(f"{PROOFS} must have one account for each contract")
        contracts = {
            name: _contract(account, name, fields.hexadecimal(code[name], f"{CODE} {name}"))
            for name, account in zip(CONTRACT_NAMES, accounts, strict=True)
        }
        records = _records(files[EVENTS])
    except fields.FieldInvalid as error:
        raise ProofInvalid(str(error)) from error
    return Evidence(contracts, records)


def _contract(value: Any, name: ContractName, code: bytes) -> ContractEvidence:
    where = f"{PROOFS} {name}"
    names = ("contract", "address", "nonce", "balance", "storage_hash", "code_hash")
    fields.members(value, (*names, "account_proof", "storage"), where)
    if value["contract"] != name:
        raise fields.FieldInvalid(f"{where} is of {value['contract']!r}")
    return ContractEvidence(
        address=fields.address(value["address"], f"{where}.address"),
        nonce=fields.decimal(value["nonce"], f"{where}.nonce"),
        balance=fields.decimal(value["balance"], f"{where}.balance"),
        storage_root=fields.bytes32(value["storage_hash"], f"{where}.storage_hash"),
        code_hash=fields.bytes32(value["code_hash"], f"{where}.code_hash"),
        account_proof=_nodes(value["account_proof"], f"{where}.account_proof"),
        storage=fields.array(value["storage"], f"{where}.storage", _storage, 10),
        code=code,
    )


def _storage(value: Any, where: str) -> StorageEvidence:
    fields.members(value, ("namespace", "study", "key", "value", "proof"), where)
    return StorageEvidence(
        namespace=fields.text(value["namespace"], f"{where}.namespace"),
        study=fields.integer(value["study"], f"{where}.study"),
        key=fields.bytes32(value["key"], f"{where}.key"),
        value=fields.bytes32(value["value"], f"{where}.value"),
        proof=_nodes(value["proof"], f"{where}.proof"),
    )


def _nodes(value: Any, where: str) -> tuple[bytes, ...]:
    return fields.array(value, where, fields.hexadecimal, MAX_PROOF_NODES)


def _records(data: bytes) -> Collection[EventRecord]:
    try:
        return EventLog(data)
    except NotCanonical:
        if len(data) > MAX_PARSED_BYTES:
            raise
        # says what is wrong with it
        events = canonical_json.loads(data, EVENTS)
        return fields.array(events, EVENTS, _record, MAX_EVENTS)


def _event(found: re.Match[bytes]) -> EventRecord:
    block, time, contract, content, study, topic = found.groups()
    numbers = int(block), int(time), int(study)
    if max(numbers) > canonical_json.LARGEST_SAFE_INTEGER or len(content) % 2:
        raise NotCanonical(f"{EVENTS}: an event's numbers or data cannot be")
    return EventRecord(
        _CONTRACTS[contract],
        numbers[0],
        numbers[1],
        bytes.fromhex(topic.decode("ascii")),
        numbers[2],
        bytes.fromhex(content.decode("ascii")),
    )


def _record(value: Any, where: str) -> EventRecord:
    try:
        return EventRecord.from_json(value)
    except ValueError as error:
        raise fields.FieldInvalid(f"{where}: {error}") from error
