"""The fork server and the small program: one child a caller, bound to it from both sides."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.small_federation import wait_for
from federation.gate.fork_server import launch
from federation.gate.fork_server.launch import (
    INSTALLATION,
    RunningServer,
    UnusableEnvironmentError,
    supernode_environment,
)
from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT
from federation.gate.fork_server.listener import open_listener

# A server without the libraries: what it does with processes does not depend on them.
BARE_SERVER = """
import logging, sys
from pathlib import Path
from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT
from federation.gate.fork_server.listener import open_listener
from federation.gate.fork_server.server import ForkServer, ServerConfig

logging.basicConfig(level=logging.INFO)
path = Path(sys.argv[1])
config = ServerConfig(path, "json:loads", 4.0, {config})
listener = open_listener(path)
{before}
ForkServer(config, listener).serve()
"""


@pytest.fixture
def silent_superlink() -> Iterator[str]:
    """An address that accepts connections and never answers: a call to it stays at work."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def start_bare_server(
    tmp_path: Path, config: str = "", before: str = ""
) -> "subprocess.Popen[bytes]":
    path = tmp_path / "run" / "fork.sock"
    code = BARE_SERVER.format(config=config, before=before)
    environment = {**os.environ, **FIXED_ENVIRONMENT, "PYTHONPATH": str(INSTALLATION)}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(path)], stderr=log, env=environment
        )
    wait_for("the bare server's start", lambda: path.exists() or server.poll() is not None, 60)
    return server


