"""The real `ipfs` on a repository without a daemon."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stack.binaries import ipfs_binary
from stack.kubo import QUIET


class Ipfs:
    """Runs commands of the program; what each prints."""

    def __init__(self, folder: Path) -> None:
        self._environment = {**os.environ, **QUIET, "IPFS_PATH": str(folder)}
        self("init", "--empty-repo")

    def __call__(self, *arguments: str) -> bytes:
        return subprocess.run(
            [ipfs_binary(), "--offline", *arguments],
            env=self._environment,
            capture_output=True,
            check=True,
        ).stdout
