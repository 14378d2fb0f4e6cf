"""A site on a machine of its own: another Unix user, no shared folder, restored from its backup.

Two sites run in this checkout, as usual. The third is set up by a first user, backed up and
deleted; another user, who has its own installation (a wheel) and can read nothing of ours, restores
it, starts it and takes part in real Flower rounds.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from chain.messages import RoundState
from scripts.local.federation import LocalFederation
from scripts.local.layout import Layout
from stack.process import ProcessGroup
from tests.moved_site import GRANTING, FirstUser, MovedSite, restore_and_start, study_of
from tests.other_user import OtherUser, other_user, why_not
from tests.small_federation import some_sites
from tests.wheel import build_wheel

pytestmark = pytest.mark.timeout(600)

ROUNDS = 2

_DRAWS = """
import json, sqlite3, sys
journal = sqlite3.connect(sys.argv[1])
print(json.dumps(journal.execute("SELECT round, attempt, draw FROM attempts").fetchall()))
"""


@pytest.fixture(scope="module")
def user() -> Iterator[OtherUser]:
    if reason := why_not():
        pytest.skip(reason)
    with other_user() as made:
        yield made


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that everybody may enter, so that only the folders' own modes protect them."""
    made = Path(tempfile.mkdtemp(prefix="assent-elsewhere-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def site(user: OtherUser, place: Path) -> Iterator[MovedSite]:
    """The whole story up to the end of the rounds; the moved site still runs."""
    (place / "wheel").mkdir()
    user.install(build_wheel(place / "wheel"))
    *usual, moving = some_sites(patients=GRANTING + 1)
    with ProcessGroup() as group:
        local = LocalFederation(Layout(place / "federation"), group, [one.name for one in usual])
        local.start_services()
        local.deploy()
        first = FirstUser(place / "first", local)
        federation = study_of(local, usual, first.account)
        enrolled = first.set_up(moving, federation.study_id)
        backup, passphrase = first.back_up_and_leave()
        moved = MovedSite(federation, first.place, user, first.account, {})
        restore_and_start(moved, user.receive(backup), user.receive(passphrase), enrolled)
        shutil.rmtree(first.place)
        moved.run = local.run_rounds("rounds", rounds=ROUNDS)
        yield moved


def _kind(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    kinds = {"flower-supernode": "SuperNode", "federation.gate.fork_server": "fork server"}
    return next((kind for word, kind in kinds.items() if word in command), command)


def everything_in(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


def test_the_restored_site_is_the_same_site_and_nothing_was_under_way(site: MovedSite) -> None:
    expected = {"account": site.account, "rounds_ended": [], "record_tally": None}
    assert site.said["restore"].json == expected
    assert not site.first.exists()


def test_preflight_finds_all_that_a_round_needs_once_patients_have_consented(
    site: MovedSite,
) -> None:
    before, after = site.said["preflight without consents"], site.said["preflight"]
    assert before.code == 1
    failed = [check for check in before.json["checks"] if not check["ok"]]
    assert [check["name"] for check in failed] == ["cohort"]
    assert after.json["ok"] is True


def test_real_rounds_close_with_all_three_sites(site: MovedSite) -> None:
    assert site.run is not None
    assert site.run.succeeded, site.run
    ledger, study = site.federation.chain.ledger, site.federation.study_id
    everyone = {*(one.public.account for one in site.federation.keys.values()), site.account}
    assert ledger.round_count(study) == ROUNDS
    for number in range(1, ROUNDS + 1):
        assert ledger.round(study, number).state is RoundState.CLOSED
        assert set(ledger.members(study, number)) == everyone
        assert ledger.commitment_of(study, number, site.account).cohort_size == GRANTING


def test_status_shows_the_rounds_and_what_they_cost(site: MovedSite) -> None:
    shown = site.status()
    assert shown["connected"] is True
    assert shown["cohort_now"] == GRANTING
    assert [(one["state"], one["cohort"], one["is_member"]) for one in shown["rounds"]] == [
        ("closed", GRANTING, True)
    ] * ROUNDS
    assert shown["own_tally"] == shown["rho_spent"] != "0"


def test_noise_is_drawn_afresh_after_the_restore(site: MovedSite) -> None:
    drawn = site.user.run(["python", "-c", _DRAWS, site.folder / "state.db"]).json
    assert [round_ for round_, _, _ in drawn] == list(range(1, ROUNDS + 1))
    # A site that was never restored counts from 0; this one from a random 63-bit number.
    assert all(draw > 2**32 for _, _, draw in drawn)


def test_it_runs_as_the_other_user_alone_and_listens_to_this_machine_only(
    site: MovedSite,
) -> None:
    processes = site.user.processes()
    assert {"SuperNode", "fork server"} <= {_kind(one) for one in processes}
    for process in processes:
        assert set(process.uids()) == {site.user.uid}
        assert set(process.gids()) == {site.user.uid}
        told = [*process.cmdline(), *process.environ().values()]
        assert not any(str(site.local.layout.state) in word for word in told)
    links = [link for process in processes for link in process.net_connections("inet")]
    listening = {link.laddr.ip for link in links if link.status == "LISTEN"}
    assert listening <= {"127.0.0.1"}, "the SuperNode's inner API is for its own processes"


def test_the_other_user_can_read_nothing_of_the_federation(site: MovedSite) -> None:
    own = site.folder / "site.json"
    theirs = everything_in(site.local.layout.state)
    assert len(theirs) > 100
    assert site.user.openable([own, *theirs]) == [own]


def test_nobody_else_can_read_anything_of_the_site(site: MovedSite) -> None:
    paths = everything_in(site.user.home)
    assert {path.lstat().st_uid for path in paths} == {site.user.uid}
    for folder in (site.user.home, site.folder, site.folder / "keys", site.folder / "supernode"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    secret = [path for path in paths if path.suffix in (".db", ".key", ".secret", ".backup")]
    assert len(secret) >= 8
    assert [path for path in secret if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    # Modes are one thing, trying it another: as one more user, with the site's folder in sight.
    stranger = replace(site.user, uid=site.user.uid + 1, home=site.user.home)
    in_between = site.user.home.parent
    assert stranger.openable([in_between, *paths]) == [in_between]


def test_stopping_leaves_no_process_and_no_file_elsewhere(site: MovedSite) -> None:
    stopped = site.user.assent("site", "stop", site.folder, "--json")
    assert stopped.json == {"stopped": ["the fork server", "the SuperNode"]}
    assert site.user.processes() == []
    assert site.status()["connected"] is False
    assert {path.name for path in site.user.home.iterdir()} == {
        "installation",
        "passphrase",
        "record-tally.db",  # what all the hospital's studies share
        "site",
        "site.backup",
    }
    strays = [
        path
        for folder in (Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm"))
        for path in folder.iterdir()
        if path.lstat().st_uid == site.user.uid
    ]
    assert strays == []
