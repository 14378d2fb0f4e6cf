"""`python -m api.review.bundling`: does the bundle jobs that wait, one after another, and ends.

A process of its own, with the lowest claim to the processor: gathering and verifying a long study
takes minutes, and neither the web process nor the relayer may wait for it. A job is left as it is
when this process dies, and begun anew by the next one.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import structlog

from api.database.opening import DatabaseUnusable
from api.observability.logs import configure_logs
from api.review.bundling import repository
from api.review.bundling.folder import BundleFolder, FolderBusy
from api.review.bundling.gathering import BundleFailed, make_bundle
from api.service import Service
from api.settings import UNUSABLE, SettingsRefused, read_settings

_log = structlog.get_logger("bundling")


def main() -> int:
    """Works until nothing waits; 0 also when another process does so already."""
    try:
        settings = read_settings()
    except SettingsRefused as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    configure_logs()
    os.nice(10)
    try:
        service = Service.start(settings)
    except DatabaseUnusable as error:
        print(f"No bundle was gathered: {error}", file=sys.stderr)
        return UNUSABLE
    try:
        work(service)
    finally:
        service.close()
    return 0


def work(service: Service) -> None:
    """Does every job that waits, and removes files whose time is over."""
    folder = BundleFolder(service.settings.bundle_folder)
    try:
        with folder.locked():
            _tidy(service, folder)
            while _do_next(service, folder):
                _tidy(service, folder)
    except FolderBusy:
        _log.info("another process gathers bundles")


def _tidy(service: Service, folder: BundleFolder) -> None:
    with service.sessions.begin() as database:
        repository.expire(database, service.clock())
        kept = repository.files_kept(database)
    folder.remove_all_but(kept)


def _do_next(service: Service, folder: BundleFolder) -> bool:
    with service.sessions.begin() as database:
        job = repository.take_next(database, service.clock())
    if job is None:
        return False

    def tell(stage: str, done: int, total: int) -> None:
        with service.sessions.begin() as database:
            repository.note_progress(database, job.id, stage, done, total)

    try:
        made = make_bundle(service, folder, job.study_id, tell)
    except BundleFailed as error:
        _log.warning("bundle failed", study=job.study_id, code=error.code)
        with service.sessions.begin() as database:
            repository.fail(database, job.id, error.code, str(error), service.clock())
    else:
        now = service.clock()
        until = now + timedelta(days=service.settings.bundle_days)
        _log.info("bundle made", study=job.study_id, bytes=made.file_bytes)
        with service.sessions.begin() as database:
            repository.finish(database, job.id, made, now, until)
    return True


if __name__ == "__main__":
    sys.exit(main())
