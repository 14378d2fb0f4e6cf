"""Measuring anew, and what comes of it: a table that still holds, or one that is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assurance.gas import page, table
from assurance.gas.measure import MANY, measure_all


@dataclass(frozen=True)
class GasResult:
    """`problems` are sentences; there are none when the table holds. `gas` is by act."""

    gas: Mapping[str, int]
    reading_seconds: float
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the table holds."""
        return not self.problems

    def summary(self) -> str:
        """One line: the ratios to the peer, and the time to read a cohort here."""
        ratios = [
            f"{compared.ours}: {self.gas[compared.ours] / self.gas[compared.peers]:.3f} of "
            f"{compared.peers}"
            for compared in table.COMPARISONS
        ]
        reading = f"{MANY:,} tokens read in {self.reading_seconds:.1f} s"
        return "; ".join([*ratios, reading])


def run(check: bool) -> GasResult:
    """Measures (minutes), then compares with the committed table, or writes it and docs/gas.md.

    A result with problems also comes of a table, written or not, that does not show what it must.
    Raises NoTable before measuring, SetupError when the peer cannot be had, and what the contracts
    refuse with.
    """
    committed = table.read_table() if check else {}
    measured = measure_all()
    problems = table.shortfalls(measured.gas)
    if check:
        changed = table.differences(committed, measured.gas)
        changed += _stale(page.FILE, page.page(committed)) if not changed else []
        problems += [*changed, table.HOW_TO_WRITE] if changed else []
    else:
        table.FILE.write_text(table.table_text(measured.gas), encoding="utf-8")
        page.FILE.write_text(page.page(measured.gas), encoding="utf-8")
    return GasResult(measured.gas, measured.reading_seconds, tuple(problems))


def _stale(path: Path, text: str) -> list[str]:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return []
    return [f"{path.name} does not say what assurance/gas/table.json does"]
