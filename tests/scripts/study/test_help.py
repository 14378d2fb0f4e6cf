"""Every command explains itself, and those that read can answer a program."""

from __future__ import annotations

import pytest

from scripts.irb.app import COMMANDS as IRB
from scripts.patient.app import COMMANDS as PATIENT
from scripts.study.app import COMMANDS as STUDY
from tests.hospital import assent

WITHOUT_JSON = {
    ("irb", "sign-replacement"),
    ("irb", "sign-resume"),
    ("irb", "sign-rollback"),
    ("patient", "assemble"),
    ("patient", "guardian-sign"),
    ("patient", "message"),
    ("patient", "sign-revocation"),
    ("patient", "vectors"),
}
GROUPS = {"study": STUDY, "irb": IRB, "patient": PATIENT}


@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group, table in GROUPS.items() for name in table]
)
def test_help_says_what_it_does_and_takes(group: str, name: str) -> None:
    shown = assent(group, name, "--help")
    assert shown.code == 0
    assert f"assent {group} {name}" in shown.words
    assert ("--json" in shown.words) != ((group, name) in WITHOUT_JSON)