def call(
    socket_path: Path, *arguments: str, cwd: Path | None = None, site: Path = Path("/")
) -> "subprocess.Popen[bytes]":
    environment = supernode_environment(socket_path, site)
    return subprocess.Popen(
        ["flwr-clientapp", *arguments],
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def children_of(server_pid: int) -> set[int]:
    text = Path(f"/proc/{server_pid}/task/{server_pid}/children").read_text()
    return {int(pid) for pid in text.split()}


def keeper_of(server_pid: int) -> int:
    """Wait until the server has no child but its first, the gate's keeper. Call before a call."""
    wait_for("the keeper alone", lambda: len(children_of(server_pid)) == 1, 30)
    (keeper,) = children_of(server_pid)
    return keeper


def working_child(server_pid: int, keeper: int) -> tuple[int, int]:
    """Wait for the child of the one call, and for its gate process, which the keeper forks."""
    wait_for("a child", lambda: children_of(server_pid) - {keeper}, 30)
    (child,) = children_of(server_pid) - {keeper}
    wait_for("its gate process", lambda: children_of(keeper), 30)
    (gate,) = children_of(keeper)
    return child, gate


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_call_gets_flowers_own_program_with_its_streams_and_exit_status(
    fork_server: RunningServer,
) -> None:
    out, _err = (helped := call(fork_server.socket_path, "--help")).communicate()
    assert helped.returncode == 0
    assert out.startswith(b"usage: flwr-clientapp")
    _out, err = (wrong := call(fork_server.socket_path, "--nonsense")).communicate()
    assert wrong.returncode == 2
    assert b"--token" in err


def test_a_call_that_would_install_what_an_app_asks_for_is_refused(
    fork_server: RunningServer,
) -> None:
    arguments = ("--token", "t", "--allow-runtime-dependency-installation")
    _out, err = (refused := call(fork_server.socket_path, *arguments)).communicate()
    assert refused.returncode == 1
    assert b"does not install what an app asks for" in err


def test_the_servers_log_names_requests_and_holds_nothing_of_the_caller(
    fork_server: RunningServer,
) -> None:
    call(fork_server.socket_path, "--token", "TOKEN-OF-A-TASK", "--help").communicate()
    log = (fork_server.socket_path.parents[1] / "server.log").read_text()
    assert "request " in log
    assert "TOKEN-OF-A-TASK" not in log
    assert str(fork_server.socket_path.parent) not in log.split("ready at")[1].split("\n", 1)[1]


def test_the_socket_and_its_folder_are_closed_to_other_users(fork_server: RunningServer) -> None:
    path = fork_server.socket_path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_killed_callers_child_dies_with_its_gate_process(
    fork_server: RunningServer, silent_superlink: str
) -> None:
    arguments = ("--insecure", "--token", "t", "--runtime-api-address", silent_superlink)
    keeper = keeper_of(fork_server.process.pid)
    caller = call(fork_server.socket_path, *arguments)
    both = working_child(fork_server.process.pid, keeper)
    caller.kill()
    caller.communicate()
    wait_for("the child's end", lambda: all(gone(one) for one in both), 30)
    assert fork_server.process.poll() is None


def test_a_signal_to_the_caller_reaches_the_child_and_its_end_comes_back(
    fork_server: RunningServer, silent_superlink: str
) -> None:
    arguments = ("--insecure", "--token", "t", "--runtime-api-address", silent_superlink)
    keeper = keeper_of(fork_server.process.pid)
    caller = call(fork_server.socket_path, *arguments)
    child, _gate = working_child(fork_server.process.pid, keeper)
    caller.send_signal(signal.SIGUSR1)  # Flower handles others itself
    caller.communicate()
    assert caller.returncode == -signal.SIGUSR1
    assert gone(child)


def test_the_server_serves_on_when_a_caller_sends_no_request(fork_server: RunningServer) -> None:
    for garbage in (b"", b"x", b"2\0/\0a", b"1\0/\0a\0=b", b"\xff" * 70_000):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.connect(str(fork_server.socket_path))
            with Path(os.devnull).open() as null:
                socket.send_fds(link, [garbage or b"\0"], [null.fileno()] * 3)
            assert link.recv(32) == b""
    helped = call(fork_server.socket_path, "--help")
    helped.communicate()
    assert helped.returncode == 0


def test_another_users_request_is_refused(tmp_path: Path) -> None:
    server = start_bare_server(tmp_path, f"allowed_uid={os.geteuid() + 1}")
    try:
        _out, err = (refused := call(tmp_path / "run" / "fork.sock", "--help")).communicate()
    finally:
        server.terminate()
        server.wait(30)
    assert refused.returncode == 1
    assert b"lost the fork server" in err or b"refused this request" in err
    assert "refused a caller: its uid is" in (tmp_path / "log").read_text()


def test_the_server_ends_with_its_supernode_and_takes_its_children_along(
    tmp_path: Path, silent_superlink: str
) -> None:
    supernode = subprocess.Popen(["sleep", "600"])
    server = start_bare_server(tmp_path, f"supernode_pids=({supernode.pid},)")
    arguments = ("--insecure", "--token", "t", "--runtime-api-address", silent_superlink)
    keeper = keeper_of(server.pid)
    caller = call(tmp_path / "run" / "fork.sock", *arguments)
    child, gate = working_child(server.pid, keeper)
    supernode.kill()
    supernode.wait()
    assert server.wait(30) == 0
    _out, err = caller.communicate()
    assert caller.returncode == 1
    assert b"the fork server" in err
    assert gone(child)
    wait_for("the gate's end", lambda: gone(gate) and gone(keeper), 30)


def test_a_killed_servers_children_die(tmp_path: Path, silent_superlink: str) -> None:
    server = start_bare_server(tmp_path)
    arguments = ("--insecure", "--token", "t", "--runtime-api-address", silent_superlink)
    keeper = keeper_of(server.pid)
    caller = call(tmp_path / "run" / "fork.sock", *arguments)
    started = (keeper, *working_child(server.pid, keeper))
    server.kill()
    server.wait()
    caller.communicate()
    assert caller.returncode == 1
    wait_for("their end", lambda: all(gone(one) for one in started), 30)


def test_a_killed_keeper_is_started_again_and_the_gate_that_it_had_forked_is_gone(
    fork_server: RunningServer, silent_superlink: str
) -> None:
    arguments = ("--insecure", "--token", "t", "--runtime-api-address", silent_superlink)
    server = fork_server.process.pid
    keeper = keeper_of(server)
    caller = call(fork_server.socket_path, *arguments)
    child, gate = working_child(server, keeper)
    os.kill(keeper, signal.SIGKILL)
    wait_for("the gate's end", lambda: gone(gate), 30)
    caller.kill()
    caller.communicate()
    wait_for("the child's end", lambda: gone(child), 30)
    other = call(fork_server.socket_path, *arguments)
    wait_for("another keeper", lambda: len(children_of(server)) == 2, 30)
    other.kill()
    other.communicate()
    assert keeper_of(server) != keeper


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("import threading; threading.Thread(target=__import__('time').sleep, args=(60,), "
         "daemon=True).start()", "has 2 threads"),
        ("import audit", "has loaded audit"),
    ],
)  # fmt: skip
def test_the_server_ends_rather_than_fork_beside_a_thread_or_a_project_module(
    tmp_path: Path, before: str, why: str
) -> None:
    server = start_bare_server(tmp_path, before=before)
    call(tmp_path / "run" / "fork.sock", "--help").communicate()
    assert server.wait(30) != 0
    assert why in (tmp_path / "log").read_text()


