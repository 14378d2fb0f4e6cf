"""A study whose checkpoints are too large for one IPFS block verifies, and every byte is bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from audit import canonical_json
from audit.bundle import Bundle, read_bundle
from audit.bundle_archive import write_archive
from audit.checks.context import place_of
from audit.cid import cid_of, cid_of_large, cid_of_sha256, digest_of
from audit.codec import from_bytes
from audit.manifest import hash_of_sum, parse
from audit.unixfs import BLOCK_BYTES, blocks_of, root_of
from audit.update import unmask_sum
from audit.verify import verify
from bench.verification.synthetic import Size, SyntheticStudy
from chain import events as ev
from tests.audit.conftest import Written
from tests.audit.tampering import forged

SIZE = Size(rounds=2, sites=2, parameters=140_000)


@dataclass(frozen=True)
class Large:
    bundle: Bundle
    folder: Path
    trust_block: bytes
    closed: ev.Closed


@pytest.fixture(scope="module")
def large(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Large:
    """Of a chain that never was, with the code of one that was."""
    folder = tmp_path_factory.mktemp("large")
    real = read_bundle(written.folder)
    code = canonical_json.loads(real.files["chain/code.json"])
    study = SyntheticStudy(
        SIZE,
        real.contracts,
        real.origin,
        {name: bytes.fromhex(text[2:]) for name, text in code.items()},
        folder / "objects",
    )
    study.run()
    trust_block = study.write(folder / "bundle")
    closed = [e for e in map(ev.decode, study.records) if isinstance(e, ev.Closed)][-1]
    return Large(read_bundle(folder / "bundle"), folder / "bundle", trust_block, closed)


def failures(bundle: Bundle, large: Large) -> set[tuple[str, str]]:
    return {(check.name, check.object) for check in verify(bundle, large.trust_block).failed}


def checkpoint_cid(large: Large) -> str:
    """Of the last round."""
    return cid_of_large(large.closed.checkpoint_hash)


def test_it_verifies_as_a_folder_and_as_one_file(large: Large) -> None:
    assert verify(large.bundle, large.trust_block).failed == ()
    archive = large.folder.parent / "bundle.tar"
    write_archive(large.folder, archive)
    assert verify(read_bundle(archive), large.trust_block).failed == ()
    # in memory, too, where objects are whole
    held = replace(large.bundle, objects=dict(large.bundle.objects))
    assert verify(held, large.trust_block).failed == ()


def test_vectors_and_checkpoints_are_files_of_raw_blocks_a_manifest_names_the_sum(
    large: Large,
) -> None:
    objects = large.bundle.objects
    manifest = parse(objects[cid_of_sha256(large.closed.manifest_hash)])
    masked = [objects[part.masked.cid] for part in manifest.contributions]
    assert {len(data) for data in masked} == {8 * SIZE.parameters}
    assert all(part.masked.is_large for part in manifest.contributions)
    assert manifest.checkpoint.is_large
    assert len(objects[manifest.checkpoint.cid]) > 3 * BLOCK_BYTES
    total = unmask_sum(from_bytes(data) for data in masked)
    assert manifest.sum_hash == hash_of_sum(total)
    assert np.abs(total).max() < 2**30


@pytest.mark.parametrize("block", [0, 1, 3])
def test_a_changed_block_is_found_under_the_objects_name(large: Large, block: int) -> None:
    cid = checkpoint_cid(large)
    data = bytearray(large.bundle.objects[cid])
    data[block * BLOCK_BYTES + 77] ^= 1
    changed = replace(large.bundle, objects={**large.bundle.objects, cid: bytes(data)})
    found = failures(changed, large)
    assert ("objects.cid", place_of(cid)) in found
    assert ("outcome.checkpoint", place_of(cid)) in found


def test_a_changed_byte_on_disk_is_found_under_the_objects_name(large: Large) -> None:
    cid = checkpoint_cid(large)
    last = bytes([*blocks_of(large.bundle.objects[cid])][-1])
    path = large.folder / "objects.car"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole.replace(last, bytes((last[0] ^ 1,)) + last[1:]))
        assert ("objects.cid", place_of(cid)) in failures(read_bundle(large.folder), large)
    finally:
        path.write_bytes(whole)


def test_the_root_alone_does_not_stand_for_what_it_names(large: Large) -> None:
    """It has the SHA-256 that is on chain, but it is not the checkpoint."""
    cid = checkpoint_cid(large)
    objects = dict(large.bundle.objects)
    root = root_of(objects.pop(cid))
    objects[cid_of_sha256(large.closed.checkpoint_hash)] = root
    found = {name for name, _ in failures(replace(large.bundle, objects=objects), large)}
    assert {"objects.cid", "objects.root", "outcome.checkpoint"} <= found


def test_a_checkpoint_cut_into_other_blocks_is_another_object(large: Large) -> None:
    cid = checkpoint_cid(large)
    data = large.bundle.objects[cid]
    assert cid_of(data) == cid
    assert cid_of(data[:BLOCK_BYTES]) not in large.bundle.objects
    assert digest_of(data) != digest_of(data + bytes(8))
    longer = forged(large.bundle, {place_of(cid_of(data + bytes(8))): data + bytes(8)})
    found = {name for name, _ in failures(longer, large)}
    assert "objects.referenced" in found
