"""`assent checkpoint get`: what a round made, and nothing else, in a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from audit.checkpoint import read
from scripts.exit_codes import REFUSED, UNREACHABLE, UNUSABLE
from stack.ports import free_port
from tests.audit.acts import roll_back
from tests.audit.real_study import RealStudy
from tests.desk import Desk


@pytest.fixture(scope="module")
def study(desk: Desk) -> RealStudy:
    """Closed; abandoned; closed with a made-up checkpoint, which was rolled back; open."""
    made = desk.real_study()
    patients = [made.patient(site) for site in desk.world.sites for _ in range(3)]
    made.round()
    abandoned = made.commit_and_seal()
    made.revoke(patients[0])
    made.chain.ledger.abort(made.number, abandoned)
    lied = made.commit_and_seal()
    made.close(lied, nudge=0.5)
    roll_back(desk.world, made.number, 1, desk.world.reviewers[:2])
    made.open()
    desk.publish(made)
    return made


def test_the_file_is_what_the_chain_names_and_loads_in_three_lines(
    desk: Desk, study: RealStudy, tmp_path: Path
) -> None:
    out = tmp_path / "prior.safetensors"
    told = desk.must(f"checkpoint get {study.number} 1 --out {out} --json").json
    data = out.read_bytes()
    named = desk.world.chain().ledger.round(study.number, 1).checkpoint_hash
    assert hashlib.sha256(data).digest() == named
    assert (told["round"], told["step"], told["recomputed"]) == (1, 1, True)
    assert told["sha256"] == "0x" + named.hex()
    prior = read(data).arrays()
    assert {name: list(array.shape) for name, array in prior.items()} == told["layout"]

    first = tmp_path / "first.safetensors"
    words = desk.must(f"checkpoint get {study.number} 0 --out {first}").words
    assert "where the study starts" in words
    assert "To load it" in words
    assert not np.array_equal(read(first.read_bytes()).prior, read(data).prior)


def test_a_checkpoint_that_the_vectors_do_not_make_is_not_given(
    desk: Desk, study: RealStudy, tmp_path: Path
) -> None:
    out = tmp_path / "lie.safetensors"
    line = f"checkpoint get {study.number} 3 --out {out}"
    refused = desk.assent(line)
    assert refused.code == REFUSED
    assert "add up to another checkpoint" in refused.words
    assert not out.exists()
    believed = desk.must(f"{line} --no-recompute --json").json
    assert (believed["recomputed"], believed["in_use"]) == (False, False)
    out.unlink()
    assert "no longer builds on it" in desk.must(f"{line} --no-recompute").words


def test_without_a_number_it_is_what_the_next_round_starts_from(
    desk: Desk, study: RealStudy, tmp_path: Path
) -> None:
    out = tmp_path / "newest.safetensors"
    told = desk.must(f"checkpoint get {study.number} --out {out} --json").json
    assert (told["round"], told["in_use"]) == (1, True)
    base = desk.world.chain().ledger.round(study.number, 4).base
    assert told["sha256"] == "0x" + base.hex()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (2, "was abandoned and made no checkpoint; it started from that of round 1"),
        (4, "is open and has not closed; round 1 is the newest that the study builds on"),
        (9, "has no round 9; it has opened 4, and round 1 is the newest"),
    ],
)
def test_a_round_without_a_checkpoint_names_the_one_to_ask_for(
    desk: Desk, study: RealStudy, tmp_path: Path, number: int, said: str
) -> None:
    refused = desk.assent(f"checkpoint get {study.number} {number} --out {tmp_path / 'none'}")
    assert refused.code == REFUSED
    assert said in refused.words


def test_nothing_is_written_when_ipfs_is_away_or_there_is_no_such_study(
    desk: Desk, study: RealStudy, tmp_path: Path
) -> None:
    out = tmp_path / "away"
    line = f"checkpoint get {study.number} 1 --out {out}"
    nobody = {"ASSENT_IPFS": f"/ip4/127.0.0.1/tcp/{free_port()}/http"}
    away = desk.assent(line, env=nobody)
    assert away.code == UNREACHABLE
    assert "does not answer" in away.words

    unknown = desk.assent(f"checkpoint get 999999 0 --out {out}")
    assert (unknown.code, "999999" in unknown.words) == (REFUSED, True)
    assert not out.exists()


def test_a_file_that_exists_is_not_written_over(
    desk: Desk, study: RealStudy, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    out.write_text("mine")
    refused = desk.assent(f"checkpoint get {study.number} 1 --out {out}")
    assert refused.code == UNUSABLE
    assert "name a new file" in refused.words
    assert out.read_text() == "mine"
    nowhere = desk.assent(f"checkpoint get {study.number} 1 --out {tmp_path / 'no' / 'file'}")
    assert (nowhere.code, "make it first" in nowhere.words) == (UNUSABLE, True)
