"""`assent receipt verify` against a bundle: what it proves, of whom, and in which words."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from audit import canonical_json
from audit.bundle import Bundle
from audit.bundle_archive import write_archive
from audit.bundle_index import INDEX
from audit.cohort import Status, leaf, proof
from audit.disclosure import Disclosure
from audit.verify import prove_history
from chain.messages import consent_domain, token_id
from federation.gate.private_files import write_private_file
from scripts.main import call
from scripts.receipt.opening import SEALED_SCHEMA
from study.receipt import Receipt, ReceiptInvalid
from study.receipt_envelope import seal
from tests.audit.conftest import Written
from tests.audit.tampering import records_of, with_records


def receipt_of(shown: Disclosure, index: int) -> Receipt:
    """What the site's patient gets of that leaf."""
    leaves = [
        leaf(
            shown.chain_id,
            shown.ledger,
            shown.study,
            shown.site,
            shown.round_number,
            position,
            token_id(shown.study, shown.site, position),
            *one,
        )
        for position, one in enumerate(shown.leaves)
    ]
    return Receipt(
        chain_id=shown.chain_id,
        ledger=shown.ledger,
        token_id=token_id(shown.study, shown.site, index),
        round_number=shown.round_number,
        attempt=shown.attempt,
        status=shown.leaves[index][0],
        salt=shown.leaves[index][1],
        count=len(leaves),
        path=proof(leaves, index),
        root=shown.root,
    )


def newest(written: Written) -> list[Disclosure]:
    """What counts: of each site and round the last commitment."""
    by_place = {(one.round_number, one.site): one for one in written.disclosures}
    return list(by_place.values())


def test_every_token_of_every_round_has_its_receipt(written: Written, bundle: Bundle) -> None:
    history, checks = prove_history(bundle, written.trust_block)
    assert history is not None
    assert all(check.ok for check in checks)
    told = set()
    for shown in newest(written):
        for index, (status, _) in enumerate(shown.leaves):
            words = receipt_of(shown, index).verify_in(bundle, history)
            assert words.startswith(f"Hospital {shown.site} committed on the chain")
            assert words.endswith("what the hospital committed to, not what it computed with.")
            was_in = "your record was counted in it." in words
            assert was_in == (status is Status.ADMITTED)
            told.add((status, words.partition("record")[2].partition("This")[0]))
    assert {status for status, _ in told} >= {Status.ADMITTED, Status.REVOKED, Status.EXPIRED}
    ends = " ".join(words for _, words in told)
    assert "the model was changed with this part" in ends
    assert "broken off: it changed no model" in ends


def test_a_receipt_of_another_commitment_proves_nothing(written: Written, bundle: Bundle) -> None:
    history, _ = prove_history(bundle, written.trust_block)
    assert history is not None
    good = receipt_of(newest(written)[0], 0)
    older = [one for one in written.disclosures if one not in newest(written)]
    with pytest.raises(ReceiptInvalid, match="has replaced this commitment"):
        receipt_of(older[0], 0).verify_in(bundle, history)
    shown = newest(written)[0]
    forged = dataclasses.replace(shown, leaves=((Status.BARRED, bytes(32)), *shown.leaves[1:]))
    with pytest.raises(ReceiptInvalid, match="committed to another cohort"):
        receipt_of(forged, 0).verify_in(bundle, history)
    for changes, why in (
        ({"chain_id": 1}, "another deployment"),
        ({"round_number": 77}, "no round 77"),
        ({"attempt": 5}, "another cohort"),
    ):
        with pytest.raises(ReceiptInvalid, match=why):
            dataclasses.replace(good, **changes).verify_in(bundle, history)