# Says whose process it is, then stays.
AFTER = """
import json, os, sys, time
from pathlib import Path

def run():
    site = Path(os.environ["ASSENT_SITE_DIR"])
    report = {"pid": os.getpid(), "group": os.getpgid(0), "parent": os.getppid(), "argv": sys.argv}
    with (site / "after").open("a") as told:
        told.write(json.dumps(report) + "\\n")
    if (site / "break").exists():
        raise ValueError("cannot go on")
    time.sleep(600)
"""


def reports_of(site: Path) -> list[dict[str, Any]]:
    path = site / "after"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_after_a_message_that_ended_well_the_sites_own_process_goes_on_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "site_after.py").write_text(AFTER)
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    server = start_bare_server(
        tmp_path,
        'after="site_after:run", after_seconds=0.0',
        before=f"sys.path.append({str(tmp_path)!r})",
    )
    try:
        keeper = keeper_of(server.pid)
        socket_path = tmp_path / "run" / "fork.sock"
        call(socket_path, "--nonsense", site=one).communicate()
        call(socket_path, "--help", site=one).communicate()
        wait_for("the process afterwards", lambda: reports_of(one), 30)
        (first,) = reports_of(one)  # the message that failed has none
        assert first["parent"] == keeper
        assert first["group"] == first["pid"]
        assert "--help" not in first["argv"]  # a process of the keeper, not of the message
        call(socket_path, "--help", site=other).communicate()
        wait_for("the other site's", lambda: reports_of(other), 30)
        assert not gone(first["pid"])
        call(socket_path, "--help", site=one).communicate()
        wait_for("its successor", lambda: len(reports_of(one)) == 2, 30)
        wait_for("its end", lambda: gone(first["pid"]), 30)
        (other / "break").touch()
        call(socket_path, "--help", site=other).communicate()
        log = tmp_path / "log"
        wait_for("the end of what fails", lambda: "cannot go on" in log.read_text(), 30)
        wait_for("its process's end", lambda: gone(reports_of(other)[-1]["pid"]), 30)
        assert server.poll() is None
        last = reports_of(one)[-1]["pid"]
        assert not gone(last)
    finally:
        server.terminate()
        assert server.wait(30) == 0
    wait_for("its end, with the server", lambda: gone(last), 30)


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(UnusableEnvironmentError, match="mode 755"):
        open_listener(tmp_path / "fork.sock")


def test_a_second_server_is_refused_and_a_dead_ones_socket_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run" / "fork.sock"
    first = open_listener(path)
    with pytest.raises(UnusableEnvironmentError, match="already listens"):
        open_listener(path)
    first.close()
    open_listener(path).close()


def test_another_flower_version_is_refused_by_name(tmp_path: Path) -> None:
    metadata = tmp_path / "flwr-1.42.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: flwr\nVersion: 1.42.0\n")
    path = f"{tmp_path}{os.pathsep}{INSTALLATION}"
    command = [sys.executable, "-P", "-m", "federation.gate.fork_server"]
    command += ["--socket", str(tmp_path / "run" / "s"), "--supernode-pid", "1"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "flwr 1.41.0 is needed and 1.42.0 is installed" in done.stderr


def test_a_supernode_gets_the_gates_program_first_and_a_missing_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = supernode_environment(tmp_path / "s", tmp_path)
    assert shutil.which("flwr-clientapp", path=environment["PATH"]) == str(
        launch.BIN_FOLDER / "flwr-clientapp"
    )
    monkeypatch.setattr(launch, "BIN_FOLDER", tmp_path)
    (tmp_path / "flwr-clientapp").write_text("not executable")
    with pytest.raises(UnusableEnvironmentError, match="without the site's gate"):
        supernode_environment(tmp_path / "s", tmp_path)
