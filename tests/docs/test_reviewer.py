"""Every command of docs/reviewer.md, run in its order; and its table of checks."""

from __future__ import annotations

import json
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from audit.bundle import read_bundle
from audit.replays import SignedReplay
from audit.verify import prove_history, verify_folder
from chain.messages import ReceiptKey
from scripts.irb.app import COMMANDS
from scripts.keys import read_key
from study.disclosure_envelope import seal_disclosure
from study.statements import Statement
from tests.audit.real_study import RealStudy
from tests.audit.reported import replayed
from tests.audit.test_receipts_offline import receipt_of
from tests.desk import Answer, Desk, desk
from tests.docs.page import Reader, blocks, commands_shown, page

__all__ = ["desk"]

NAME = "reviewer.md"


@pytest.fixture
def committee(desk: Desk) -> dict[str, str]:
    """The variables that the page leaves to its reader."""
    for name in ("reviewer.key", "reviewer.db"):
        (desk.folder / name).unlink(missing_ok=True)
    if not (desk.folder / "relayer.key").exists():
        desk.write_key("relayer", desk.world.carrier)
    return {
        "OUTGOING": desk.world.reviewers[2].address,
        "INCOMING": Account.create().address,
        "SITE": desk.world.sites[0].address,
    }


def test_every_command_of_the_page_works_in_its_order(
    desk: Desk, committee: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "y")
    reader = Reader(desk, NAME, means=committee)

    def sponsor_proposes(_: Answer) -> None:
        mine = read_key(desk.folder / "reviewer.key").address
        others = [one.address for one in desk.world.reviewers[1:]]
        study = desk.proposed(committee={"reviewers": [mine, *others], "threshold": 2})
        reader.means["STUDY"] = str(study)

    def second_version(_: Answer) -> None:
        # Proposed and compared; the page then goes on with a study whose first one is pending.
        desk.write_plan("two.yaml", committee=None, design={"min_cohort": "9"})
        desk.must(f"study propose two.yaml --key sponsor.key --new-version {reader.means['STUDY']}")

    def back_to_one_version(answer: Answer) -> None:
        assert "carries over" in answer.words
        sponsor_proposes(answer)

    def other_approves(_: Answer) -> None:
        desk.must(
            f"irb approve {reader.means['STUDY']} --key reviewer-2.key --no-compare-app --yes"
        )
        desk.world.wait(1)  # a renewal ends later than what it renews

    def other_signs(_: Answer) -> None:
        desk.must(f"irb sign-resume {reader.means['STUDY']} theirs.json --key reviewer-2.key --yes")

    def other_signs_for_the_seat(_: Answer) -> None:
        change = "--outgoing {OUTGOING} --incoming {INCOMING}".format(**reader.means)
        desk.must(
            f"irb sign-replacement {reader.means['STUDY']} seat-theirs.json {change}"
            " --key reviewer-2.key --yes"
        )

    def other_signs_for_going_back(_: Answer) -> None:
        desk.must(
            "irb sign-rollback {STUDY} back-theirs.json --to 0".format(**reader.means)
            + " --key reviewer-2.key --yes"
        )

    studies: list[RealStudy] = []

    def rounds_are_run(_: Answer, **changes: Any) -> None:
        study = desk.real_study(**changes)
        a_whole_round(desk, study)
        study.revoke(study.patient(desk.world.sites[0]))
        studies.append(study)
        reader.means["STUDY"] = str(study.number)

    def a_round_to_ask_about(answer: Answer) -> None:
        rounds_are_run(answer, answer_seconds=1)
        # The committee of that study is the desk's.
        shutil.copyfile(desk.folder / "reviewer-1.key", desk.folder / "reviewer.key")

    def note_block(_: Answer) -> None:
        reader.means["BLOCK"] = str(verify_folder(desk.folder / "bundle").block_number)

    def site_answers(answer: Answer) -> None:
        reader.means["BLOCK_HASH"] = answer.out.strip()

    def site_discloses_and_patient_comes(_: Answer) -> None:
        signed = json.loads((desk.folder / "cohorts.json").read_bytes())
        key = Statement.parse(signed, ReceiptKey).message.x25519
        shown = studies[-1].disclosures[1, desk.world.sites[0].address, 1]
        (desk.folder / "round-1.json").write_bytes(seal_disclosure(shown, key))
        (desk.folder / "receipt.json").write_bytes(receipt_of(shown, 0).to_bytes())
        held, site = read_bundle(desk.folder / "bundle"), desk.world.sites[0]
        state, _ = prove_history(held, bytes.fromhex(reader.means["BLOCK_HASH"][2:]))
        assert state is not None
        domain = desk.world.chain().consent.domain
        said = SignedReplay.sign(replayed(held, state, 1, site.address), domain, site)
        (desk.folder / "replay.json").write_bytes(said.to_bytes())

    reader.then = {
        "irb key": sponsor_proposes,
        "study documents": second_version,
        "study diff": back_to_one_version,
        "irb approve": other_approves,
        "irb sign-resume": other_signs,
        "irb resume": a_round_to_ask_about,
        "irb challenge": lambda _: desk.world.wait(1),
        "irb readmit": rounds_are_run,
        "irb sign-replacement": other_signs_for_the_seat,
        "irb sign-rollback": other_signs_for_going_back,
        "study bundle": note_block,
        "study block": site_answers,
        "irb disclosure-key": site_discloses_and_patient_comes,
    }
    reader.follow()
    for made in ("documents", "bundle", "report", "crate"):
        shutil.rmtree(desk.folder / made)
    for name in ("", "seat-", "back-"):
        (desk.folder / f"{name}mine.json").unlink()
        (desk.folder / f"{name}theirs.json").unlink()
    for name in (
        "study.tar",
        "cohorts.key",
        "cohorts.json",
        "round-1.json",
        "receipt.json",
        "replay.json",
    ):
        (desk.folder / name).unlink()


