"""A site computes its part of a round again from what it kept, and says what came of it."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from audit import canonical_json
from audit.errors import ReplayInvalid
from audit.replays import Part, ReplayReport, SignedReplay, Verdict
from federation.app.chain_facts import closed_event
from federation.app.replay import NothingToReplay, replay_round
from federation.app.site_round import Withheld
from federation.gate import replay_window
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.receipts import RoundReceipts
from federation.gate.replay_window import (
    NOT_SEALED,
    WINDOW_OVER,
    end_replay_windows,
    replay_until,
)
from federation.gate.replaying import ReplayRefused, replay, sign_replay
from federation.gate.site import SiteConfig
from federation.gate.snapshots import ERASED, Snapshots
from federation.gate.status import read_status
from scripts.main import call
from tests.small_federation import DAY, SmallFederation

SITE = "site-1"


@dataclass(frozen=True)
class Kept:
    """A site's folder after a round, which a test may spoil."""

    federation: SmallFederation
    number: int
    folder: Path

    def replay(self) -> ReplayReport:
        return replay_round(self.folder, self.number)

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.folder / "state.db")) as connection:
            yield connection
            connection.commit()

    def pieces(self) -> dict[str, bytes]:
        with self.database() as connection:
            rows = connection.execute(
                "SELECT name, data FROM snapshots WHERE round=?", (self.number,)
            )
            return dict(rows.fetchall())

    def write(self, name: str, data: bytes) -> None:
        with self.database() as connection:
            found = connection.execute(
                "UPDATE snapshots SET data=? WHERE round=? AND name=?", (data, self.number, name)
            )
            assert found.rowcount == 1

    def frame(self) -> tuple[str, Any]:
        name = next(name for name in self.pieces() if name.endswith(".frame"))
        return name, canonical_json.loads(self.pieces()[name])


@pytest.fixture(scope="module")
def number(federation: SmallFederation) -> int:
    return federation.run_round()


@pytest.fixture
def kept(federation: SmallFederation, number: int, tmp_path: Path) -> Kept:
    folder = tmp_path / "site"
    shutil.copytree(federation.folder(SITE), folder, ignore=shutil.ignore_patterns("run"))
    folder.chmod(0o700)
    return Kept(federation, number, folder)


