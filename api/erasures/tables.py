"""What patients have asked sites to erase, and what the sites confirmed."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Json, Moment, Number, Word


class Erasure(Base):
    """One request to one site; `request` is the holder's signed ErasureRequest (null: not signed,
    the site asks in person), `confirmation` the site's signed Erased.
    """

    __tablename__ = "erasures"
    __table_args__ = (UniqueConstraint("holder", "study_id", "site"),)

    id: Mapped[Word] = mapped_column(primary_key=True)
    holder: Mapped[Address] = mapped_column(index=True)
    study_id: Mapped[Number]
    site: Mapped[Address] = mapped_column(index=True)
    requested_at: Mapped[Moment]
    request: Mapped[Json | None]
    confirmed_at: Mapped[Moment | None]
    confirmation: Mapped[Json | None]
