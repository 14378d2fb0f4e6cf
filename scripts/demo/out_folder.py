"""The folder that a demo writes: emptied of what an earlier demo wrote, and of nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chain.alone import alone
from scripts.console import BadInput

_LOCK: Final = "demo.lock"
_WRITTEN: Final = frozenset(
    {
        *(_LOCK, "bundle", "deployment.json", "report.html", "state", "summary.json"),
        "verification.json",
    }
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
    there = out.iterdir() if out.exists() else ()
    if strange := sorted(one.name for one in there if one.name not in _WRITTEN):
        raise BadInput(
            f"--out: {out} holds what no demo has written ({', '.join(strange[:3])}) and would be"
            " emptied; name another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    busy = BadInput(f"--out: another demo runs in {out}; name another folder")
    with alone(out / _LOCK, busy):
        for name in _WRITTEN - {_LOCK}:
            _remove(out / name)
        yield


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
