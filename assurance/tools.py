"""The analysers' own environment, made when first needed, and running what is in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from assurance.outcome import CheckError
from assurance.sources import HARDHAT, OUT, ROOT
from stack.binaries import tool_environment
from stack.setup_runner import SetupError
from stack.setup_runner import run as set_up

VENV = ROOT / ".venv-assurance"
LOCK = ROOT / "assurance" / "requirements.lock"
FORGE = ROOT / "assurance" / "forge"
_MAIN = ROOT / ".venv" / "bin"


@dataclass(frozen=True)
class Ran:
    """How a program ended. `output` is standard output and error together, also in `log`."""

    status: int
    output: str
    log: Path
    seconds: float


def python_tool(name: str) -> Path:
    """A program of the analysers' environment, which is made first if it is not there."""
    stamp = VENV / ".stamp"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != wanted:
        uv = str(_MAIN / "uv")
        print("Installing Slither and halmos into .venv-assurance (under a minute).", flush=True)
        set_up([uv, "venv", "--clear", "--python", str(_MAIN / "python"), str(VENV)], ROOT, {})
        sync = [uv, "pip", "sync", "--python", str(VENV / "bin" / "python"), "--require-hashes"]
        set_up([*sync, str(LOCK)], ROOT, {})
        stamp.write_text(wanted, encoding="ascii")
    return VENV / "bin" / name


def forge_folder() -> Path:
    """The folder of the `forge` program, which is installed first if it is not there."""
    stamp = FORGE / "node_modules" / ".stamp"
    wanted = hashlib.sha256((FORGE / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != wanted:
        print("Installing forge, which halmos asks for (seconds).", flush=True)
        npm = [str(_MAIN / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        set_up(npm, FORGE, {})
        stamp.write_text(wanted, encoding="ascii")
    folder = FORGE / "node_modules" / ".bin"
    if not (folder / "forge").exists():
        raise SetupError(
            "npm has no forge for this kind of machine (it has for Linux on Intel or AMD, and for "
            "macOS on Apple silicon): the symbolic checks cannot run here."
        )
    return folder


def hardhat_command() -> list[str]:
    """How Hardhat is called, without npx in between, so that ending it ends all of it."""
    command = HARDHAT / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"
    if not command.is_file():
        raise CheckError("Hardhat is not installed: run `make setup`.")
    return [str(_MAIN / "node"), str(command)]


def run(
    argv: list[str],
    log: str,
    *,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
    first: tuple[Path, ...] = (),
    limit: float = 3600,
) -> Ran:
    """Run a program to its end, its output in `OUT/log`. Any exit status is an answer.

    `first` are folders that come first on PATH. After `limit` seconds it and all that it started
    are ended, and the status is -9. Raises CheckError when it cannot be started.
    """
    path = OUT / log
    path.parent.mkdir(parents=True, exist_ok=True)
    environment = tool_environment(_MAIN, {"HARDHAT_DISABLE_TELEMETRY": "true", **(extra or {})})
    environment["PATH"] = os.pathsep.join([*map(str, first), environment["PATH"]])
    began = time.monotonic()
    with path.open("wb") as sink:
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise CheckError(f"{argv[0]} could not be started: {error.strerror}.") from error
        try:
            status = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            status = -signal.SIGKILL
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    output = path.read_text(encoding="utf-8", errors="replace")
    return Ran(status, output, path, time.monotonic() - began)


@contextlib.contextmanager
def progress(what: str, console: Console) -> Iterator[None]:
    """Says what is being done: a turning line on a terminal, one plain line elsewhere."""
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        console.print(what)
        yield
