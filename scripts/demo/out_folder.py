"""The folder that a demo writes: emptied of what an earlier demo wrote, and of nothing else."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scripts.console import BadInput

_LOCK: Final = "demo.lock"
_WRITTEN: Final = frozenset(
    {_LOCK, "bundle", "report.html", "state", "summary.json", "verification.json"}
)


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """An empty folder for one demo, until the block is left.

    Raises:
        BadInput: it is no folder, holds what no demo has written, or another demo runs in it.
        OSError
    """
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out: {out} is no folder; name another folder")
    strange = (
        sorted(one.name for one in out.iterdir() if one.name not in _WRITTEN)
        if (out.exists())
        else []
    )
    if strange:
        raise BadInput(
            f"--out: {out} holds what no demo has written ({', '.join(strange[:3])}) and would be"
            " emptied; name another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    handle = os.open(out / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"--out: another demo runs in {out}; name another folder") from None
        for name in _WRITTEN - {_LOCK}:
            _remove(out / name)
        yield
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
