"""SQL of what a site looks up."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.index.tables import IndexedEvent


def studies_naming(database: Session, site: str) -> list[int]:
    """Studies of which any version names a site, ascending."""
    proposed = select(IndexedEvent.study_id, IndexedEvent.values).where(
        IndexedEvent.name == "VersionProposed"
    )
    return sorted(
        {study for study, values in database.execute(proposed) if site in values["terms"]["sites"]}
    )
