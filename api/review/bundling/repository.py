"""SQL of bundle jobs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.review.bundling.tables import BundleJob

UNFINISHED = ("waiting", "running")
#: A job whose process dies is started again, this often in all.
MOST_ATTEMPTS = 3
#: Older files and reports of a study are dropped before their time when there are more.
MOST_KEPT_OF_A_STUDY = 10


@dataclass(frozen=True)
class BundleMade:
    """What a job made: the block it ends with, its report and its file."""

    block_number: int
    block_hash: bytes
    report: dict[str, Any]
    file_sha256: bytes
    file_bytes: int


def ask(database: Session, study_id: int, now: datetime) -> BundleJob:
    """The study's unfinished job; a new one when there is none."""
    found = _unfinished_of(database, study_id)
    if found is not None:
        return found
    job = BundleJob(
        id=secrets.token_hex(16),
        study_id=study_id,
        state="waiting",
        stage="waiting",
        steps_done=0,
        steps_total=0,
        attempts=0,
        asked_at=now,
    )
    try:
        with database.begin_nested():
            database.add(job)
    except IntegrityError:  # somebody else has asked in the meantime
        return database.scalars(_of_study(study_id)).one()
    return job


def find(database: Session, job_id: str) -> BundleJob | None:
    """A job by its id."""
    return database.scalar(select(BundleJob).where(BundleJob.id == job_id))


def of_study(database: Session, study_id: int, before: int | None, limit: int) -> list[BundleJob]:
    """A study's jobs, newest first; `before` is the `sequence` of the last one seen."""
    query = select(BundleJob).where(BundleJob.study_id == study_id)
    if before is not None:
        query = query.where(BundleJob.sequence < before)
    return list(database.scalars(query.order_by(BundleJob.sequence.desc()).limit(limit)))


def newest_verified(database: Session, study_id: int) -> BundleJob | None:
    """The study's newest job that has a report."""
    return database.scalar(
        select(BundleJob)
        .where(BundleJob.study_id == study_id, BundleJob.state.in_(("done", "expired")))
        .order_by(BundleJob.sequence.desc())
        .limit(1)
    )


def is_work_waiting(database: Session, now: datetime) -> bool:
    """Whether any job is unfinished, or a file's time is over."""
    over = (BundleJob.state == "done") & (BundleJob.kept_until <= now)
    query = select(BundleJob.sequence).where(BundleJob.state.in_(UNFINISHED) | over).limit(1)
    return database.scalar(query) is not None


def take_next(database: Session, now: datetime) -> BundleJob | None:
    """The oldest unfinished job, now running; those that died too often fail.

    Only for who holds the lock on the bundles' folder: whatever is called running then is not.
    """
    query = select(BundleJob).where(BundleJob.state.in_(UNFINISHED)).order_by(BundleJob.sequence)
    for job in database.scalars(query):
        if job.attempts >= MOST_ATTEMPTS:
            _end(job, "failed", now)
            job.reason_code = "interrupted"
            job.reason = f"its process ended {job.attempts} times before it was done"
            continue
        job.state, job.stage = "running", "chain"
        job.steps_done = job.steps_total = 0
        job.attempts += 1
        return job
    return None


def note_progress(database: Session, job_id: str, stage: str, done: int, total: int) -> None:
    """Says how far a running job is."""
    database.execute(
        update(BundleJob)
        .where(BundleJob.id == job_id, BundleJob.state == "running")
        .values(stage=stage, steps_done=done, steps_total=total)
    )


def finish(
    database: Session, job_id: str, made: BundleMade, now: datetime, kept_until: datetime
) -> None:
    """Notes what a job made."""
    job = database.scalars(select(BundleJob).where(BundleJob.id == job_id)).one()
    _end(job, "done", now)
    job.block_number, job.block_hash = made.block_number, made.block_hash
    job.report = made.report
    job.file_sha256, job.file_bytes = made.file_sha256, made.file_bytes
    job.kept_until = kept_until


def fail(database: Session, job_id: str, code: str, reason: str, now: datetime) -> None:
    """Notes why a job made nothing."""
    job = database.scalars(select(BundleJob).where(BundleJob.id == job_id)).one()
    _end(job, "failed", now)
    job.reason_code, job.reason = code, reason


def expire(database: Session, now: datetime) -> None:
    """Ends the keeping of files whose time is over; of a study's oldest also their reports."""
    ended = database.execute(
        select(BundleJob.sequence, BundleJob.study_id, BundleJob.state, BundleJob.kept_until)
        .where(BundleJob.state.in_(("done", "expired")))
        .order_by(BundleJob.sequence.desc())
    )
    seen: dict[int, int] = {}
    over, too_old = [], []
    for sequence, study_id, state, kept_until in ended:
        seen[study_id] = seen.get(study_id, 0) + 1
        is_old = seen[study_id] > MOST_KEPT_OF_A_STUDY
        if is_old:
            too_old.append(sequence)
        if state == "done" and (is_old or kept_until is None or kept_until <= now):
            over.append(sequence)
    _change(database, over, state="expired")
    _change(database, too_old, report=null())


def files_kept(database: Session) -> set[bytes]:
    """SHA-256 of every file that a job still has."""
    query = select(BundleJob.file_sha256).where(BundleJob.state == "done")
    return {found for found in database.scalars(query) if found is not None}


def _unfinished_of(database: Session, study_id: int) -> BundleJob | None:
    return database.scalar(_of_study(study_id))


def _of_study(study_id: int) -> Select[BundleJob]:
    return select(BundleJob).where(BundleJob.study_id == study_id, BundleJob.state.in_(UNFINISHED))


def _end(job: BundleJob, state: str, now: datetime) -> None:
    job.state, job.stage, job.ended_at = state, state, now


def _change(database: Session, sequences: list[int], **values: Any) -> None:
    if sequences:
        database.execute(
            update(BundleJob).where(BundleJob.sequence.in_(sequences)).values(**values)
        )
