"""Whatever is changed in a bundle, by somebody who can also rewrite bundle.json, verification fails
and names what changed. Only the block hash is out of the tamperer's reach.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from audit import canonical_json
from audit.bundle import EVIDENCE_FILES, Bundle
from audit.bundle_index import INDEX, OBJECTS
from audit.checks.context import place_of
from audit.cid import cid_of, sha256
from audit.errors import BundleUnusable
from audit.verify import verify, verify_folder
from chain import events as ev
from tests.audit.conftest import Written
from tests.audit.tampering import (
    change_event,
    contents,
    failures,
    flipped,
    forged,
    history_failures,
    is_object,
    names,
    positions,
    records_of,
    replaced,
    with_records,
)

pytestmark = pytest.mark.usefixtures("remembered")


def test_a_flipped_byte_anywhere_in_any_file_is_found_and_named(
    written: Written, bundle: Bundle
) -> None:
    for path, data in bundle.files.items():
        for position in positions(len(data)):
            changed = dataclasses.replace(
                bundle, files={**bundle.files, path: flipped(data, position)}
            )
            found = failures(verify(changed, written.trust_block))
            assert any(c.name == "files.hash" and c.object == path for c in found), (path, position)


def test_a_flipped_byte_in_any_object_is_found_and_named(written: Written, bundle: Bundle) -> None:
    for cid, data in bundle.objects.items():
        for position in positions(len(data)):
            changed = forged(bundle, {place_of(cid): flipped(data, position)})
            found = failures(verify(changed, written.trust_block))
            named = [check.object for check in found if check.name == "objects.cid"]
            assert named == [place_of(cid)], (cid, position)


def test_a_flipped_byte_is_found_also_when_the_index_is_rewritten(
    written: Written, bundle: Bundle
) -> None:
    for path, data in bundle.files.items():
        for position in positions(len(data)):
            changed = forged(bundle, {path: flipped(data, position)})
            report = verify(changed, written.trust_block)
            assert report.exit_code == 1, (path, position)
            named = " ".join(check.object for check in failures(report))
            assert path in named or path.startswith("chain/"), (path, position, named)


def test_a_flipped_byte_in_the_index_is_found(written: Written, tmp_path: Path) -> None:
    folder = written.copy(tmp_path / "bundle")
    good = (folder / INDEX).read_bytes()
    listing = range(good.index(b'"files"'), good.index(b'"schema"'))
    outside = [position for position in range(len(good)) if position not in listing]
    for position in [*outside[::3], *listing[::211]]:
        (folder / INDEX).write_bytes(flipped(good, position))
        try:
            report = verify_folder(folder, written.trust_block)
        except BundleUnusable as error:
            assert INDEX in str(error)
        else:
            assert report.exit_code == 1, good[max(0, position - 20) : position + 20]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "unlisted"])
def test_a_missing_file_or_object_is_named(written: Written, bundle: Bundle, listed: bool) -> None:
    for path in contents(bundle):
        changed = forged(bundle, {path: None})
        if listed:
            changed = dataclasses.replace(changed, listed=bundle.listed, root=bundle.root)
        found = failures(verify(changed, written.trust_block))
        assert any(check.object == path for check in found), (path, found)
        if listed and is_object(path):
            assert ("objects.root", OBJECTS) in {(c.name, c.object) for c in found}


def test_an_object_or_document_that_nothing_refers_to_is_named(
    written: Written, bundle: Bundle
) -> None:
    path = place_of(cid_of(b"surprise"))
    report = verify(forged(bundle, {path: b"surprise"}), written.trust_block)
    assert [(c.name, c.object) for c in failures(report)] == [("objects.referenced", path)]
    path = "documents/4/protocol"
    report = verify(forged(bundle, {path: b"surprise"}), written.trust_block)
    assert [(c.name, c.object) for c in failures(report)] == [("documents.referenced", path)]


def test_another_trusted_block_or_none_fails_the_anchor_and_nothing_else(bundle: Bundle) -> None:
    for trusted in (None, bytes(32)):
        report = verify(bundle, trusted)
        assert names(report) == {"anchor"}
        assert not report.trusted
        assert len(report.checks) > 50


def test_an_event_dropped_repeated_or_moved_breaks_its_running_hash(
    written: Written, bundle: Bundle
) -> None:
    records = records_of(bundle)
    for position, record in enumerate(records):
        where = f"{record.contract}, study {record.study_id}"
        later = [
            other
            for other in range(position + 1, len(records))
            if (records[other].contract, records[other].study_id)
            == (record.contract, record.study_id)
        ]
        dropped = records[:position] + records[position + 1 :]
        repeated = records[: position + 1] + records[position:]
        variants = [dropped, repeated]
        if later:
            swapped = list(records)
            swapped[position], swapped[later[0]] = swapped[later[0]], swapped[position]
            variants.append(swapped)
        for variant in variants:
            found = history_failures(with_records(bundle, variant), written.trust_block)
            assert ("events.running-hash", where) in found


@pytest.mark.parametrize("field", ["block_number", "block_timestamp", "topic0", "data"])
def test_every_field_of_every_event_is_in_its_running_hash(
    written: Written, bundle: Bundle, field: str
) -> None:
    records = records_of(bundle)
    for position, record in enumerate(records):
        value = getattr(record, field)
        other = value + 1 if isinstance(value, int) else flipped(value, len(value) - 1)
        changed = list(records)
        changes: dict[str, Any] = {field: other}
        changed[position] = dataclasses.replace(record, **changes)
        found = history_failures(with_records(bundle, changed), written.trust_block)
        assert ("events.running-hash", f"{record.contract}, study {record.study_id}") in found


def last_manifest(bundle: Bundle) -> dict[str, Any]:
    events = [ev.decode(record) for record in records_of(bundle)]
    closed = [event for event in events if isinstance(event, ev.Closed)][-1]
    manifests = (d for d in bundle.objects.values() if sha256(d) == closed.manifest_hash)
    value: dict[str, Any] = canonical_json.loads(next(manifests))
    return value


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key, entry in value.items() for leaf in leaves(entry, (*path, key))]
    if isinstance(value, list):
        return [leaf for key, entry in enumerate(value) for leaf in leaves(entry, (*path, key))]
    return [path]


def with_leaf(value: Any, path: tuple[Any, ...]) -> Any:
    """The JSON value with one leaf changed into another of the same form."""
    if not path:
        if isinstance(value, int):
            return value + 1
        last = value[-1]
        return value[:-1] + ("1" if last != "1" else "2")
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = with_leaf(value[path[0]], path[1:])
    return changed


def test_every_field_of_a_manifest_is_compared_with_chain_and_objects(
    written: Written, bundle: Bundle
) -> None:
    """A coordinator that signs a lying manifest: the ledger stores its hash, whatever it says."""
    manifest = last_manifest(bundle)
    for path in leaves(manifest):
        data = canonical_json.dumps(with_leaf(manifest, path))
        lied = forged(bundle, {place_of(cid_of(data)): data})
        lied = change_event(lied, ev.Closed, replaced(manifest_hash=sha256(data)))
        found = names(verify(lied, written.trust_block))
        assert found & {"outcome", "outcome.manifest-fields", "outcome.sum", "outcome.count"}, path


def test_a_forged_sum_of_other_vectors_is_found(written: Written, bundle: Bundle) -> None:
    """Even with a manifest that agrees: the members did not sign these vectors."""
    manifest = last_manifest(bundle)
    first = manifest["contributions"][0]["masked"]["cid"]
    vector = flipped(bundle.objects[first], 3)
    lied = forged(bundle, {place_of(cid_of(vector)): vector})
    lied = change_event(lied, ev.Closed, replaced(masked_hashes=lambda m: (sha256(vector), *m[1:])))
    found = names(verify(lied, written.trust_block))
    assert {"outcome.sum", "outcome.checkpoint", "round.delivery"} <= found


@pytest.mark.parametrize("path", EVIDENCE_FILES)
@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"\xff" * 64, b"[" * 100_000, b'{"a":1}', b"0"]
)
def test_hostile_evidence_files_never_raise(
    written: Written, bundle: Bundle, path: str, data: bytes
) -> None:
    report = verify(forged(bundle, {path: data}), written.trust_block)
    assert report.exit_code == 1


def test_hostile_documents_and_objects_never_raise(written: Written, bundle: Bundle) -> None:
    hostile = (b"", b"PK\x05\x06" + bytes(18), b"\xff" * 100, b"[" * 100_000)
    for number, path in enumerate(contents(bundle)):
        data = hostile[number % len(hostile)]
        report = verify(forged(bundle, {path: data}), written.trust_block)
        assert report.exit_code == 1, path
