"""Whatever is changed in a bundle, by somebody who can also rewrite bundle.json, verification fails
and names what changed. Only the block hash is out of the tamperer's reach.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import audit.checks.study
import audit.replay
from audit import canonical_json
from audit.bundle import EVIDENCE_FILES, INDEX, Bundle, FileEntry, read_bundle
from audit.checks.context import Context
from audit.checks.contracts import check_anchor, check_contracts
from audit.checks.history import check_history
from audit.cid import cid_of, sha256
from audit.errors import BundleUnusable
from audit.report import Check, Report
from audit.verify import verify, verify_folder
from chain import events as ev
from chain.messages import AbortReason, recover
from tests.audit.conftest import Written


@pytest.fixture(scope="module", autouse=True)
def remembered() -> Iterator[None]:
    """Pure, slow functions, remembered over the hundreds of bundles that differ in one place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit.checks.study, "recover", functools.cache(recover))
        patch.setattr(audit.replay.ev, "decode", functools.cache(ev.decode))
        yield


@pytest.fixture(scope="module")
def bundle(written: Written) -> Bundle:
    return read_bundle(written.folder)


def forged(bundle: Bundle, changes: dict[str, bytes | None]) -> Bundle:
    """The bundle with files changed (None: removed) and bundle.json rewritten to agree."""
    files = {**bundle.files, **{path: data for path, data in changes.items() if data is not None}}
    for path, data in changes.items():
        if data is None:
            files.pop(path)
    listed = {path: FileEntry(sha256(data), len(data)) for path, data in files.items()}
    return dataclasses.replace(bundle, files=files, listed=listed)


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 0x01,)) + data[position + 1 :]


