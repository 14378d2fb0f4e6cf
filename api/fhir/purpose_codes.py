"""A map of purposes as FHIR codings (docs/purposes.md says what each bit means).

Uses and activities are `provision.purpose`: any of them is permitted. Conditions restrict, and a
reader that does not know one must not take the consent for a wider one, so each is a
`modifierExtension`. The disease narrows DS alone and stands at that coding.
"""

from __future__ import annotations

from typing import Any

from api.fhir.naming import DUO_SYSTEM, MONDO_SYSTEM, Naming
from audit.data_use import ACTIVITIES, USES
from chain.messages import Purpose

ACTIVITY_CODES = {Purpose.TRAINING: "training", Purpose.EVALUATION: "evaluation"}


def purpose_codings(purposes: int, disease: int, naming: Naming) -> list[dict[str, Any]]:
    """Every use and activity of a map, by bit. ``disease`` is a MONDO number, 0: none."""
    return [_coding(bit, disease, naming) for bit in _bits(purposes & (USES | ACTIVITIES))]


def conditions(purposes: int, naming: Naming) -> list[dict[str, Any]]:
    """Every condition of a map as a modifier extension, by bit."""
    url = naming.extension("condition")
    return [
        {"url": url, "valueCoding": duo_coding(bit)}
        for bit in _bits(purposes & ~(USES | ACTIVITIES))
    ]


def duo_coding(bit: int) -> dict[str, Any]:
    """Bit n is the term DUO:000000n."""
    return {"system": DUO_SYSTEM, "code": f"DUO:{bit:07d}"}


def _coding(bit: int, disease: int, naming: Naming) -> dict[str, Any]:
    purpose = Purpose(1 << bit)
    if purpose in ACTIVITY_CODES:
        return {"system": naming.code_system("activity"), "code": ACTIVITY_CODES[purpose]}
    coding = duo_coding(bit)
    if purpose is Purpose.DISEASE_SPECIFIC_RESEARCH:
        mondo = {"system": MONDO_SYSTEM, "code": f"MONDO:{disease:07d}"}
        coding["extension"] = [{"url": naming.extension("disease"), "valueCoding": mondo}]
    return coding


def _bits(purposes: int) -> list[int]:
    return [bit for bit in range(64) if purposes >> bit & 1]
