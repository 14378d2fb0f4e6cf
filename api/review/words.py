"""Facts in words: what a person reads beside the numbers."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """One subject and what is to be said of it, in plain words."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"subject": "smallest cohort", "words": "5 patients"}}
    )

    subject: str
    words: str


def facts(pairs: Iterable[tuple[str, str]]) -> list[Fact]:
    """(subject, sentence) pairs as `Fact`s."""
    return [Fact(subject=subject, words=words) for subject, words in pairs]
