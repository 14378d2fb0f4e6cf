"""Processes that outlive the command that started them are found and stopped by another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from stack import running
from stack.process import ManagedProcess

STARTER = """
import sys
from pathlib import Path
from stack import running
from stack.process import ManagedProcess
folder = Path(sys.argv[1])
argv = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
left = [ManagedProcess(name, argv, folder / name, outlives_us=True) for name in ("one", "two")]
for process in left:
    process.start()
    process.wait_until_ready(lambda: "up" in process.log_path.read_text(), 30)
running.record(left, folder / "running.json")
"""


def test_they_go_on_after_their_starter_and_are_stopped_by_another(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", STARTER, str(tmp_path)], check=True)
    path = tmp_path / "running.json"
    left = running.read(path)
    assert [one.name for one in left] == ["one", "two"]
    assert all(one.is_running for one in left)
    assert path.stat().st_mode & 0o777 == 0o600
    programs = [child for one in left for child in psutil.Process(one.pid).children()]
    assert len(programs) == 2
    assert running.stop_all(path) == ["two", "one"]
    assert not any(one.is_running for one in left)
    assert not any(program.is_running() for program in programs)
    assert running.stop_all(path) == []


def test_an_id_that_now_belongs_to_something_else_is_left_alone(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = ManagedProcess("another", argv, tmp_path / "log")
    process.start()
    started = psutil.Process(process.pid).create_time()
    stale = running.Running("old", process.pid, started - 100, "old.log")
    assert not stale.is_running
    assert stale.stop() is False
    assert process.is_running
    process.stop()


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "running.json"
    path.write_text('[{"name": "half"')
    with pytest.raises(running.RecordError, match=r"running\.json"):
        running.read(path)
    path.write_text('[{"name": "incomplete"}]')
    with pytest.raises(running.RecordError, match=r"running\.json"):
        running.stop_all(path)
    assert path.exists()
