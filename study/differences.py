"""What differs between two versions of a study's terms, and whether patients must consent anew."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

from audit.rules import needs_fresh_consent
from chain.messages import Terms
from study.data_use_text import (
    describe_conditions,
    describe_disease,
    describe_purposes,
)


@dataclass(frozen=True)
class Difference:
    """One member of the terms, as it was and as it is."""

    member: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """All differences; `fresh_consent`: tokens granted before do not count afterwards."""

    differences: tuple[Difference, ...]
    fresh_consent: bool


def compare_terms(before: Terms, after: Terms) -> Comparison:
    """Compares two versions by the registry's rules (contracts/TermsRules.sol)."""
    names = [field.name for field in fields(Terms)]
    found = (
        Difference(name, _shown(name, getattr(before, name)), _shown(name, getattr(after, name)))
        for name in names
        if getattr(before, name) != getattr(after, name)
    )
    return Comparison(tuple(found), needs_fresh_consent(before, after))


def _shown(name: str, value: object) -> str:
    if name == "purposes" and isinstance(value, int):
        return ", ".join([*describe_purposes(value), *describe_conditions(value)])
    if name == "disease" and isinstance(value, int):
        return describe_disease(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return "\n".join(value)
    return value.name.lower() if isinstance(value, IntEnum) else str(value)
