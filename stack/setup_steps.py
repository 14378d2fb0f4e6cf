"""The steps of set-up, each done once for the same inputs (standard library only).

A step's stamp, in .venv/.stamps, is a hash of what it depends on, written once it has succeeded.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.binaries import GETH, KUBO, ROOT, GoTool, has_free_space, ipfs_is_provided
from stack.setup_runner import SetupError, run

VENV = ROOT / ".venv"
TOOLS = VENV / "bin"
STAMPS = VENV / ".stamps"
LOCK = ROOT / "requirements.lock"
HARDHAT = ROOT / "hardhat-local"
BROWSER = ROOT / "tests" / "browser"
VIEM = ROOT / "tests" / "viem"

__all__ = ["SetupError", "lock", "set_up"]


@dataclass(frozen=True)
class Step:
    """One thing to have: what it is, how long it takes the first time, and how to get it.

    `inputs` are the bytes it depends on; `result` must exist for the stamp to count.
    """

    name: str
    what: str
    inputs: tuple[bytes, ...]
    result: Path
    act: Callable[[], None]

    @property
    def stamp(self) -> str:
        machine = (platform.system(), platform.machine(), str(ROOT))
        digest = hashlib.sha256("\0".join(machine).encode())
        for part in self.inputs:
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()

    def is_done(self) -> bool:
        try:
            recorded = (STAMPS / self.name).read_text(encoding="ascii")
        except OSError:
            return False
        return recorded == self.stamp and self.result.exists()

    def record(self) -> None:
        STAMPS.mkdir(parents=True, exist_ok=True)
        (STAMPS / self.name).write_text(self.stamp, encoding="ascii")


def set_up() -> None:
    """Bring this checkout to the state its lock files describe. Raises `SetupError`."""
    began = time.monotonic()
    with _one_at_a_time():
        steps = _steps()
        to_do = [step for step in steps if not step.is_done()]
        for number, step in enumerate(to_do, start=1):
            print(f"[{number}/{len(to_do)}] {step.what}", flush=True)
            since = time.monotonic()
            step.act()
            step.record()
            print(f"      done in {time.monotonic() - since:.0f} s", flush=True)
    if to_do:
        print(f"Set-up is complete ({time.monotonic() - began:.0f} s).", flush=True)
    else:
        print("Set-up: nothing to do.", flush=True)


def lock() -> None:
    """Write requirements.lock from requirements.in, here and in assurance/, keeping what fits.

    Raises `SetupError`.
    """
    with _one_at_a_time():
        for step in _steps()[:2]:
            if not step.is_done():
                step.act()
                step.record()
        flags = "--universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header"
        for folder in (ROOT, ROOT / "assurance"):
            name = (folder / "requirements").relative_to(ROOT)
            print(f"Resolving {name}.in (under a minute).", flush=True)
            files = f"--python-version 3.11 {name}.in -o {name}.lock"
            run([str(TOOLS / "uv"), "pip", "compile", *f"{flags} {files}".split()], ROOT, {})
    print("The lock files are written: review what changed, then run `make setup`.")


def _steps() -> list[Step]:
    npm_files = ("package.json", "package-lock.json")
    npm_inputs = tuple((HARDHAT / name).read_bytes() for name in npm_files)
    browser_inputs = tuple((BROWSER / name).read_bytes() for name in (*npm_files, "unpack.mjs"))
    viem_inputs = tuple((VIEM / name).read_bytes() for name in npm_files)
    locked, project = LOCK.read_bytes(), _read("pyproject.toml")
    steps = [
        Step("venv", "A virtual environment in .venv (seconds)", (), TOOLS / "python", _make_venv),
        Step(
            "uv", "uv, which installs the rest (seconds)", (_uv_block(),), TOOLS / "uv", _install_uv
        ),
        Step(
            "python",
            "Python packages, Node and Go (2.5 GB, mostly torch: 2 to 15 minutes by network)",
            (locked,),
            TOOLS / "node",
            _install_packages,
        ),
        Step(
            "assent",
            "The `assent` command (seconds)",
            (locked, project),
            TOOLS / "assent",
            _install_assent,
        ),
        Step(
            "npm",
            "Hardhat, the Solidity compiler and OpenZeppelin (about 10 seconds)",
            npm_inputs,
            HARDHAT / "node_modules" / ".package-lock.json",
            lambda: _install_npm(HARDHAT),
        ),
        Step(
            "browser",
            "A browser for the tests of passkeys (300 MB, about 10 seconds)",
            browser_inputs,
            BROWSER / "chromium" / "chromium",
            _install_browser,
        ),
        Step(
            "viem",
            "What the guide for app developers uses (seconds)",
            viem_inputs,
            VIEM / "node_modules" / "viem" / "package.json",
            lambda: _install_npm(VIEM),
        ),
    ]
    if not ipfs_is_provided():
        steps.append(_go_step(KUBO, "Kubo, the IPFS node"))
    steps.append(_go_step(GETH, "geth, the durable local chain"))
    return steps


def _go_step(tool: GoTool, title: str) -> Step:
    def build() -> None:
        if not os.access(tool.path, os.X_OK):
            tool.build(TOOLS, run)

    what = f"{title} {tool.version}, built once from source (about {tool.minutes} minutes)"
    return Step(tool.name, what, (str(tool.path).encode(),), tool.path, build)


def _make_venv() -> None:
    if _is_usable():
        return
    try:
        venv.EnvBuilder(with_pip=True, clear=True, symlinks=True).create(VENV)
    except OSError as error:
        raise SetupError(f".venv could not be made: {error.strerror}.") from error
    except Exception as error:
        raise SetupError(
            "this Python cannot make virtual environments: install its venv package "
            "(python3-venv on Debian and Ubuntu), remove .venv and run set-up again."
        ) from error


def _is_usable() -> bool:
    """Whether there is an environment that runs, is new enough and was made in this folder.

    Programs in an environment hold its path, so one that was moved is made anew.
    """
    try:
        made_here = str(TOOLS).encode() in (TOOLS / "pip").read_bytes()[:500]
        run(
            [str(TOOLS / "python"), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
            ROOT,
            {},
        )
    except (OSError, SetupError):
        return False
    return made_here


def _uv_block() -> bytes:
    """uv's own entry in the lock file: the pin and its hashes, in the form that pip reads."""
    found = re.search(
        r"^uv==.*(?:\n {4}--hash=.*)+", LOCK.read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise SetupError("requirements.lock does not pin uv with hashes.")
    return found.group(0).encode() + b"\n"


def _install_uv() -> None:
    with tempfile.NamedTemporaryFile(suffix=".txt") as pinned:
        pinned.write(_uv_block())
        pinned.flush()
        pip = [
            str(TOOLS / "python"),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        run([*pip, "--only-binary=:all:", "--require-hashes", "-r", pinned.name], ROOT, {})


def _install_packages() -> None:
    if not (TOOLS / "node").exists() and not has_free_space(ROOT, 8):
        raise SetupError("the disk has less than 8 GB left, and the Python packages need about 7.")
    sync = [str(TOOLS / "uv"), "pip", "sync", "--python", str(TOOLS / "python"), "--require-hashes"]
    # Compiled here: where Python may write no bytecode, every process would compile torch anew.
    run([*sync, "--compile-bytecode", str(LOCK)], ROOT, {})


def _install_assent() -> None:
    if not (ROOT / "pyproject.toml").exists():
        raise SetupError("pyproject.toml is missing: this is not a complete checkout.")
    # compat mode puts the folder itself on sys.path, so that `federation` stays a namespace package
    # to which the app that Flower unpacks can add its part.
    install = [str(TOOLS / "uv"), "pip", "install", "--python", str(TOOLS / "python"), "--no-deps"]
    editable = [
        "--no-build-isolation",
        "--config-settings",
        "editable_mode=compat",
        "--editable",
        ".",
    ]
    run([*install, *editable], ROOT, {})


def _install_npm(folder: Path) -> None:
    run([str(TOOLS / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, {})
    installed = folder / "node_modules" / ".package-lock.json"
    without = [
        name.removeprefix("node_modules/")
        for name, entry in json.loads(installed.read_bytes())["packages"].items()
        if "integrity" not in entry
    ]
    if without:
        installed.unlink()
        raise SetupError(
            f"{folder.relative_to(ROOT)}/package-lock.json has no hash for {', '.join(without)}, "
            "which this kind of machine needs: see hardhat-local/README.md."
        )


def _install_browser() -> None:
    _install_npm(BROWSER)
    run([str(TOOLS / "node"), "unpack.mjs"], BROWSER, {})


def _read(name: str) -> bytes:
    path = ROOT / name
    return path.read_bytes() if path.exists() else b""


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two set-ups of one checkout take turns. The lock ends with the process."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up of this checkout to finish.", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
