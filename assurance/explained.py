"""Findings that are as they should be, each with its reason, in explained.toml.

A finding is named by its detector and the element that it is about, never by a line. `count` is
how many findings share that name, so that one more is noticed.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assurance.outcome import CheckError

FILE = Path(__file__).parent / "explained.toml"


@dataclass(frozen=True, order=True)
class Finding:
    """What an analyser says of one element; `says` is its message."""

    detector: str
    element: str
    says: str = ""


def problems(findings: Iterable[Finding], tool: str, path: Path = FILE) -> list[str]:
    """A sentence for each finding that is not explained, and each explanation of none.

    `tool` is the table of the file that holds its explanations. Raises CheckError when the file
    is not what it must be.
    """
    found = sorted(findings)
    counts = Counter((finding.detector, finding.element) for finding in found)
    explained = _read(path, tool)
    wrong = []
    for name, count in sorted(counts.items()):
        expected = explained.get(name, 0)
        if count > expected:
            says = next(f.says for f in found if (f.detector, f.element) == name)
            more = f" ({count}, of which {expected} are explained)" if expected else ""
            wrong.append(f"{name[0]} in {name[1]} is not explained{more}: {says}")
    for name, expected in sorted(explained.items()):
        if counts[name] < expected:
            wrong.append(
                f"{path.name} explains {expected} of {name[0]} in {name[1]}, "
                f"and there are {counts[name]}: correct it."
            )
    return wrong


def _read(path: Path, tool: str) -> dict[tuple[str, str], int]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get(tool, [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CheckError(f"{path.name} cannot be read: {error}") from error
    explained: dict[tuple[str, str], int] = {}
    for entry in entries:
        reason = entry.get("reason")
        if not isinstance(reason, str) or len(reason.split()) < 3:
            raise CheckError(f"{path.name}: an entry of {tool} has no reason: {entry}")
        for element in entry["elements"]:
            name = (entry["detector"], element)
            if name in explained:
                raise CheckError(f"{path.name} explains {name[0]} in {name[1]} twice.")
            explained[name] = entry.get("count", 1)
    return explained
