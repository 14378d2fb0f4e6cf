"""The folder of bundle files: one writer at a time, each file called by its SHA-256."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chain.alone import alone


class FolderBusy(Exception):
    """Another process gathers bundles in this folder now."""


class BundleFolder:
    """Files `SHA256.tar` of mode 0600 in a folder of mode 0700."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder, until the block or the process ends. Raises FolderBusy."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone(self.path / "lock", FolderBusy()):
            yield

    def workshop(self) -> Path:
        """An empty folder to work in; what a process that died left there is gone."""
        path = self.path / "work"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        return path

    def file(self, sha256: bytes) -> Path:
        """Where the file of this hash is, or would be."""
        return self.path / f"{sha256.hex()}.tar"

    def keep(self, packed: Path) -> bytes:
        """Takes a finished file in; its SHA-256. It is there whole or not at all."""
        with packed.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            os.fsync(file.fileno())
        packed.chmod(0o600)
        packed.replace(self.file(digest))
        directory = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return digest

    def remove_all_but(self, kept: set[bytes]) -> None:
        """Removes the files that no job has any more, and what was being worked on."""
        names = {self.file(digest).name for digest in kept}
        for path in self.path.glob("*.tar"):
            if path.name not in names:
                path.unlink(missing_ok=True)
        shutil.rmtree(self.path / "work", ignore_errors=True)
