"""The entry point: fast help, exit codes that mean something, no trace for a user's mistake."""

import errno
import importlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from scripts.command_line import COMMANDS
from scripts.exit_codes import EXIT_CODE_OF, exit_code_of, message_of
from scripts.lazy import Command, loaded
from scripts.site.app import COMMANDS as SITE_COMMANDS
from stack.binaries import ROOT
from tests.hospital import assent


@pytest.mark.parametrize("name", EXIT_CODE_OF)
def test_every_registered_exception_exists(name: str) -> None:
    module, _, qualified = name.rpartition(".")
    found = getattr(importlib.import_module(module), qualified)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" == name


def test_the_nearest_base_gives_the_code() -> None:
    from chain.errors import ChainUnreachable, RegistryStudyUnknown

    assert exit_code_of(ChainUnreachable("u", "r")) == 3
    assert exit_code_of(RegistryStudyUnknown(1)) == 1
    assert exit_code_of(FileNotFoundError("x")) == 2
    assert exit_code_of(ConnectionRefusedError()) == 3
    assert exit_code_of(ZeroDivisionError()) is None


def test_help_of_all_levels_loads_no_room_of_the_project() -> None:
    code = (
        "import sys; from scripts.main import call; call(['--help']); call(['site', '--help']);"
        "print([m for m in ('chain', 'federation', 'torch', 'web3', 'flwr') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Run a hospital's part of a study." in done.stdout
    assert all(f"  {name} " in done.stdout for name in SITE_COMMANDS)


@pytest.mark.parametrize("name", SITE_COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    shown = assent("site", name, "--help")
    assert shown.code == 0
    assert "FOLDER" in shown.out
    assert "site's folder" in shown.words or "folder to make" in shown.words


@pytest.fixture(scope="module")
def parameters() -> list[tuple[str, click.Parameter]]:
    """Every argument and option of every command, with the command's name."""

    def of(group: click.Command, path: str) -> Iterator[tuple[str, click.Parameter]]:
        for name, under in getattr(group, "commands", {}).items():
            yield from of(under, f"{path} {name}")
        yield from ((path, one) for one in group.params)

    def commands(table: Mapping[str, Command], path: str) -> Iterator[tuple[str, click.Command]]:
        for name, command in table.items():
            module, _, found = command.target.partition(":")
            inside = getattr(importlib.import_module(module), "COMMANDS", None)
            if found == "app" and inside:
                yield from commands(inside, f"{path} {name}")
            else:
                yield f"{path} {name}", loaded(command.target)

    every = dict(commands(COMMANDS, "assent"))
    assert len(every) > 70
    return [one for path, command in every.items() for one in of(command, path)]


def test_every_argument_and_option_of_every_command_is_explained(
    parameters: list[tuple[str, click.Parameter]],
) -> None:
    assert [f"{at}: {one.name}" for at, one in parameters if not getattr(one, "help", None)] == []


def test_a_number_that_no_contract_can_hold_is_wrong_usage(
    parameters: list[tuple[str, click.Parameter]],
) -> None:
    """Such as a token's number where a study's is asked for: it ended as a defect of ours."""
    numbers = {"study", "new_version", "round_", "to", "version", "before", "after"}
    found = [(at, one) for at, one in parameters if one.name in numbers and one.type.name != "path"]
    assert len(found) > 40
    assert [
        f"{at}: {one.name}" for at, one in found if getattr(one.type, "max", None) is None
    ] == []
    token = 2**160 + 1
    told = assent("study", "show", token, "--rpc", "http://127.0.0.1:1", "--deployment", "none")
    assert (told.code, f"{token} is not in the range" in told.words) == (2, True)


@pytest.mark.parametrize("arguments", [[], ["bogus"], ["site"], ["site", "bogus"], ["--bogus"]])
def test_wrong_usage_gives_2(arguments: list[str]) -> None:
    assert assent(*arguments).code == 2


def test_the_installed_program_is_this_entry_point(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("assent")
    command = [program, "site", "init", tmp_path / "site", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["account"].startswith("0x")
    again = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith("assent: ")


IMPORTED_WHEN = """\
import os, signal, sys

class CtrlC:
    def find_spec(name, path=None, target=None):
        if name == os.environ["CTRL_C_AT"]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC)
"""


@pytest.mark.parametrize("module", ["scripts.command_line", "typer", "rich.table", "scripts.serve"])
def test_ctrl_c_while_the_program_is_imported_leaves_no_trace(tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(IMPORTED_WHEN)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.main", "serve", "--help"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "CTRL_C_AT": module},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr.split() in ([], ["assent:", "interrupted"])


@pytest.mark.parametrize("ending", ["done", "refused"])
def test_an_answer_that_cannot_be_written_leaves_no_trace(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "site"
    if ending == "refused":
        assert assent("site", "init", folder).code == 0
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "scripts.main", "site", "init", folder, "--json"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert ("No space left" if ending == "done" else "never overwritten") in said


def test_a_full_disk_is_told_with_what_to_do() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "site.backup")
    told = "site.backup: No space left on device; make room, then run the command again"
    assert message_of(full) == told
    assert message_of(OSError(errno.EACCES, "Permission denied")) == "Permission denied"


def test_ctrl_c_in_a_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "broken", Command("tests.scripts.test_main:stopped", "Stops."))
    told = assent("broken")
    assert (told.code, told.out, told.err) == (130, "", "assent: interrupted\n")


def test_a_defect_writes_its_trace_to_a_private_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "broken", Command("tests.scripts.test_main:broken", "Fails."))
    told = assent("broken")
    assert told.code == 4
    assert "ZeroDivisionError" in told.err
    path = Path(told.err.split("The trace is in ")[1].split(";")[0])
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "in broken" in path.read_text()
    finally:
        path.unlink()
    assert "Traceback" not in told.words


def broken() -> None:
    """A command with a defect."""
    raise ZeroDivisionError("of no use to a hospital")


def stopped() -> None:
    """A command that is stopped with Ctrl-C."""
    raise KeyboardInterrupt
