"""Cohorts that sites disclose: every leaf is held against the consents on chain."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from audit import canonical_json
from audit.bundle import Bundle
from audit.cohort import Status
from audit.disclosure import Disclosure
from audit.errors import DisclosureInvalid
from audit.report import Kind
from audit.verify import verify, verify_folder
from federation.gate.private_files import write_private_file
from scripts.main import call
from study.disclosure_envelope import open_disclosure, seal_disclosure
from study.hpke import EnvelopeInvalid
from tests.audit.conftest import Written
from tests.audit.real_study import RealStudy, Statuses
from tests.audit.tampering import failures
from tests.world import World

pytestmark = pytest.mark.usefixtures("remembered")
STRANGER = "0x" + "11" * 20


@pytest.fixture(scope="module")
def disclosure(written: Written) -> Disclosure:
    """One with tokens in it that were admitted and some that were not."""
    return max(written.disclosures, key=lambda one: len({status for status, _ in one.leaves}))


def failed(written: Written, bundle: Bundle, *disclosures: Disclosure) -> list[tuple[str, str]]:
    report = verify(bundle, written.trust_block, disclosures)
    return [(check.name, check.detail) for check in failures(report)]


def test_every_cohort_of_every_round_holds_leaf_by_leaf(written: Written, bundle: Bundle) -> None:
    """Aborted rounds and commitments that were replaced are disclosed as well."""
    report = verify(bundle, written.trust_block, written.disclosures)
    assert report.ok, report.failed
    named = [check for check in report.checks if check.name == "cohort.leaves"]
    assert len(named) == len(written.disclosures) > 12
    assert {check.kind for check in named} == {Kind.RECOMPUTED}
    assert {disclosure.round_number for disclosure in written.disclosures} == {1, 2, 3, 4, 5}
    told = {status for disclosure in written.disclosures for status, _ in disclosure.leaves}
    assert told >= {Status.ADMITTED, Status.REVOKED, Status.OTHER_PURPOSE, Status.EXPIRED}


def test_without_disclosures_no_cohort_is_said_to_hold(written: Written, bundle: Bundle) -> None:
    names = {check.name for check in verify(bundle, written.trust_block).checks}
    assert not {name for name in names if name.startswith("cohort.")}


def changed_leaf(disclosure: Disclosure, index: int, **changes: Any) -> Disclosure:
    status, salt = disclosure.leaves[index]
    leaf = (changes.get("status", status), changes.get("salt", salt))
    leaves = (*disclosure.leaves[:index], leaf, *disclosure.leaves[index + 1 :])
    return dataclasses.replace(disclosure, leaves=leaves)


def test_an_altered_missing_or_added_leaf_is_not_what_the_site_committed_to(
    written: Written, bundle: Bundle, disclosure: Disclosure
) -> None:
    last = disclosure.leaves[-1]
    other = Status.BARRED if last[0] is not Status.BARRED else Status.ADMITTED
    for wrong in (
        changed_leaf(disclosure, 0, status=other),
        changed_leaf(disclosure, 0, salt=bytes(32)),
        dataclasses.replace(disclosure, leaves=disclosure.leaves[:-1]),
        dataclasses.replace(disclosure, leaves=(*disclosure.leaves, last)),
        dataclasses.replace(disclosure, leaves=disclosure.leaves[::-1]),
        dataclasses.replace(disclosure, leaves=()),
    ):
        ((name, detail),) = failed(written, bundle, wrong)
        assert name == "cohort.root"
        assert "changed since" in detail


def test_a_disclosure_of_something_else_is_not_taken_for_this(
    written: Written, bundle: Bundle, disclosure: Disclosure
) -> None:
    for changes in (
        {"round_number": 99},
        {"attempt": 9},
        {"site": STRANGER},
        {"study": disclosure.study + 1},
        {"chain_id": 1},
        {"ledger": STRANGER},
    ):
        ((name, _),) = failed(written, bundle, dataclasses.replace(disclosure, **changes))
        assert name == "cohort.commitment", changes
    elsewhere = next(
        one for one in written.disclosures if one.round_number != disclosure.round_number
    )
    moved = dataclasses.replace(
        disclosure,
        round_number=elsewhere.round_number,
        site=elsewhere.site,
        attempt=elsewhere.attempt,
    )
    ((name, _),) = failed(written, bundle, moved)
    assert name == "cohort.root"


def test_a_site_that_committed_to_a_withdrawn_token_is_found(world: World, tmp_path: Any) -> None:
    """Of the right size, and with a tree that is its own: only the leaves tell."""
    study = RealStudy(world)
    first, second = world.sites[:2]
    for _ in range(3):
        gone = study.patient(first)
        study.patient(second)
    study.revoke(gone)
    study.patient(first)
    number = study.open()

    def swapped(statuses: Statuses) -> Statuses:
        assert statuses[2:] == (Status.REVOKED, Status.ADMITTED)
        return (*statuses[:2], Status.ADMITTED, Status.REVOKED)

    study.commit(number, first, lie=swapped)
    study.commit(number, second, lie=lambda statuses: statuses[:-1])
    trusted = study.write(tmp_path / "bundle")
    assert verify_folder(tmp_path / "bundle", trusted).ok
    told = tuple(study.disclosures.values())
    report = verify_folder(tmp_path / "bundle", trusted, told)
    assert [check.name for check in failures(report)] == [
        "cohort.leaves",
        "cohort.size",
        "cohort.leaves",
    ]
    lied, _, short = failures(report)
    assert f"token {gone[0]}: admitted, by the consents on chain revoked" in lied.detail
    assert "2 leaves, 3 tokens were there" in short.detail


def test_a_disclosure_reads_as_it_was_written_and_no_other(disclosure: Disclosure) -> None:
    data = disclosure.to_bytes()
    assert Disclosure.parse(data) == disclosure
    raw = canonical_json.loads(data)
    wrong: list[Any] = [{n: v for n, v in raw.items() if n != name} for name in raw]
    wrong += [raw | {name: None} for name in raw] + [raw | {"more": 1}, [], None]
    leaf = raw["leaves"][0]
    for change in ({"status": 0}, {"status": 99}, {"status": True}, {"salt": "00"}, {"salt": 1}):
        wrong.append(raw | {"leaves": [leaf | change]})
    for one in wrong:
        with pytest.raises(DisclosureInvalid):
            Disclosure.parse(canonical_json.dumps(one))
    for junk in (b"", b"\xff", b"[" * 100_000, data + b"\n"):
        with pytest.raises(DisclosureInvalid):
            Disclosure.parse(junk)


def test_only_the_reviewers_key_opens_it_and_only_as_what_it_is(disclosure: Disclosure) -> None:
    key, other = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    sealed = seal_disclosure(disclosure, key.public_key().public_bytes_raw())
    assert open_disclosure(sealed, key.private_bytes_raw()) == disclosure
    for status, salt in disclosure.leaves:
        assert salt.hex().encode() not in sealed
        assert status
    with pytest.raises(EnvelopeInvalid, match="not encrypted to this key"):
        open_disclosure(sealed, other.private_bytes_raw())
    raw = json.loads(sealed)
    flipped = raw["sealed"][:-1] + ("0" if raw["sealed"][-1] != "0" else "1")
    for change in ({"round": raw["round"] + 1}, {"site": STRANGER}, {"sealed": flipped}):
        with pytest.raises(EnvelopeInvalid):
            open_disclosure(canonical_json.dumps(raw | change), key.private_bytes_raw())
    for junk in (b"", b"{}", b"[]", sealed[:-10], canonical_json.dumps(raw | {"schema": "x"})):
        with pytest.raises(DisclosureInvalid):
            open_disclosure(junk, key.private_bytes_raw())
    with pytest.raises(EnvelopeInvalid, match="no usable"):
        seal_disclosure(disclosure, bytes(32))


def test_the_command_opens_disclosures_and_says_what_does_not_hold(
    written: Written, disclosure: Disclosure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = X25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    private, others = tmp_path / "mine.key", tmp_path / "others.key"
    write_private_file(private, b"0x" + key.private_bytes_raw().hex().encode())
    write_private_file(others, b"0x" + b"11" * 32)

    def sealed(name: str, shown: Disclosure) -> Path:
        (tmp_path / name).write_bytes(seal_disclosure(shown, public))
        return tmp_path / name

    good = sealed("good.json", disclosure)
    bad = sealed("bad.json", changed_leaf(disclosure, 0, salt=bytes(32)))
    (tmp_path / "junk.json").write_text("[]")

    def verified(*options: object) -> tuple[int, str]:
        code = call(["verify", str(written.folder), *written.known, *map(str, options)])
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    code, words = verified("--disclosure", good, "--key", private)
    assert (code, "cohort.leaves" in words) == (0, True)
    code, words = verified("--disclosure", good, "--disclosure", bad, "--key", private)
    assert (code, "cohort.root" in words) == (1, True)
    for options, why in (
        (("--disclosure", good), "--key"),
        (("--disclosure", good, "--key", others), "not encrypted to this key"),
        (("--disclosure", tmp_path / "junk.json", "--key", private), "no sealed disclosure"),
        (("--disclosure", tmp_path / "absent.json", "--key", private), "No such file"),
    ):
        code, words = verified(*options)
        assert (code, why in words) == (2, True), words
