"""Every command of docs/patient-app.md, run in its order; and the types that it shows."""

from __future__ import annotations

import shutil

import pytest

from chain.messages import Challenge, Enrolment, ErasureRequest, Grant, ReceiptKey, Revocation
from scripts.patient.app import COMMANDS
from tests.desk import Answer, Desk, desk
from tests.docs.page import Reader, blocks, commands_shown, page

__all__ = ["desk"]

NAME = "patient-app.md"


def test_every_command_of_the_page_works_in_its_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "y")
    if not (desk.folder / "relayer.key").exists():
        desk.write_key("relayer", desk.world.carrier)
    study = desk.real_study()
    shutil.rmtree(desk.folder / "vectors", ignore_errors=True)
    (desk.folder / "vectors").mkdir()
    reader = Reader(desk, NAME)

    def hospital_enrols(answer: Answer) -> None:
        path = desk.write_enrolment(study.number, answer.out.strip(), "page")
        path.replace(desk.folder / "enrolment.json")

    def note_token(answer: Answer) -> None:
        reader.means["TOKEN"] = answer.out.split()[-1]
        for site in desk.world.sites:
            for _ in range(2):
                study.patient(site)
        study.round()

    reader.then = {"patient key": hospital_enrols, "patient grant": note_token}
    reader.follow()
    status = desk.must(f"patient status {reader.means['TOKEN']} --json").json
    assert status["revoked_at"] is not None
    shutil.rmtree(desk.folder / "vectors")


def test_the_page_shows_every_command() -> None:
    assert commands_shown(NAME, "patient") == set(COMMANDS)


def test_the_types_shown_are_those_that_are_signed() -> None:
    (shown,) = blocks(NAME, "text")
    for kind in (Grant, Revocation, Enrolment, Challenge, ReceiptKey, ErasureRequest):
        members = ",".join(f"{m['type']} {m['name']}" for m in kind.type_members())
        assert f"{kind.__name__}({members})" in shown.splitlines()


def test_the_table_explains_every_member_of_a_grant() -> None:
    text = page(NAME)
    table = text[text.index("| member of Grant") :].split("\n\n")[0]
    for member in Grant.type_members():
        assert f"`{member['name']}`" in table
