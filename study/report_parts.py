"""What a report is made of, whatever it is written as: HTML and PDF show the same parts."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Figure:
    """A picture by its name, and what it shows in a sentence, for who cannot see it too."""

    name: str
    caption: str


Part = Text | Facts | Table | Figure


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
