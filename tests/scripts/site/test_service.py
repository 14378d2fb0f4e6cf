"""`assent site start`, `status` and `stop`, with a real SuperLink."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from federation.gate.keys import SiteKeys
from scripts.site.processes import names_of_running
from stack.ports import free_port
from tests.hospital import Hospital, Services, assent
from tests.world import World


@pytest.fixture(scope="module")
def started(
    site_world: World, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hospital]:
    hospital = Hospital.ready(site_world, services, tmp_path_factory.mktemp("h"))
    hospital.admit_to_superlink()
    answer = assent("site", "start", hospital.folder)
    assert answer.code == 0, answer
    assert "Connected to the SuperLink as node" in answer.out
    yield hospital
    assent("site", "stop", hospital.folder)


def processes_of(folder: Path) -> list[int]:
    """Every process that was started with the site's folder in its command or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), process.environ().get("ASSENT_SITE_DIR", "")]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in part for part in told):
            found.append(process.pid)
    return found


def test_a_second_start_is_refused_and_disturbs_nothing(started: Hospital) -> None:
    before = processes_of(started.folder)
    refused = assent("site", "start", started.folder)
    assert refused.code == 1
    assert "the SuperNode and the fork server" in refused.words
    assert "run already; `assent site stop` ends them" in refused.words
    assert set(before) <= set(processes_of(started.folder))


def test_status_shows_connection_budget_cohort_and_own_commitments(started: Hospital) -> None:
    fresh = assent("site", "status", started.folder, "--json").json
    assert fresh["connected"] is True
    assert fresh["rounds"] == []
    assert fresh["cohort_now"] == 2
    assert (fresh["rho_spent"], fresh["own_tally"]) == ("0", "0")
    keys = SiteKeys.open(started.folder / "keys")
    round_ = started.world.open_round(started.study_id)
    started.world.commit(started.study_id, round_, keys.account)
    keys.close()
    rounds = assent("site", "status", started.folder, "--json").json["rounds"]
    assert rounds == [
        {
            "number": round_,
            "state": "open",
            "attempt": 1,
            "cohort": 2,
            "is_member": False,
            "delivered": False,
            "on_record": False,
            "replay_until": 0,
        }
    ]
    shown = assent("site", "status", started.folder)
    assert "connected yes" in shown.words
    assert "2 active consents (2 needed)" in shown.words


def test_secrets_stand_in_no_command_line_environment_or_log(started: Hospital) -> None:
    keys = started.folder / "keys"
    secrets = [(keys / name).read_text().strip()[2:] for name in ("account.key", "enrolment.key")]
    told = []
    for pid in processes_of(started.folder):
        process = psutil.Process(pid)
        told += [*process.cmdline(), *process.environ().values()]
    logs = list((started.folder / "logs").iterdir())
    told += [log.read_text() for log in logs]
    assert {log.name for log in logs} == {"supernode.log", "fork-server.log"}
    assert [secret for secret in secrets for text in told if secret in text] == []


def test_stopping_leaves_nothing_and_may_be_repeated(started: Hospital) -> None:
    assert processes_of(started.folder) != []
    stopped = assent("site", "stop", started.folder, "--json")
    assert stopped.json == {"stopped": ["the fork server", "the SuperNode"]}
    assert processes_of(started.folder) == []
    assert "Nothing was running" in assent("site", "stop", started.folder).out
    assert assent("site", "status", started.folder, "--json").json["connected"] is False


def test_a_site_that_the_coordinator_did_not_admit_is_told_so_and_which_log_to_read(
    ready_hospital: Hospital,
) -> None:
    refused = assent("site", "start", ready_hospital.folder)
    assert refused.code == 3
    assert "the SuperNode ended with status" in refused.words
    assert str(ready_hospital.folder / "logs" / "supernode.log") in refused.words
    assert f"give them {ready_hospital.folder}/supernode/keys/supernode.pub" in refused.words
    assert processes_of(ready_hospital.folder) == []


def test_a_site_of_assent_up_is_told_as_running_and_left_to_it(tmp_path: Path) -> None:
    state, folder = tmp_path, tmp_path / "sites" / "site-1"
    folder.parent.mkdir()
    assert assent("site", "init", folder).code == 0
    (state / "run").mkdir()
    (state / "up.json").write_text("{}")
    me = {"pid": os.getpid(), "started": psutil.Process().create_time(), "log_path": "-"}
    names = (f"the SuperNode of {folder.name}", "the fork server", "the SuperNode of b")
    record = state / "run" / "processes.json"
    record.write_text(json.dumps([{"name": name, **me} for name in names]))
    assert names_of_running(folder) == ["the SuperNode", "the fork server"]
    stopped = assent("site", "stop", folder)
    assert stopped.code == 1
    assert f"runs under `assent up`; `assent down --state {state}`" in stopped.words
    record.unlink()
    assert names_of_running(folder) == []


def test_ctrl_c_ends_quietly_and_leaves_nothing(hospital: Hospital) -> None:
    hospital.register()
    hospital.approve_study()
    assert hospital.join(superlink=f"127.0.0.1:{free_port()}").code == 0
    command = [sys.executable, "-m", "scripts.main", "site", "start", str(hospital.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as starting:
        assert starting.stderr is not None
        record = hospital.folder / "run" / "processes.json"
        while not record.exists():
            assert starting.poll() is None
        starting.send_signal(signal.SIGINT)
        _, told = starting.communicate(timeout=60)
    assert starting.returncode == 130
    assert b"Traceback" not in told
    assert processes_of(hospital.folder) == []
    assert not record.exists()
