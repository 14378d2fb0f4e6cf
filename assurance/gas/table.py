"""The committed table, what it must show, and how another measurement differs from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assurance.gas.holders import KINDS
from assurance.gas.measure import FEW, LARGE, MANY, SMALL

FILE = Path(__file__).with_name("table.json")
HOW_TO_WRITE = "Run `python -m assurance.gas --write`, and say in the commit why the cost changed."

TOLERANCE = 0.01
"""Relative. Calldata varies a little: a zero byte costs 4 gas, another byte 16."""

_SCHEMA = "assent-gas-1"


@dataclass(frozen=True)
class Comparison:
    """One of our acts beside the peer's; the aim is the largest ratio, None where there is none."""

    ours: str
    peers: str
    aim: float | None


COMPARISONS = (
    Comparison(f"grantBySig/eoa, {FEW} tokens", "attestByDelegation, as a grant", 0.6),
    Comparison(f"grantBySig/eoa, {FEW} tokens", "attestByDelegation, least", 0.6),
    Comparison("grantBySig/eoa, first at a site", "attestByDelegation, as a grant", None),
    Comparison("grantBySig/eoa, first at a site", "attestByDelegation, least", None),
    Comparison(f"revokeBySig/eoa, {FEW} tokens", "revokeByDelegation, as a grant", 0.8),
    Comparison(f"revokeBySig/eoa, {FEW} tokens", "revokeByDelegation, least", 0.8),
)

SAME_AT_SCALE = (
    *(f"{act}, {sites} sites" for sites in (SMALL, LARGE) for act in ("open", "commit", "seal")),
    *(f"close, {sites} sites" for sites in (SMALL, LARGE)),
    *(f"{act}BySig/{kind}" for act in ("grant", "revoke") for kind in KINDS),
)
"""Acts that cost as much with many tokens at a site as with few."""


class NoTable(Exception):
    """There is no table to compare with; the message says what to do."""


def read_table(path: Path = FILE) -> dict[str, int]:
    """Gas by key. Raises `NoTable`."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema"] != _SCHEMA:
            raise ValueError(f"its schema is {value['schema']!r}")
        return {str(key): int(gas) for key, gas in value["gas"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoTable(f"{path.name} cannot be read ({error}). {HOW_TO_WRITE}") from error


def table_text(gas: Mapping[str, int]) -> str:
    """The file's content."""
    return json.dumps({"schema": _SCHEMA, "gas": dict(gas)}, indent=1) + "\n"


def differences(
    table: Mapping[str, int], gas: Mapping[str, int], *, partly: bool = False
) -> list[str]:
    """A sentence for each number that is missing, new, or off by more than `TOLERANCE`.

    `partly`: the measurement need not hold all that the table does.
    """
    found = [f"{key}: not in the table, {gas[key]:,} now" for key in gas if key not in table]
    for key, was in table.items():
        now = gas.get(key)
        if now is None:
            if not partly:
                found.append(f"{key}: {was:,} in the table, not measured now")
        elif not is_close(was, now):
            found.append(f"{key}: {was:,} in the table, {now:,} now ({now / was - 1:+.1%})")
    return found


def shortfalls(gas: Mapping[str, int]) -> list[str]:
    """A sentence for each thing that the table must show and does not. Raises KeyError."""
    found = []
    for compared in COMPARISONS:
        ratio = gas[compared.ours] / gas[compared.peers]
        if compared.aim is not None and ratio > compared.aim:
            found.append(
                f"{compared.ours}: {ratio:.3f} of {compared.peers}, more than {compared.aim}"
            )
    for act in SAME_AT_SCALE:
        few, many = gas[f"{act}, {FEW} tokens"], gas[f"{act}, {MANY} tokens"]
        if not is_close(few, many):
            found.append(f"{act}: {few:,} at {FEW} tokens a site, {many:,} at {MANY:,}")
    return found


def is_close(one: int, other: int) -> bool:
    """Whether two costs differ by no more than `TOLERANCE` of the first."""
    return abs(other - one) <= TOLERANCE * one
