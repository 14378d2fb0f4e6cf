"""Reading files line by line in bounded memory, plain or gzip (told apart by their first bytes)."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from federation.gate.records.errors import InputEmpty, InputMissing, InputUnreadable
from federation.gate.records.rejections import RejectionCode

MAX_LINE: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"

Progress = Callable[[str, int], None]
"""Called with a file's label and the lines read of it so far, now and then and at its end."""


@dataclass(frozen=True, slots=True)
class Line:
    """A numbered line (from 1) without its line end, or the reason why it cannot be read."""

    number: int
    data: bytes
    problem: RejectionCode | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file to load and the label that reports call it by."""

    path: Path
    label: str


class LineReader:
    """Iterates over a file's lines; `sha256` is of the decompressed bytes, once all are read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes read so far, after decompression: gzip and plain agree."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[Line]:
        self._hash = hashlib.sha256()
        try:
            with self._path.open("rb") as raw:
                magic = raw.read(2)
                raw.seek(0)
                if magic == _GZIP_MAGIC:
                    with gzip.GzipFile(fileobj=raw) as stream:
                        yield from self._lines(cast("IO[bytes]", stream))
                else:
                    yield from self._lines(raw)
        except OSError as error:
            reason = error.strerror or "damaged"
            raise InputUnreadable(f"{self._path}: cannot be read ({reason})") from error

    def _lines(self, stream: IO[bytes]) -> Iterator[Line]:
        number = 0
        while True:
            number += 1
            try:
                data = self._next(stream)
                too_long = len(data) > MAX_LINE
                while too_long and not data.endswith(b"\n") and (more := self._next(stream)):
                    data = more
            except (EOFError, gzip.BadGzipFile, zlib.error):
                yield Line(number, b"", RejectionCode.FILE_TRUNCATED)
                return
            if not data:
                return
            if too_long:
                yield Line(number, b"", RejectionCode.LINE_TOO_LONG)
                continue
            if number == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            yield Line(number, data.rstrip(b"\r\n"))

    def _next(self, stream: IO[bytes]) -> bytes:
        data = stream.readline(MAX_LINE + 1)
        self._hash.update(data)
        return data


def find_sources(places: Path | Sequence[Path], suffixes: tuple[str, ...]) -> list[Source]:
    """The files to load: those given, and those with one of `suffixes` inside a folder given.

    A suffix is matched with and without `.gz`; a file found twice is read once. Labels are names,
    or paths relative to the folder given, and whole paths where two would be alike. Raises
    InputMissing or InputEmpty.
    """
    found: dict[Path, str] = {}
    for place in [places] if isinstance(places, Path) else places:
        if place.is_dir():
            inside = [p for p in sorted(place.rglob("*")) if p.is_file() and _fits(p, suffixes)]
            if not inside:
                raise InputEmpty(f"{place}: holds no file ending in {' or '.join(suffixes)} (.gz)")
            found |= {p.resolve(): p.relative_to(place).as_posix() for p in inside}
        elif place.exists():
            found[place.resolve()] = place.name
        else:
            raise InputMissing(f"{place}: no such file or folder")
    if not found:
        raise InputEmpty("no file or folder was named")
    alike = {label for label, count in Counter(found.values()).items() if count > 1}
    return [Source(p, str(p) if label in alike else label) for p, label in found.items()]


def _fits(path: Path, suffixes: tuple[str, ...]) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return not path.name.startswith(".") and name.endswith(suffixes)
