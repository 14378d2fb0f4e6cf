"""Manifests: read strictly, and back to the same bytes."""

from __future__ import annotations

from typing import Any

import pytest

from audit import canonical_json
from audit.bundle import read_bundle
from audit.errors import ManifestInvalid, NotCanonical
from audit.manifest import parse
from tests.audit.conftest import Written


@pytest.fixture(scope="module")
def manifest(written: Written) -> bytes:
    files = read_bundle(written.folder).objects.values()
    return next(data for data in files if data.startswith(b'{"app_hash"'))


def test_a_real_manifest_comes_back(manifest: bytes) -> None:
    parsed = parse(manifest)
    assert parsed.to_bytes() == manifest
    assert [part.masked.cid for part in parsed.contributions]
    assert len(parsed.sum_hash) == 32


def objects_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every JSON object within a value."""
    if isinstance(value, dict):
        inner = [found for key in value for found in objects_in(value[key], (*path, key))]
        return [path, *inner]
    if isinstance(value, list):
        return [f for key, entry in enumerate(value) for f in objects_in(entry, (*path, key))]
    return []


def edited(value: Any, path: tuple[Any, ...], edit: Any) -> Any:
    if not path:
        return edit(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = edited(value[path[0]], path[1:], edit)
    return copy


def variants(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """One JSON object with a member unknown, missing or of a wrong form."""
    found = [{**entry, "surprise": 1}]
    for name in entry:
        found.append({key: value for key, value in entry.items() if key != name})
        found += [{**entry, name: wrong} for wrong in (None, True, -1, "x", {}, [None])]
    return found


def test_each_missing_unknown_or_mistyped_field_is_refused(manifest: bytes) -> None:
    value = canonical_json.loads(manifest)
    for path in objects_in(value):
        target = value
        for key in path:
            target = target[key]
        for variant in variants(target):
            changed = edited(value, path, lambda _, new=variant: new)
            with pytest.raises(ManifestInvalid):
                parse(canonical_json.dumps(changed))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'"x"', b"\xff"])
def test_other_bytes_are_no_manifest(data: bytes) -> None:
    with pytest.raises((ManifestInvalid, NotCanonical)):
        parse(data)


def test_a_manifest_that_would_take_much_memory_is_not_read() -> None:
    with pytest.raises(ManifestInvalid, match="at most"):
        parse(b"[" + b"[]," * 400_000 + b"[]]")
