"""The worker process: `python -m api.worker`, configured by the environment (`api.settings`).

Reads the chain into the index, carries signed acts to it, and delivers webhooks, each in a thread
of its own; evidence bundles are gathered by a process that it starts. It alone holds the relayer's
key. SIGTERM ends it after what each is doing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError

from api.database.opening import DatabaseUnusable
from api.index.errors import IndexRefused
from api.index.indexer import Indexer
from api.observability.logs import configure_logs
from api.outbox.relayer import Relayer
from api.outbox.starting import RelayerRefused, start_relayer
from api.review.bundling.supervising import Bundling
from api.service import Service
from api.settings import UNUSABLE, SettingsRefused, read_settings
from api.tidying import Tidying
from api.webhooks.deliverer import Deliverer
from api.worker_lock import AnotherWorker, WorkerLock, lock_worker
from chain.errors import ChainError, ChainUnreachable

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_INDEX_PAUSE, _RELAY_PAUSE, _BUNDLING_PAUSE = 0.5, 0.05, 1.0
_WEBHOOKS_PAUSE, _TIDYING_PAUSE = 1.0, 3600.0
#: Passes are so far apart (s) however much there is to do: what comes meanwhile is carried, or
#: read, together, and whoever waits for an answer shares the node and the database with few.
_INDEX_APART, _RELAY_APART = 0.25, 0.2

# Nothing here may go on after these.
_FINAL = (AnotherWorker, IndexRefused, RelayerRefused)

_log = structlog.get_logger("worker")


class Loop:
    """Calls `run_once` again and again: after `pause` (s) without work, else as soon as it may.

    From one beginning to the next there are at least `apart` (s), so a pass that took longer is
    followed at once.
    """

    def __init__(
        self, name: str, run_once: Callable[[], int], pause: float, apart: float = 0.0
    ) -> None:
        self.name, self._run_once, self._pause, self._apart = name, run_once, pause, apart

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; what is away is tried again later and later. Raises what is in `_FINAL`."""
        wait = _FIRST_PAUSE
        while not stop.is_set():
            began = time.monotonic()
            try:
                if self._run_once():
                    stop.wait(max(0.0, began + self._apart - time.monotonic()))
                else:
                    stop.wait(self._pause)
                wait = _FIRST_PAUSE
            except _FINAL:
                raise
            except (ChainError, DBAPIError) as error:
                # Not its text, which may hold what was sent.
                _log.warning("away", loop=self.name, kind=type(error).__name__)
            except Exception as error:  # noqa: BLE001, one defect must not end the others
                _log.error("defect", loop=self.name, kind=type(error).__name__, exc_info=error)
            else:
                continue
            stop.wait(wait)
            wait = min(2 * wait, _LONGEST_PAUSE)


class Relay:
    """The relayer, made once the chain answers, and run only while the worker's lock is held."""

    def __init__(self, service: Service, lock: WorkerLock) -> None:
        """Raises RelayerRefused, ChainError (other than the node being away)."""
        self._service, self._lock = service, lock
        self._relayer: Relayer | None = None
        try:
            self._relayer = start_relayer(service)
        except ChainUnreachable:
            _log.warning("away", loop="relayer", kind="ChainUnreachable")

    def run_once(self) -> int:
        """See `Relayer.run_once`."""
        self._lock.ensure()
        if self._relayer is None:
            self._relayer = start_relayer(self._service)
        return 0 if self._relayer is None else self._relayer.run_once()


def main() -> int:
    """Works until it is told to stop; returns the exit status."""
    try:
        settings = read_settings()
    except SettingsRefused as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    configure_logs()
    os.nice(settings.worker_niceness)
    try:
        service = Service.start(settings)
    except DatabaseUnusable as error:
        print(f"The worker was not started: {error}", file=sys.stderr)
        return UNUSABLE
    try:
        lock = lock_worker(service.engine)
        try:
            return work(service, lock)
        finally:
            lock.release()
    except (*_FINAL, ChainError) as error:
        print(f"The worker was not started, or has ended: {error}", file=sys.stderr)
        return UNUSABLE
    finally:
        service.close()


def work(service: Service, lock: WorkerLock) -> int:
    """Runs the loops until SIGTERM or SIGINT. Raises RelayerRefused, AnotherWorker, ChainError."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    bundling = Bundling(service)
    loops = [
        Loop("indexer", Indexer(service).run_once, _INDEX_PAUSE, _INDEX_APART),
        Loop("bundling", bundling.run_once, _BUNDLING_PAUSE),
        Loop("webhooks", Deliverer(service).run_once, _WEBHOOKS_PAUSE),
        Loop("tidying", Tidying(service).run_once, _TIDYING_PAUSE),
    ]
    if service.settings.relayer_key is not None:
        relay = Relay(service, lock)
        loops.append(Loop("relayer", relay.run_once, _RELAY_PAUSE, _RELAY_APART))
    ended: list[BaseException] = []

    def run(loop: Loop) -> None:
        try:
            loop.run(stop)
        except BaseException as error:  # noqa: BLE001, told by the main thread
            ended.append(error)
            stop.set()

    threads = [threading.Thread(target=run, args=[loop], name=loop.name) for loop in loops]
    for thread in threads:
        thread.start()
    _log.info("working", loops=[loop.name for loop in loops])
    while not stop.wait(1.0):
        pass
    for thread in threads:
        thread.join()
    bundling.close()
    if ended:
        raise ended[0]
    return 0


if __name__ == "__main__":
    sys.exit(main())
