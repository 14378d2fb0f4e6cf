"""Bundles changed by somebody who can also rewrite bundle.json, and what the verifier says then."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from audit import canonical_json
from audit.bundle import Bundle
from audit.bundle_index import OBJECTS, FileEntry
from audit.car import root_of
from audit.checks.context import Context, place_of
from audit.checks.contracts import check_anchor, check_contracts
from audit.checks.history import check_history
from audit.cid import sha256
from audit.report import Check, Report
from chain import events as ev


def forged(bundle: Bundle, changes: dict[str, bytes | None]) -> Bundle:
    """The bundle with files changed (None: removed) and bundle.json rewritten to agree.

    A path objects.car/CID is an object.
    """
    files, objects = dict(bundle.files), dict(bundle.objects)
    for path, data in changes.items():
        group, name = (objects, cid_in(path)) if is_object(path) else (files, path)
        if data is None:
            group.pop(name)
        else:
            group[name] = data
    listed = {path: FileEntry(sha256(data), len(data)) for path, data in files.items()}
    return dataclasses.replace(
        bundle, files=files, listed=listed, objects=objects, root=root_of(objects)
    )


def is_object(path: str) -> bool:
    return path.startswith(f"{OBJECTS}/")


def cid_in(path: str) -> str:
    return path.removeprefix(f"{OBJECTS}/")


def contents(bundle: Bundle) -> dict[str, bytes]:
    """Everything in it by path; an object's is objects.car/CID."""
    return {**bundle.files, **{place_of(cid): data for cid, data in bundle.objects.items()}}


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 0x01,)) + data[position + 1 :]


def positions(length: int) -> list[int]:
    """Two of a file's bytes; `tests/audit/fuzz/test_every_byte.py` tries more."""
    return sorted({length // 3, length - 1})


def failures(report: Report) -> list[Check]:
    return [check for check in report.checks if not check.ok]


def names(report: Report) -> set[str]:
    return {check.name for check in failures(report)}


def records_of(bundle: Bundle) -> list[ev.EventRecord]:
    value = canonical_json.loads(bundle.files["chain/events.json"])
    return [ev.EventRecord.from_json(entry) for entry in value]


def with_records(bundle: Bundle, records: list[ev.EventRecord]) -> Bundle:
    data = canonical_json.dumps([record.to_json() for record in records])
    return forged(bundle, {"chain/events.json": data})


def history_failures(bundle: Bundle, trust_block: bytes) -> set[tuple[str, str]]:
    """What the checks of blocks, proofs and events alone find."""
    context = Context(bundle)
    check_anchor(context, trust_block)
    check_contracts(context)
    check_history(context)
    return {(check.name, check.object) for check in context.record.checks if not check.ok}


def change_event(bundle: Bundle, kind: type[ev.Event], change: Callable[[Any], Any]) -> Bundle:
    """The bundle with the last event of a kind changed, as if the contract had said so."""
    records = records_of(bundle)
    for position in reversed(range(len(records))):
        event = ev.decode(records[position])
        if isinstance(event, kind):
            block, time = records[position].block_number, records[position].block_timestamp
            records[position] = ev.encode(change(event), block, time)
            return with_records(bundle, records)
    raise LookupError(kind)


def replaced(**changes: Any) -> Callable[[Any], Any]:
    def apply(event: Any) -> Any:
        values = {
            name: value(getattr(event, name)) if callable(value) else value
            for name, value in changes.items()
        }
        return dataclasses.replace(event, **values)

    return apply
