"""Runs set-up's commands with a log, a ticking line, and plain words for what goes wrong.

Standard library only.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from stack.binaries import ROOT, tool_environment

LOG = ROOT / ".venv" / "setup.log"

DIAGNOSES = (
    (
        r"No space left on device|ENOSPC|Errno 28\b|Disk quota exceeded",
        "the disk is full: about 10 GB are needed for the repository, "
        "and 3 GB for the caches in your home folder.",
    ),
    (
        r"DO NOT MATCH THE HASHES|[Hh]ash mismatch|EINTEGRITY|checksum mismatch|SECURITY ERROR",
        "a download is not the file that was locked (its hash differs). It was not installed. "
        "Ask who runs your package mirror, or try another network.",
    ),
    (
        r"dns error|name resolution|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|dial tcp"
        r"|i/o timeout|error sending request|NewConnectionError|Failed to fetch|tcp connect error"
        r"|Network is unreachable",
        "a package registry could not be reached. Check the network and, if you are behind a proxy "
        "or a mirror, the usual settings of pip, uv, npm and Go (HTTPS_PROXY, PIP_INDEX_URL, "
        "UV_INDEX_URL, GOPROXY, ~/.npmrc).",
    ),
    (
        r"ensurepip is not available|No module named ensurepip",
        "this Python cannot make virtual environments: install its venv package "
        "(python3-venv on Debian and Ubuntu).",
    ),
    (r"EACCES|Permission denied", "a file or folder may not be written by this user."),
)


class SetupError(Exception):
    """Set-up cannot go on; the message is one for the user."""


def diagnose(output: str) -> str:
    """What a failed command's output most likely means, as a sentence."""
    for pattern, sentence in DIAGNOSES:
        if re.search(pattern, output):
            return sentence
    return "the reason is in these lines:"


def run(argv: list[str], cwd: Path, extra: dict[str, str]) -> None:
    """Run one command, its output to the log, and say how long it has been at it.

    `extra` is added to the environment. Raises `SetupError` with a likely reason, the last lines
    and the log's name.
    """
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(argv)}\n".encode())
        log.flush()
        began = log.tell()
        environment = tool_environment(ROOT / ".venv" / "bin", extra)
        try:
            process = subprocess.Popen(
                argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        except OSError as error:
            raise SetupError(f"{argv[0]} could not be started: {error.strerror}.") from error
        try:
            status = _wait(process)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if status != 0:
        output = LOG.read_bytes()[began:].decode(errors="replace")
        tail = "\n".join(f"    {line}" for line in output.splitlines()[-12:])
        raise SetupError(f"{diagnose(output)}\n{tail}\nThe whole output is in {LOG}.")


def _wait(process: subprocess.Popen[bytes]) -> int:
    began = time.monotonic()
    while True:
        try:
            status = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            if sys.stdout.isatty():
                print(f"\r      {time.monotonic() - began:4.0f} s", end="", flush=True)
            continue
        if sys.stdout.isatty():
            print("\r             \r", end="", flush=True)
        return status
