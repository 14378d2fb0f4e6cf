"""Offers of an enrolment, under a locator that tells nothing of the code."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Bytes, Hash, Moment, Number


class EnrolmentOffer(Base):
    """One offer; `holder` and `claim` once somebody claimed it, `sealed` once the site answered."""

    __tablename__ = "enrolment_offers"

    locator: Mapped[Hash] = mapped_column(primary_key=True)
    study_id: Mapped[Number]
    site: Mapped[Address] = mapped_column(index=True)
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment] = mapped_column(index=True)
    holder: Mapped[Address | None] = mapped_column(index=True)
    claim: Mapped[Hash | None]
    sealed: Mapped[Bytes | None]
