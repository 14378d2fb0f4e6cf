"""Every byte of a bundle counts. All bytes of the small files here and some of the large ones;
`python -m bench.tamper` does all of all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

import audit.checks.contracts
from audit.bundle import Bundle
from audit.bundle_index import INDEX, OBJECTS
from audit.verify import verify
from bench.tamper.judge import Judge, remembering
from bench.tamper.sweep import UNUSABLE, Sweep
from tests.audit.conftest import Written
from tests.audit.tampering import flipped, forged, names

SMALL = 1000
PLACES = 50
"""How many bytes of a file that is larger than SMALL."""


@pytest.fixture(scope="module")
def _remembered() -> Iterator[None]:
    with remembering():
        yield


@pytest.fixture(scope="module")
def sweep(
    _remembered: None, written: Written, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Sweep:
    judge = Judge(bundle, written.trust_block)
    return Sweep(written.folder, bundle, judge, tmp_path_factory.mktemp("sweep"))


def test_no_changed_byte_is_missed_and_each_is_found_by_what_guards_its_file(
    sweep: Sweep, bundle: Bundle
) -> None:
    guards = {
        "chain/abi.json": {"contract.abi"},
        "chain/code.json": {"evidence", "contract.code"},
        "chain/events.json": {"evidence", "events.running-hash"},
        "chain/header.rlp": {"header", "anchor"},
        "chain/proofs.json": {"evidence", "contract", "contract.account", "contract.storage"},
        INDEX: {
            UNUSABLE,
            "header",
            "anchor",
            "contract.address",
            "contract.origin",
            "objects.root",
            "contract",
        },
        OBJECTS: {UNUSABLE, "objects.cid"},
    }
    for path, data in sweep.data.items():
        step = 1 if len(data) <= SMALL else len(data) // PLACES
        found = sweep.run(path, range(len(data) % step, len(data), step))
        assert found.missed == []
        assert found.changes >= min(len(data), PLACES)
        allowed = guards.get(path, {"document", "app.hash"}) | {"files.hash"}
        assert set(found.by) <= allowed, path
    assert set(sweep.data) == {*bundle.files, INDEX, OBJECTS}


def test_the_verdict_is_the_verifiers(sweep: Sweep, written: Written, bundle: Bundle) -> None:
    """The quick judge names a check that fails in the whole report too, or nothing at all."""
    for number, (path, data) in enumerate(bundle.files.items()):
        changed = forged(bundle, {path: flipped(data, (number * 7919) % len(data))})
        verdict = sweep.judge.verdict(changed)
        assert verdict is not None
        assert verdict.name in names(verify(changed, written.trust_block))
    assert sweep.judge.verdict(dataclasses.replace(bundle)) is None
    assert sweep.judge.verdict(bundle) is None


def test_a_bundle_that_does_not_hold_is_not_judged(_remembered: None, bundle: Bundle) -> None:
    with pytest.raises(ValueError, match="anchor"):
        Judge(bundle, bytes(32))


def test_a_change_that_no_check_finds_is_reported(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the sweep would prove nothing."""
    monkeypatch.setattr(audit.checks.contracts, "_check_interfaces", lambda context: None)
    found = sweep.run("chain/abi.json", [5])
    assert found.by == {"files.hash": 1}
    assert [line.partition(", ")[2] for line in found.missed] == ["bundle.json to agree"]


def test_the_scratch_copy_is_as_it_was(sweep: Sweep, written: Written) -> None:
    copy = Path(sweep._car)
    assert copy.read_bytes() == (written.folder / OBJECTS).read_bytes()
