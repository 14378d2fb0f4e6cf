"""SQL of what reviewers look up."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.index.tables import IndexedEvent


def studies_seating(database: Session, reviewer: str) -> list[int]:
    """Studies whose committee an account was ever of, ascending; the chain says whether it is."""
    proposed = select(IndexedEvent.study_id, IndexedEvent.values).where(
        IndexedEvent.name == "StudyProposed"
    )
    replaced = select(IndexedEvent.study_id, IndexedEvent.values).where(
        IndexedEvent.name == "ReviewerReplaced"
    )
    found = {
        study for study, values in database.execute(proposed) if reviewer in values["reviewers"]
    } | {study for study, values in database.execute(replaced) if values["incoming"] == reviewer}
    return sorted(found)