class Desk:
    """Runs `assent receipt verify` with no network, and keeps what it says."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def verify(self, receipt: Path, *options: object) -> tuple[int, str]:
        code = call(["receipt", "verify", str(receipt), *map(str, options)])
        said = self._capsys.readouterr()
        return code, " ".join((said.out + said.err).split())


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    def refused(*_: Any) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refused)
    for name in ("ASSENT_RPC", "ASSENT_DEPLOYMENT"):
        monkeypatch.delenv(name, raising=False)
    return Desk(tmp_path, capsys)


def test_the_command_says_it_offline_from_a_folder_or_a_file(desk: Desk, written: Written) -> None:
    shown = newest(written)[0]
    file = desk.folder / "receipt.json"
    file.write_bytes(receipt_of(shown, 0).to_bytes())
    packed = desk.folder / "study.tar"
    write_archive(written.folder, packed)
    for bundle in (written.folder, packed):
        code, words = desk.verify(file, "--bundle", bundle, *written.known)
        assert code == 0, words
        assert "committed on the chain" in words
        assert "As of block" in words
    code, words = desk.verify(file, "--bundle", packed, *written.known, "--json")
    assert code == 0
    told = json.loads(words)
    assert "committed on the chain" in told.pop("proves")
    receipt = receipt_of(shown, 0)
    assert told == {
        "study": shown.study,
        "round": shown.round_number,
        "site": shown.site,
        "token": str(receipt.token_id),
        "status": "admitted",
        "attempt": shown.attempt,
        "cohort_root": "0x" + receipt.root.hex(),
    }


def test_a_reviewer_learns_the_roots_that_receipts_are_compared_with(
    desk: Desk, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed = ("--bundle", str(written.folder), "--deployment", str(written.deployment))
    options = ("--bundle", str(written.folder), *written.known)
    roots = {(one.round_number, one.site): receipt_of(one, 0).root for one in newest(written)}
    for number in (1, 3):
        assert call(["study", "cohorts", "1", str(number), *options, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert {one["site"]: one["cohort_root"] for one in found["cohorts"]} == {
            site: "0x" + root.hex() for (of, site), root in roots.items() if of == number
        }
        assert all(one["sealed_in"] for one in found["cohorts"])
    assert found["state"] == "retired"
    assert call(["study", "cohorts", "1", "1", *deployed, "--trust-block", "ab" * 32]) == 1
    assert "nothing is said" in " ".join(capsys.readouterr().out.split())
    for number, study in (("77", "1"), ("1", "2")):
        assert call(["study", "cohorts", study, number, *options]) == 2


def test_an_encrypted_receipt_is_opened_with_the_patients_key(
    desk: Desk, written: Written, bundle: Bundle
) -> None:
    shown, key = newest(written)[0], X25519PrivateKey.generate()
    receipt = receipt_of(shown, 0)
    domain = consent_domain(bundle.contracts.chain_id, bundle.contracts.consent_token)
    public = key.public_key().public_bytes_raw()
    sealed = seal(receipt.to_bytes(), public, domain, receipt.token_id, receipt.round_number)
    file, private = desk.folder / "sealed.json", desk.folder / "x25519.key"
    members = {"token_id": str(receipt.token_id), "round": receipt.round_number}
    file.write_text(json.dumps({"schema": SEALED_SCHEMA, **members, "sealed": "0x" + sealed.hex()}))
    write_private_file(private, b"0x" + key.private_bytes_raw().hex().encode())
    options = ("--bundle", written.folder, *written.known)
    assert desk.verify(file, *options)[0] == 2
    code, words = desk.verify(file, *options, "--receipt-key", private)
    assert (code, "committed on the chain" in words) == (0, True)


def test_nothing_is_believed_of_a_bundle_that_is_not_proven(
    desk: Desk, written: Written, bundle: Bundle
) -> None:
    file = desk.folder / "receipt.json"
    file.write_bytes(receipt_of(newest(written)[0], 0).to_bytes())
    deployed = ("--deployment", written.deployment)
    code, words = desk.verify(file, *deployed)
    assert (code, "--bundle and --trust-block" in words) == (2, True)
    bundled = (*deployed, "--bundle", written.folder)
    code, words = desk.verify(file, *bundled)
    assert (code, "ask two sites" in words) == (2, True)
    code, words = desk.verify(file, *bundled, "--trust-block", "00" * 32)
    assert (code, "anchor" in words, "committed on the chain" in words) == (1, True, False)
    elsewhere = ("--bundle", desk.folder, "--trust-block", "00" * 32)
    code, words = desk.verify(file, *deployed, *elsewhere)
    assert (code, INDEX in words or "no place" in words) == (2, True)
    history, checks = prove_history(
        with_records(bundle, records_of(bundle)[:-1]), written.trust_block
    )
    assert history is not None
    assert "events.running-hash" in {check.name for check in checks if not check.ok}


def test_a_receipt_that_proves_nothing_says_why(desk: Desk, written: Written) -> None:
    options = ("--bundle", written.folder, *written.known)
    file = desk.folder / "receipt.json"
    raw = json.loads(receipt_of(newest(written)[0], 0).to_bytes())
    for data, code, why in (
        (canonical_json.dumps(raw | {"status": 2}), 1, "not the one that it opens"),
        (canonical_json.dumps(raw | {"root": "00" * 32}), 1, "path does not lead"),
        (json.dumps(raw).encode(), 1, "not in its canonical form"),
        (b"{}", 1, "members"),
        (b"\x00", 2, "is no receipt"),
        (b"x" * (1 << 21), 2, "larger than"),
    ):
        file.write_bytes(data)
        found, words = desk.verify(file, *options)
        assert (found, why in words) == (code, True), words