def a_whole_round(desk: Desk, study: RealStudy) -> None:
    for site in desk.world.sites:
        for _ in range(2):
            study.patient(site)
    study.round()
    desk.publish(study)


def test_the_page_shows_every_command() -> None:
    assert commands_shown(NAME, "irb") == set(COMMANDS)


def test_what_is_verified_has_a_check_by_that_name(desk: Desk, tmp_path: Path) -> None:
    """Each row of the table names checks that a study which is all right has passed."""
    table = page(NAME).partition("### What is verified\n")[2].partition("\n### ")[0]
    named = set(re.findall(r"`([a-z-]+(?:\.[a-z-]+)?)`", table))
    study = desk.real_study()
    a_whole_round(desk, study)
    study.chain.ledger.abort(study.number, study.open())
    trusted = study.write(tmp_path / "bundle")
    shown, contracts = tuple(study.disclosures.values()), read_bundle(tmp_path / "bundle").contracts
    report = verify_folder(
        tmp_path / "bundle", trusted, shown, contracts=contracts, study=study.number
    )
    assert report.ok, report.failed
    named.remove("rollback")  # none happened in this study
    assert named == named & {check.name for check in report.checks}
    assert len(named) > 40


def test_the_page_explains_every_check_that_can_fail(desk: Desk, tmp_path: Path) -> None:
    study = desk.real_study()
    a_whole_round(desk, study)
    abandoned = study.open()
    study.chain.ledger.abort(study.number, abandoned)
    desk.must(f"study bundle {study.number} {tmp_path}/bundle")
    rows = re.findall(r"^\| (`.*?) \| .* \| .* \|$", page(NAME), re.MULTILINE)
    patterns = [name for row in rows for name in re.findall(r"`([a-z.*-]+)`", row)]
    contracts = read_bundle(tmp_path / "bundle").contracts
    checks = verify_folder(tmp_path / "bundle", contracts=contracts).checks
    made = {check.name for check in checks}
    unexplained = {name for name in made if not any(fnmatch(name, one) for one in patterns)}
    assert not unexplained
    assert blocks(NAME, "console")
