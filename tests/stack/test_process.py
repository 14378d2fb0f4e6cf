"""A managed process starts, is watched, and leaves nothing behind, however its owner ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stack.process import ManagedProcess, ProcessError, ProcessGroup

PYTHON = sys.executable
SLEEP = [PYTHON, "-c", "import time; time.sleep(600)"]

# Starts a grandchild in a session of its own that ignores SIGTERM, as a stubborn daemon would.
STUBBORN = """
import os, signal, subprocess, sys, time
inner = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
inner += "print('deaf', flush=True); time.sleep(600)"
inner = [sys.executable, "-c", inner]
child = subprocess.Popen(inner, start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print("pids", os.getpid(), child.pid, flush=True)
time.sleep(600)
"""

OWNER = """
import sys, time
from pathlib import Path
from stack.process import ManagedProcess, ProcessGroup
stubborn, log = sys.argv[1], Path(sys.argv[2])
with ProcessGroup() as group:
    process = ManagedProcess("stubborn", [sys.executable, "-c", stubborn], log, grace=0.3)
    group.start(process)
    process.wait_until_ready(lambda: "pids" in log.read_text(), 30)
    print("ready", process.pid, flush=True)
    time.sleep(600)
"""


def pids_in(log: Path) -> list[int]:
    """The process ids that STUBBORN wrote."""
    line = next(line for line in log.read_text().splitlines() if line.startswith("pids"))
    return [int(part) for part in line.split()[1:]]


def wait_until_gone(pids: list[int]) -> list[int]:
    """Wait for these processes to end; returns those that did not."""
    deadline = time.monotonic() + 30
    while left := [pid for pid in pids if psutil.pid_exists(pid)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.05)
    return []


def start_owner(log: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A program that owns a stubborn process; returns it and every process id below it."""
    argv = [PYTHON, "-c", OWNER, STUBBORN, str(log)]
    owner = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    keeper = int(owner.stdout.readline().split()[1])
    return owner, [keeper, *pids_in(log)]


def test_output_goes_to_a_log_that_only_its_owner_reads(tmp_path: Path) -> None:
    process = ManagedProcess(
        "echo", [PYTHON, "-c", "print('hello')"], tmp_path / "logs" / "echo.log"
    )
    process.start()
    assert process.wait(30) == 0
    assert process.log_path.read_text() == "hello\n"
    assert process.log_path.stat().st_mode & 0o777 == 0o600


def test_status_is_that_of_the_program(tmp_path: Path) -> None:
    process = ManagedProcess("seven", [PYTHON, "-c", "raise SystemExit(7)"], tmp_path / "log")
    process.start()
    assert process.wait(30) == 7
    assert not process.is_running


def test_an_early_end_names_the_process_its_log_and_the_last_lines(tmp_path: Path) -> None:
    script = "import sys; sys.exit('the port is taken')"
    process = ManagedProcess("the node", [PYTHON, "-c", script], tmp_path / "node.log")
    process.start()
    with pytest.raises(ProcessError) as caught:
        process.wait_until_ready(lambda: False, 30)
    message = str(caught.value)
    assert "the node ended with status 1 before it was ready" in message
    assert str(tmp_path / "node.log") in message
    assert "the port is taken" in message


def test_a_process_that_never_gets_ready_is_stopped_and_named(tmp_path: Path) -> None:
    process = ManagedProcess("sleeper", SLEEP, tmp_path / "l")
    process.start()
    with pytest.raises(ProcessError, match=r"sleeper was not ready after 0 s\. Read .*/l"):
        process.wait_until_ready(lambda: False, 0.2)
    assert not process.is_running


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    process = ManagedProcess("ghost", ["no-such-program-here"], tmp_path / "ghost.log")
    process.start()
    with pytest.raises(ProcessError, match="no-such-program-here"):
        process.wait_until_ready(lambda: False, 30)


def test_a_probe_that_raises_oserror_means_not_yet(tmp_path: Path) -> None:
    refusals = iter([ConnectionRefusedError(), TimeoutError()])

    def probe() -> bool:
        for refusal in refusals:
            raise refusal
        return True

    process = ManagedProcess("sleeper", SLEEP, tmp_path / "l")
    process.start()
    process.wait_until_ready(probe, 30)
    assert process.is_running
    process.stop()
    assert not process.is_running


def test_stopping_ends_descendants_in_other_sessions_that_ignore_sigterm(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = ManagedProcess("stubborn", [PYTHON, "-c", STUBBORN], log, grace=0.3)
    process.start()
    process.wait_until_ready(lambda: "pids" in log.read_text(), 30)
    pids = [process.pid, *pids_in(log)]
    assert all(psutil.pid_exists(pid) for pid in pids)
    process.stop()
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


def test_a_program_that_ends_leaves_no_orphan(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = STUBBORN.replace("time.sleep(600)\n", "")
    process = ManagedProcess("leaver", [PYTHON, "-c", script], log, grace=0.3)
    process.start()
    process.wait(30)
    assert wait_until_gone(pids_in(log)) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_when_the_owner_is_signalled(
    tmp_path: Path, number: signal.Signals
) -> None:
    owner, pids = start_owner(tmp_path / "log")
    assert len(pids) == 3
    owner.send_signal(number)
    owner.wait(30)
    assert wait_until_gone(pids) == []


def test_the_program_ends_when_its_keeper_is_killed(tmp_path: Path) -> None:
    process = ManagedProcess("sleeper", SLEEP, tmp_path / "l")
    process.start()
    children: list[psutil.Process] = []
    while not children:
        children = psutil.Process(process.pid).children()
    time.sleep(0.2)  # the child asks for the signal between fork and exec
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    assert wait_until_gone([child.pid for child in children]) == []


def test_a_group_stops_the_last_started_first(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "def end(*_): print('ended', time.monotonic_ns(), flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    )
    logs = [tmp_path / "first", tmp_path / "second"]
    with ProcessGroup() as group:
        for log in logs:
            process = ManagedProcess(log.name, [PYTHON, "-c", script], log)
            group.start(process)
            process.wait_until_ready(lambda log=log: "up" in log.read_text(), 30)  # type: ignore[misc]
        group.check()
    ended = [int(log.read_text().split()[-1]) for log in logs]
    assert ended[1] < ended[0]


def test_a_group_stops_its_processes_when_the_block_fails(tmp_path: Path) -> None:
    process = ManagedProcess("sleeper", SLEEP, tmp_path / "l")
    with pytest.raises(RuntimeError, match="a step failed"), ProcessGroup() as group:
        group.start(process)
        raise RuntimeError("a step failed")
    assert not process.is_running


def test_a_group_says_which_process_has_ended(tmp_path: Path) -> None:
    process = ManagedProcess("brief", [PYTHON, "-c", "raise SystemExit(3)"], tmp_path / "brief.log")
    with ProcessGroup() as group:
        group.start(process)
        process.wait(30)
        with pytest.raises(ProcessError, match=r"brief ended with status 3\. Read .*brief.log"):
            group.check()


def test_an_interrupt_at_any_moment_of_watching_leaves_it_possible_to_stop(tmp_path: Path) -> None:
    """As Ctrl-C does: an exception between any two instructions of the one who watches."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    process = ManagedProcess("sleeper", SLEEP, tmp_path / "log")
    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        process.start()
        for number in range(300):
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_VIRTUAL, 0.001 + number * 1e-6)
                while True:
                    assert process.is_running
    finally:
        signal.signal(signal.SIGVTALRM, before)
        process.stop()
    assert not process.is_running
