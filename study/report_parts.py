"""What a report is made of, whatever it is written as: HTML and PDF show the same parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMES = ("round", "version", "terms")
"""Columns whose numbers name something: they are read as words."""
_NUMBER = re.compile(r"[\d.,]+( of [\d.,]+)?|none|–")


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    words: str


@dataclass(frozen=True)
class Facts:
    """(subject, words) pairs; a line feed in the words begins a new line."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Columns of words; ``widths``: their shares of the page, of any sum."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers alone, and are set to the right."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return tuple(
            name not in _NAMES
            and any(column)
            and all(_NUMBER.fullmatch(cell) for cell in column if cell)
            for name, column in zip(self.columns, columns, strict=True)
        )


@dataclass(frozen=True)
class Figure:
    """A picture by its name, and what it shows in a sentence, for who cannot see it too."""

    name: str
    caption: str


@dataclass(frozen=True)
class Quote:
    """A document's own words, under what they are; a blank line begins a new paragraph."""

    caption: str
    words: str


Part = Text | Facts | Table | Figure | Quote


@dataclass(frozen=True)
class Section:
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class BoardReport:
    """The whole. ``holds``: whether every check does; ``verdict``: heading and sentences."""

    title: str
    holds: bool
    headline: str
    verdict: str
    sections: tuple[Section, ...]