def positions(length: int) -> list[int]:
    return sorted({0, length // 3, 2 * length // 3, length - 1})


def failures(report: Report) -> list[Check]:
    return [check for check in report.checks if not check.ok]


def names(report: Report) -> set[str]:
    return {check.name for check in failures(report)}


def all_paths(bundle: Bundle) -> list[str]:
    return sorted(bundle.files)


def test_a_flipped_byte_anywhere_in_any_file_is_found_and_named(
    written: Written, bundle: Bundle
) -> None:
    for path in all_paths(bundle):
        data = bundle.files[path]
        for position in positions(len(data)):
            changed = dataclasses.replace(
                bundle, files={**bundle.files, path: flipped(data, position)}
            )
            found = failures(verify(changed, written.trust_block))
            assert any(c.name == "files.hash" and c.object == path for c in found), (path, position)


def test_a_flipped_byte_is_found_also_when_the_index_is_rewritten(
    written: Written, bundle: Bundle
) -> None:
    for path in all_paths(bundle):
        data = bundle.files[path]
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
def test_a_missing_file_is_named(written: Written, bundle: Bundle, listed: bool) -> None:
    for path in all_paths(bundle):
        if listed:
            files = {name: data for name, data in bundle.files.items() if name != path}
            changed = dataclasses.replace(bundle, files=files)
        else:
            changed = forged(bundle, {path: None})
        found = failures(verify(changed, written.trust_block))
        assert any(check.object == path for check in found), (path, found)


def test_an_object_or_document_that_nothing_refers_to_is_named(
    written: Written, bundle: Bundle
) -> None:
    path = f"objects/{cid_of(b'surprise')}"
    report = verify(forged(bundle, {path: b"surprise"}), written.trust_block)
    assert [(c.name, c.object) for c in failures(report)] == [("objects.referenced", path)]
    path = "documents/3/protocol"
    report = verify(forged(bundle, {path: b"surprise"}), written.trust_block)
    assert [(c.name, c.object) for c in failures(report)] == [("documents.referenced", path)]


def test_another_trusted_block_or_none_fails_the_anchor_and_nothing_else(bundle: Bundle) -> None:
    for trusted in (None, bytes(32)):
        report = verify(bundle, trusted)
        assert names(report) == {"anchor"}
        assert not report.trusted
        assert len(report.checks) > 50


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
        changed[position] = dataclasses.replace(record, **{field: other})
        found = history_failures(with_records(bundle, changed), written.trust_block)
        assert ("events.running-hash", f"{record.contract}, study {record.study_id}") in found


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


def committed(**changes: Any) -> Callable[[Any], Any]:
    return lambda event: dataclasses.replace(
        event, commitment=replaced(**changes)(event.commitment)
    )


def first_flipped(items: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (flipped(items[0], 0), *items[1:])


def more(value: int) -> int:
    return value + 1


def other(value: bytes) -> bytes:
    return flipped(value, 0)


LIES: list[tuple[str, type[ev.Event], Callable[[Any], Any], str]] = [
    ("approval signature", ev.Approved, replaced(signature=other), "approval"),
    ("approval signer", ev.Approved, replaced(signer=other), "approval"),
    ("consent version", ev.VersionActivated, replaced(consent_version=2), "consent-version"),
    ("terms hash", ev.VersionProposed, replaced(terms_hash=other), "events.replay"),
    ("granted token", ev.Granted, replaced(token_id=more), "events.replay"),
    ("grant's version", ev.Granted, replaced(version=more), "events.replay"),
    ("revoked token", ev.Revoked, replaced(token_id=more), "events.replay"),
    ("revoked epoch", ev.Revoked, replaced(epoch=more), "events.replay"),
    ("round number", ev.Opened, replaced(round=more), "events.replay"),
    ("base", ev.Opened, replaced(base=other), "round.base"),
    ("previous sealed", ev.Opened, replaced(previous_sealed=0), "round.previous"),
    ("previous closed", ev.Opened, replaced(previous_closed=0), "round.previous"),
    ("commit deadline", ev.Opened, replaced(commit_deadline=more), "round.deadlines"),
    ("seal deadline", ev.Opened, replaced(seal_deadline=more), "round.deadlines"),
    ("delivery deadline", ev.Opened, replaced(delivery_deadline=more), "round.deadlines"),
    ("close deadline", ev.Opened, replaced(close_deadline=more), "round.deadlines"),
    ("pinned block", ev.Opened, replaced(pinned_block=more), "round.pinned-block"),
    (
        "pinned block's hash",
        ev.Opened,
        replaced(pinned_block_hash=other),
        "outcome.manifest-fields",
    ),
    ("cohort size", ev.Committed, committed(cohort_size=lambda n: n + 100), "round.cohort"),
    ("cohort too small", ev.Committed, committed(cohort_size=1), "round.cohort"),
    ("cohort root", ev.Committed, committed(cohort_root=other), "round.seal-digest"),
    ("vector hash", ev.Committed, committed(vector_hash=other), "round.seal-digest"),
    ("mask key", ev.Committed, committed(mask_key=other), "round.seal-digest"),
    ("environment", ev.Committed, committed(environment_hash=other), "round.seal-digest"),
    ("epoch", ev.Committed, committed(epoch=more), "round.epoch"),
    ("block", ev.Committed, committed(block_number=lambda n: n + 100), "round.commitment-block"),
    ("block hash", ev.Committed, committed(block_hash=other), "round.seal-digest"),
    ("attempt", ev.Committed, committed(attempt=more), "events.replay"),
    ("members", ev.Sealed, replaced(members=lambda m: m[1:]), "round.members"),
    ("members' order", ev.Sealed, replaced(members=lambda m: m[::-1]), "round.members"),
    ("parent hash", ev.Sealed, replaced(parent_hash=other), "round.seal-digest"),
    ("seal digest", ev.Sealed, replaced(seal_digest=other), "round.seal-digest"),
    ("charge", ev.Sealed, replaced(rho=1), "events.replay"),
    ("charge and sum", ev.Sealed, replaced(rho=more, rho_spent=more), "round.charge"),
    ("charge against storage", ev.Sealed, replaced(rho=more, rho_spent=more), "budget.storage"),
    ("checkpoint", ev.Closed, replaced(checkpoint_hash=other), "outcome.checkpoint"),
    ("manifest", ev.Closed, replaced(manifest_hash=other), "outcome.manifest"),
    ("masked vector", ev.Closed, replaced(masked_hashes=first_flipped), "outcome.masked"),
    (
        "masked vector's signature",
        ev.Closed,
        replaced(masked_hashes=first_flipped),
        "round.delivery",
    ),
    ("delivery", ev.Closed, replaced(delivery_signatures=first_flipped), "round.delivery"),
    ("deliveries", ev.Closed, replaced(masked_hashes=lambda m: m[1:]), "round.deliveries"),
    ("closure", ev.Closed, replaced(coordinator_signature=other), "round.closure"),
    ("abort reason", ev.Aborted, replaced(reason=AbortReason.CONSENT_CHANGED), "round.abort"),
]


@pytest.mark.parametrize(
    ("kind", "change", "check"), [lie[1:] for lie in LIES], ids=[x[0] for x in LIES]
)
def test_a_lie_in_an_event_fails_its_own_check_too(
    written: Written,
    bundle: Bundle,
    kind: type[ev.Event],
    change: Callable[[Any], Any],
    check: str,
) -> None:
    """Were a contract to say it, its running hash aside, the verifier still finds the lie."""
    found = names(verify(change_event(bundle, kind, change), written.trust_block))
    assert check in found
    assert "events.running-hash" in found


def test_one_block_with_two_hashes_is_found(written: Written, bundle: Bundle) -> None:
    events = [ev.decode(record) for record in records_of(bundle)]
    pinned = [event for event in events if isinstance(event, ev.Opened)][-1].pinned_block
    lied = change_event(bundle, ev.Committed, committed(block_number=pinned))
    assert ("blocks.names", "round 5") in history_failures(lied, written.trust_block)


def last_manifest(bundle: Bundle) -> dict[str, Any]:
    events = [ev.decode(record) for record in records_of(bundle)]
    closed = [event for event in events if isinstance(event, ev.Closed)][-1]
    manifests = (d for d in bundle.files.values() if sha256(d) == closed.manifest_hash)
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
        lied = forged(bundle, {f"objects/{cid_of(data)}": data})
        lied = change_event(lied, ev.Closed, replaced(manifest_hash=sha256(data)))
        found = names(verify(lied, written.trust_block))
        assert found & {"outcome", "outcome.manifest-fields", "outcome.sum", "outcome.count"}, path


def test_a_forged_sum_of_other_vectors_is_found(written: Written, bundle: Bundle) -> None:
    """Even with a manifest that agrees: the members did not sign these vectors."""
    manifest = last_manifest(bundle)
    first = manifest["contributions"][0]["masked"]["cid"]
    vector = flipped(bundle.files[f"objects/{first}"], 3)
    lied = forged(bundle, {f"objects/{cid_of(vector)}": vector})
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
    for number, path in enumerate(all_paths(bundle)):
        data = hostile[number % len(hostile)]
        report = verify(forged(bundle, {path: data}), written.trust_block)
        assert report.exit_code == 1, path
