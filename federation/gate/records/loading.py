"""What the FHIR and the LIS loader share: reports, rejected lines and progress."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from federation.gate.records.errors import InputChanged
from federation.gate.records.lines import Line, LineReader, Progress, Source
from federation.gate.records.rejections import Refused, Rejection
from federation.gate.records.report import LoadReport
from federation.gate.records.store import RecordStore

PROGRESS_EVERY: Final = 1000


class Load:
    """One load in progress: its report, and the files' digests once each was read through."""

    def __init__(self, store: RecordStore, progress: Progress | None) -> None:
        self.report = LoadReport()
        self.sha256: dict[Path, str] = {}
        self._store = store
        self._progress = progress

    def digest_of(self, source: Source) -> str:
        """SHA-256 of a file's decompressed bytes, read through once."""
        reader = LineReader(source.path)
        for _ in reader:
            pass
        self.sha256[source.path] = reader.sha256
        return reader.sha256

    def lines(self, source: Source) -> Iterator[Line]:
        """A file's lines that are not blank.

        Raises InputChanged at the end when the file is not what an earlier reading saw.
        """
        reader = LineReader(source.path)
        number = 0
        for line in reader:
            number = line.number
            if number % PROGRESS_EVERY == 0 and self._progress is not None:
                self._progress(source.label, number)
            if line.problem is not None or line.data.strip():
                yield line
        if self._progress is not None:
            self._progress(source.label, number)
        self.report.files[source.label] = number
        if self.sha256.setdefault(source.path, reader.sha256) != reader.sha256:
            raise InputChanged(
                f"{source.label}: changed while it was being loaded; nothing was kept, load it"
                " again once it is complete"
            )

    def reject(
        self, source: Source, line: int, resource: str, identity: str | None, refused: Refused
    ) -> None:
        """Put a refused line into the report."""
        hidden = self._store.resource_hash(identity) if identity else ""
        self.report.reject(
            Rejection(source.label, line, resource, hidden, refused.code, refused.message())
        )
