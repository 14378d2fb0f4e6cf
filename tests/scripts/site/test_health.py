"""`assent site health`: what a monitoring system asks while a site runs."""

import json
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from federation.gate import health as asked
from federation.gate.challenges import OpenChallenge
from federation.gate.health import PROCESSES, health
from federation.gate.preflight import Check, Outcome
from federation.gate.status import RoundStatus, read_status
from tests.hospital import Hospital, assent

DAY = 24 * 3600


@pytest.fixture
def copied(ready_hospital: Hospital, tmp_path: Path) -> Path:
    """A copy of a ready site's folder, to be damaged."""
    shutil.copytree(ready_hospital.folder, tmp_path / "site")
    return tmp_path / "site"


def failing(checks: list[Check]) -> dict[str, str]:
    assert all(check.remedy for check in checks if not check.ok)
    return {check.name: check.found for check in checks if not check.ok}


def test_a_site_whose_processes_run_is_well(ready_hospital: Hospital) -> None:
    checks = list(health(ready_hospital.folder, PROCESSES))
    assert failing(checks) == {}
    assert len({check.name for check in checks}) == len(checks) == 20


def test_a_process_that_is_away_is_an_alarm(ready_hospital: Hospital, tmp_path: Path) -> None:
    page = tmp_path / "site.prom"
    told = assent("site", "health", ready_hospital.folder, "--prometheus", page)
    assert told.code == 1
    assert "not there: the SuperNode, the fork server" in told.words
    assert "`assent site start`" in told.words
    lines = page.read_text().splitlines()
    assert 'assent_site_check{check="processes"} 0' in lines
    assert 'assent_site_check{check="SuperLink"} 1' in lines
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["site.prom"]
    shown = assent("site", "health", ready_hospital.folder, "--json")
    assert (shown.code, shown.json["ok"]) == (1, False)


def test_a_chain_that_is_away_leaves_every_line_in_its_place(
    ready_hospital: Hospital, copied: Path
) -> None:
    settings = copied / "site.json"
    settings.write_text(
        json.dumps(json.loads(settings.read_text()) | {"rpc_url": "http://127.0.0.1:9"})
    )
    checks = list(health(copied, PROCESSES))
    usual = [check.name for check in health(ready_hospital.folder, PROCESSES)]
    assert [check.name for check in checks] == usual
    found = failing(checks)
    assert "gives no usable answer" in found["chain"]
    assert found["questions"].startswith("not asked: ")


def test_a_damaged_journal_is_said_once_and_says_what_mends_it(copied: Path) -> None:
    journal = copied / "state.db"
    journal.write_bytes(b"not a database" * 1000)
    journal.chmod(0o600)
    checks = {one.name: one for one in health(copied, PROCESSES)}
    assert checks["approval"].outcome is Outcome.FAILS
    assert "state.db is damaged" in checks["approval"].found
    waiting = {name for name, one in checks.items() if one.outcome is Outcome.WAITS}
    assert waiting == {"questions", "deliveries", "study goes on"}


def test_an_approval_that_ends_soon_is_a_warning_and_then_an_alarm(copied: Path) -> None:
    until = read_status(copied).approved_until
    for days, ok, warned in ((60, True, False), (20, True, True), (-1, False, False)):
        checks = {
            one.name: one for one in health(copied, PROCESSES, now=lambda d=days: until - d * DAY)
        }
        found = checks["approval"]
        assert (found.ok, bool(found.warning)) == (ok, warned), days


def test_what_only_people_can_mend_is_an_alarm(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = read_status(copied)
    late = RoundStatus(7, "sealed", 1, 2, True, False, False, 0)
    troubled = replace(
        usual,
        challenges=(OpenChallenge(3, 0, 0, 1_800_000_000),),
        rounds=(late,),
        charged_aborts=usual.max_charged_aborts,
    )
    monkeypatch.setattr(asked, "read_status", lambda _: troubled)
    found = failing(list(health(copied, PROCESSES)))
    assert set(found) == {"questions", "deliveries", "study goes on"}
    assert "about round 3, until before 2027-01-15" in found["questions"]
    assert "round 7 is sealed" in found["deliveries"]


def test_a_full_disk_and_logs_that_nobody_rotates_are_alarms(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied / "logs").mkdir(exist_ok=True)
    (copied / "logs" / "supernode.log").write_text("a line\n")
    monkeypatch.setattr(asked, "LARGEST_LOGS", 3)
    monkeypatch.setattr(asked, "NEEDED_DISK", 10**18)
    found = failing(list(health(copied, PROCESSES)))
    assert set(found) == {"disk", "logs"}