def test_a_site_computes_the_very_hashes_of_its_commitment_and_delivery_again(kept: Kept) -> None:
    report = kept.replay()
    assert (report.verdict, report.changed) == (Verdict.REPLAYED, ())
    account = kept.federation.keys[SITE].public.account
    commitment = kept.federation.commitments(kept.number)[SITE]
    assert (report.site, report.round_number) == (account, kept.number)
    assert report.recomputed == report.committed == commitment.vector_hash
    then = hashlib.sha256(canonical_json.dumps(report.then)).digest()
    assert then == commitment.environment_hash
    closed = closed_event(kept.federation.chain, kept.federation.study_id, kept.number)[1]
    assert report.masked == report.delivered
    assert report.masked in closed.masked_hashes

    domain = kept.federation.chain.consent.domain
    signed = SignedReplay.parse(sign_replay(kept.folder, report).to_bytes())
    assert (signed.report, signed.signer(domain)) == (report, account)
    forged = replace(signed, report=replace(report, replayed_at=1))
    assert forged.signer(domain) != account
    pretended = report.to_json() | {"missing": "a piece"}
    with pytest.raises(ReplayInvalid, match="says 'replayed'"):
        ReplayReport.of_json(pretended)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_it_is_bit_exact_with_any_number_of_threads(kept: Kept, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        report = kept.replay()
    finally:
        torch.set_num_threads(before)
    assert (report.verdict, report.changed, report.differences) == (Verdict.REPLAYED, (), ())


def test_another_environment_is_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    report = kept.replay()
    assert report.changed == ("threads.OMP_NUM_THREADS",)
    assert report.verdict is Verdict.REPLAYED


def test_an_environment_that_was_not_the_committed_one_is_no_replay(kept: Kept) -> None:
    name, frame = kept.frame()
    frame["environment"]["libraries"]["torch"]["version"] = "1.0"
    kept.write(name, canonical_json.dumps(frame))
    report = kept.replay()
    assert report.verdict is Verdict.NOT_REPLAYABLE
    assert "environment" in report.missing


def test_without_a_snapshot_nothing_is_said_to_have_passed(kept: Kept) -> None:
    with kept.database() as connection:
        connection.execute("DELETE FROM snapshots")
    report = kept.replay()
    assert report.verdict is Verdict.NOT_REPLAYABLE
    assert report.missing == "no snapshot of its records was kept"
    assert (report.recomputed, report.masked) == (None, None)


@pytest.mark.parametrize(
    ("spoil", "missing"),
    [
        ("DELETE FROM snapshots WHERE name LIKE '%.record.0.%'", "lacks a record"),
        ("UPDATE snapshots SET data=x'00' WHERE name LIKE '%.record.0.%'", "was changed"),
        ("UPDATE snapshots SET data=x'00' WHERE name LIKE '%.frame'", "damaged"),
        ("UPDATE attempts SET mask_private=zeroblob(32)", "mask key"),
        ("UPDATE attempts SET vector_hash=x'00'", "does not hold what was committed"),
        ("UPDATE deliveries SET seal_digest=zeroblob(32)", "another seal"),
        ("DELETE FROM deliveries", "delivered nothing"),
    ],
)
def test_a_piece_that_is_missing_or_spoiled_is_named(kept: Kept, spoil: str, missing: str) -> None:
    with kept.database() as connection:
        assert connection.execute(spoil).rowcount > 0
    report = kept.replay()
    assert report.verdict is Verdict.NOT_REPLAYABLE
    assert missing in report.missing
    assert ReplayReport.of_json(report.to_json()) == report


def test_a_record_that_is_not_what_was_read_changes_rows_and_sum(kept: Kept) -> None:
    """Also when whoever changed it has made the snapshot fit."""
    name, frame = kept.frame()
    piece = next(name for name in kept.pieces() if ".record.0." in name)
    tensors = load(kept.pieces()[piece])
    tensors["value"] = np.ascontiguousarray(tensors["value"] * 1.5)
    kept.write(piece, save(tensors))
    frame["tokens"][0]["series"] = hashlib.sha256(kept.pieces()[piece]).hexdigest()
    kept.write(name, canonical_json.dumps(frame))
    report = kept.replay()
    assert report.verdict is Verdict.DIFFERS
    rows, total = report.differences
    assert (rows.part, rows.count, rows.largest) == (Part.ROWS, 1, None)
    assert total.part is Part.SUM
    assert total.largest is not None
    assert 0 < total.largest <= 2 * kept.federation.terms.clipping_norm


def test_other_noise_is_told_apart_from_another_sum(kept: Kept) -> None:
    with kept.database() as connection:
        connection.execute("UPDATE attempts SET draw=9")
        connection.execute("UPDATE snapshots SET name='1.9.' || substr(name, 5)")
    (noise,) = kept.replay().differences
    assert noise.part is Part.NOISE
    assert noise.largest


def test_another_vector_under_the_mask_is_found(kept: Kept) -> None:
    with kept.database() as connection:
        connection.execute("UPDATE deliveries SET masked_hash=?", (b"\7" * 32,))
    report = kept.replay()
    assert report.verdict is Verdict.DIFFERS
    assert report.recomputed == report.committed
    assert [one.part for one in report.differences] == [Part.MASK]


def test_a_patient_s_erasure_takes_the_record_out_and_is_not_hidden(kept: Kept) -> None:
    record = kept.federation.holders[SITE][0].record_id
    (piece,) = [
        data for name, data in kept.pieces().items() if name.endswith(f".{record.encode().hex()}")
    ]
    with closing(Journal.open(kept.folder / "state.db")) as journal:
        Snapshots(journal).forget_record(record)
    assert kept.replay().missing == ERASED
    assert read_status(kept.folder).rounds[0].replay_until == 0
    chain = kept.federation.chain
    assert end_replay_windows(kept.folder, chain) == [(kept.number, ERASED)]
    assert end_replay_windows(kept.folder, chain) == []
    report = kept.replay()
    assert (report.verdict, report.missing) == (Verdict.NOT_REPLAYABLE, ERASED)
    files = b"".join(file.read_bytes() for file in kept.folder.glob("state.db*"))
    assert piece not in files


def test_what_was_kept_of_a_record_that_was_erased_meanwhile_goes_as_well(kept: Kept) -> None:
    with closing(SiteKeys.open(kept.folder / "keys")) as keys:
        keys.destroy_salt(kept.federation.holders[SITE][1].record_id)
    ended = end_replay_windows(kept.folder, kept.federation.chain)
    assert ended == [(kept.number, ERASED)]


def test_after_its_window_a_round_has_receipts_left_and_no_replay(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, config = kept.federation.chain, SiteConfig.load(kept.folder)
    opened = chain.ledger.round(kept.federation.study_id, kept.number)
    until = replay_until(opened, kept.federation.terms, config.replay_days)
    assert until == opened.close_deadline + 90 * DAY
    assert read_status(kept.folder).rounds[0].replay_until == until
    # A site cannot end it before the terms let a reviewer ask for it.
    terms = kept.federation.terms
    least = opened.close_deadline + terms.challenge_seconds + terms.answer_seconds
    assert replay_until(opened, terms, 0) == least
    assert end_replay_windows(kept.folder, chain) == []
    monkeypatch.setattr(replay_window, "chain_time", lambda _: until + 1)
    assert end_replay_windows(kept.folder, chain) == [(kept.number, WINDOW_OVER)]
    assert kept.replay().missing == WINDOW_OVER
    with (
        closing(Journal.open(kept.folder / "state.db")) as journal,
        closing(SiteKeys.open(kept.folder / "keys")) as keys,
    ):
        study = kept.federation.study_id
        receipts = RoundReceipts(keys, journal, chain, study, kept.number)
        assert receipts.of(kept.federation.holders[SITE][0].token_id)


def test_what_the_approved_app_cannot_replay_ends_with_code_1_and_the_reason(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    with kept.database() as connection:
        connection.execute("DELETE FROM snapshots")
    assert call(["site", "replay", str(kept.folder), str(kept.number)]) == 1
    said = capsys.readouterr().out
    assert "Not replayable: no snapshot of its records was kept." in said
    assert "Replayed" not in said


def test_of_a_round_that_was_never_sealed_nothing_is_kept_once_it_is_over(
    federation: SmallFederation,
) -> None:
    ledger, study = federation.coordinator().chain.ledger, federation.study_id
    number, folder = federation.open_round(), federation.folder(SITE)
    with federation.sites_at(number, (SITE,)) as parts:
        federation.until_committed(number, (SITE,))
        with pytest.raises(NothingToReplay, match="not sealed"):
            replay_round(folder, number)
        with pytest.raises(ReplayRefused, match="not sealed"):
            replay(folder, number)
        assert end_replay_windows(folder, federation.chain) == []
        ledger.abort(study, number)
        assert isinstance(parts[SITE].exception(), Withheld)
    assert end_replay_windows(folder, federation.chain) == [(number, NOT_SEALED)]
