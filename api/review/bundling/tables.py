"""Jobs that gather evidence bundles, and what they made."""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Base, Hash, Json, Moment, Number, Word

_UNFINISHED = text("state IN ('waiting', 'running')")


class BundleJob(Base):
    """One bundle of a study. Of each study at most one job is unfinished.

    `state`: waiting, running, done, failed, or expired: done, and its file is gone. `stage` and
    both step counts say how far a running one is. `attempts` counts starts: a job whose process
    died is started again, but not for ever. `report` is what `assent verify --json` prints.
    """

    __tablename__ = "bundle_jobs"
    __table_args__ = (
        Index(
            "uq_bundle_jobs_unfinished",
            "study_id",
            unique=True,
            sqlite_where=_UNFINISHED,
            postgresql_where=_UNFINISHED,
        ),
        Index("ix_bundle_jobs_study", "study_id", "sequence"),
        Index("ix_bundle_jobs_queue", "state", "sequence"),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[Word] = mapped_column(unique=True)
    study_id: Mapped[Number]
    state: Mapped[Word]
    stage: Mapped[Word]
    steps_done: Mapped[Number]
    steps_total: Mapped[Number]
    attempts: Mapped[int]
    asked_at: Mapped[Moment]
    ended_at: Mapped[Moment | None]
    block_number: Mapped[Number | None]
    block_hash: Mapped[Hash | None]
    report: Mapped[Json | None]
    file_sha256: Mapped[Hash | None]
    file_bytes: Mapped[Number | None]
    kept_until: Mapped[Moment | None]
    reason_code: Mapped[Word | None]
    reason: Mapped[str | None]
