"""An app's byte code, compiled at the site once, from bytes that its gate has admitted.

A message's process would otherwise compile a hundred modules anew. Nothing of it is ever on disk,
where an app could plant some: it lies in memory that the kernel has sealed against writing, and is
found by the SHA-256 of the source that it was compiled from. Compiling runs nothing of the app.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import marshal
import mmap
import os
from collections.abc import Mapping
from pathlib import Path

_LENGTH_BYTES = 8
# PEP 552: not compared with the file on disk. What the gate has seen runs, and a file that was
# changed since is not even read.
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def compile_app(app_dir: Path, file_hashes: Mapping[str, str]) -> int:
    """Compile an app's modules into sealed memory.

    Parameters
    ----------
    app_dir: folder of the installed app.
    file_hashes: SHA-256 (hex) of every file that was admitted, by POSIX path.

    Returns
    -------
    A descriptor for `CompiledApp`. A file that is gone, has other bytes by now, or is no Python, is
    left out: whoever imports it is told then.
    """
    index: dict[str, tuple[int, int]] = {}
    parts: list[bytes] = []
    end = 0
    for relative, digest in file_hashes.items():
        if relative.endswith(".py") and digest not in index:
            pyc = _compile(app_dir / relative, digest)
            if pyc is not None:
                index[digest] = (end, len(pyc))
                parts.append(pyc)
                end += len(pyc)
    head = json.dumps(index).encode()
    descriptor = os.memfd_create("assent-app", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(len(head).to_bytes(_LENGTH_BYTES, "big"))
        file.write(head)
        file.writelines(parts)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


def _compile(path: Path, digest: str) -> bytes | None:
    try:
        source = path.read_bytes()
        if hashlib.sha256(source).hexdigest() != digest:
            return None
        code = compile(source, str(path), "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return None
    source_hash = importlib.util.source_hash(source)
    return importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + source_hash + marshal.dumps(code)


class CompiledApp:
    """What `compile_app` made, in a process that imports the app.

    Parameters
    ----------
    descriptor: of the sealed memory; it is closed here.

    Raises
    ------
    ValueError: the memory is not sealed, or not in this form.
    """

    def __init__(self, descriptor: int) -> None:
        try:
            if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
                raise ValueError("the app's byte code lies in memory that can be written")
            self._memory = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        length = int.from_bytes(self._memory[:_LENGTH_BYTES], "big")
        self._start = _LENGTH_BYTES + length
        self._index = json.loads(self._memory[_LENGTH_BYTES : self._start])

    def pyc(self, source_hash: str) -> bytes | None:
        """Return the `.pyc` (PEP 552, unchecked) of a source with this SHA-256 (hex)."""
        place = self._index.get(source_hash)
        if place is None:
            return None
        begin = self._start + int(place[0])
        return self._memory[begin : begin + int(place[1])]
