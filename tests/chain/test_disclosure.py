"""What events may say: numbers, hashes, addresses, keys and signatures, and no free text."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chain.artifacts import FOLDER
from federation.gate.record_register import record_commitment, record_tag

#: Members of type `bytes`, whose content the contracts check or make: keys, signatures, call data.
CHECKED_BYTES = {
    "coordinatorSignature",
    "data",
    "deliverySignatures",
    "newKey",
    "signature",
    "signatures",
    "signer",
    "signers",
}
#: Of OpenZeppelin's own events: labels that an administrator gives to roles.
OTHERS = {"AccessManager.RoleLabel"}


def members(inputs: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for member in inputs:
        yield from members(member.get("components", []))
        if "components" not in member:
            yield member["name"], member["type"]


def events() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8"))["abi"]:
            if entry["type"] == "event":
                yield f"{path.stem}.{entry['name']}", entry


@pytest.mark.parametrize(("name", "event"), list(events()))
def test_no_event_has_room_for_free_text(name: str, event: dict[str, Any]) -> None:
    wrong = [
        (member, kind)
        for member, kind in members(event["inputs"])
        if kind.startswith("string")
        or (kind in {"bytes", "bytes[]"} and member not in CHECKED_BYTES)
    ]
    assert name in OTHERS or wrong == []


def test_two_studies_of_one_record_share_no_value() -> None:
    salt, holders = bytes(range(32)), (b"\1" * 20, b"\2" * 20)
    tags = {record_tag(salt, 31337, study, "record-1") for study in (1, 2)}
    commitments = {record_commitment(salt, "record-1", holder) for holder in holders}
    assert len(tags) == 2
    assert len(commitments) == 2
    assert not tags & commitments


def test_without_its_salt_a_commitment_is_no_guess_away() -> None:
    """Destroying the salt makes it unlinkable: another salt gives another commitment."""
    first, second = (record_commitment(salt * 32, "record-1", b"\1" * 20) for salt in (b"a", b"b"))
    assert first != second
