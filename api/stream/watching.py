"""One look at the database for all streams of a process: is there anything new?"""

from __future__ import annotations

import asyncio
from collections import Counter

from starlette.concurrency import run_in_threadpool

from api.index import repository
from api.index.events import Change, events_after
from api.service import Service
from api.stream.problems import TooManyStreams

POLL_SECONDS = 0.5
STREAMS_PER_CLIENT = 8
STREAMS_IN_ALL = 1000
_PAGE = 200


class Watch:
    """Streams of one process; made and used in its event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open: Counter[str] = Counter()
        self._looked_at = 0.0
        self._newest = 0
        self._looking = asyncio.Lock()

    def enter(self, client: str) -> None:
        """Counts a stream in. Raises TooManyStreams."""
        if self._open[client] >= STREAMS_PER_CLIENT or self._open.total() >= STREAMS_IN_ALL:
            raise TooManyStreams(
                f"at most {STREAMS_PER_CLIENT} for each client", {"Retry-After": "60"}
            )
        self._open[client] += 1

    def leave(self, client: str) -> None:
        """Counts a stream out."""
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]

    async def newest(self) -> int:
        """The last sequence number, looked up at most once in POLL_SECONDS for all streams."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if now - self._looked_at >= POLL_SECONDS:
                self._newest = await run_in_threadpool(self._look)
                self._looked_at = now
        return self._newest

    async def newest_now(self) -> int:
        """The last sequence number, looked up now."""
        return await run_in_threadpool(self._look)

    async def after(self, sequence: int, study_id: int | None, names: list[str]) -> list[Change]:
        """The next changes of a study and of some kinds."""
        return await run_in_threadpool(self._read, sequence, study_id, names)

    def _look(self) -> int:
        with self._service.sessions() as database:
            database.connection(execution_options={"reads_only": True})
            return repository.last_sequence(database)

    def _read(self, sequence: int, study_id: int | None, names: list[str]) -> list[Change]:
        with self._service.sessions() as database:
            database.connection(execution_options={"reads_only": True})
            return events_after(database, sequence, study_id, _PAGE, names)
