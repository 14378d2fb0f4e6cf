"""A study's report as PDF, A4, with the same parts as the page."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.lib.utils import ImageReader  # type: ignore[import-untyped]
from reportlab.platypus import (  # type: ignore[import-untyped]
    Flowable,
    Image,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Table as Grid

from study.report_parts import BoardReport, Facts, Figure, Part, Table, Text

_MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=13, spaceAfter=6)
_CELL = ParagraphStyle("cell", _BODY, fontSize=8, leading=10, spaceAfter=0, splitLongWords=1)
_HEAD = ParagraphStyle("head", _CELL, fontName="Helvetica-Bold")
_CAPTION = ParagraphStyle("caption", _BODY, fontSize=9, fontName="Helvetica-Bold", spaceBefore=8)
_TITLE = ParagraphStyle("title", _BODY, fontName="Helvetica-Bold", fontSize=17, leading=21)
_SECTION = ParagraphStyle(
    "section", _BODY, fontName="Helvetica-Bold", fontSize=12.5, leading=16, spaceBefore=14,
    keepWithNext=1,
)  # fmt: skip
_HOLDS = ("#00704a", "#e8f5ef")
_FAILS = ("#b00020", "#fdecea")


def report_pdf(report: BoardReport, figures: Mapping[str, bytes]) -> bytes:
    """The document; the same report gives the same bytes. ``figures``: PNG by name."""
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=report.title,
        author="assent study report",
        lang="en",
        invariant=1,
    )
    story: list[Flowable] = [_words(report.title, _TITLE), Spacer(1, 3 * mm), _verdict(report)]
    for number, section in enumerate(report.sections, start=1):
        story.append(_words(f"{number}. {section.title}", _SECTION))
        for part in section.parts:
            story += _flowables(part, figures)
    foot = partial(_foot, report)
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return buffer.getvalue()


def _words(text: str, style: ParagraphStyle) -> Paragraph:
    # The standard fonts have the characters of Windows-1252.
    known = text.encode("cp1252", "replace").decode("cp1252")
    return Paragraph(escape(known).replace("\n", "<br/>"), style)


def _verdict(report: BoardReport) -> Flowable:
    line, ground = _HOLDS if report.holds else _FAILS
    headline = ParagraphStyle("headline", _TITLE, fontSize=14, leading=18, textColor=line)
    grid = Grid([[[_words(report.headline, headline), _words(report.verdict, _BODY)]]], [_WIDTH])
    grid.setStyle(
        TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), 1 if report.holds else 3, colors.HexColor(line)),
                ("BACKGROUND", (0, 0), (-1, -1), colors.HexColor(ground)),
                ("LEFTPADDING", (0, 0), (-1, -1), 10),
            ]
        )
    )
    return grid


def _flowables(part: Part, figures: Mapping[str, bytes]) -> Iterator[Flowable]:
    match part:
        case Text(words):
            yield _words(words, _BODY)
        case Facts(rows):
            cells = [[_words(name, _HEAD), _words(words, _CELL)] for name, words in rows]
            yield _grid(cells, (1, 4), heading=False)
            yield Spacer(1, 2 * mm)
        case Table():
            cells = [[_words(name, _HEAD) for name in part.columns]]
            cells += [[_words(cell, _CELL) for cell in row] for row in part.rows]
            caption = ParagraphStyle("table", _CAPTION, keepWithNext=1)
            yield _words(part.caption, caption)
            yield _grid(cells, part.widths, heading=True)
            yield Spacer(1, 2 * mm)
        case Figure(name, caption):
            wide, high = ImageReader(io.BytesIO(figures[name])).getSize()
            picture = Image(io.BytesIO(figures[name]), _WIDTH, _WIDTH * high / wide)
            yield KeepTogether([picture, _words(caption, _BODY)])


def _grid(cells: list[list[Paragraph]], widths: tuple[int, ...], *, heading: bool) -> Flowable:
    shares = [_WIDTH * width / sum(widths) for width in widths]
    grid = Grid(cells, shares, repeatRows=1 if heading else 0, hAlign="LEFT")
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEABOVE", (0, 0), (-1, -1), 0.4, colors.HexColor("#c8c8c8")),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
    if heading:
        style.append(("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eeeeee")))
    grid.setStyle(TableStyle(style))
    return grid


def _foot(report: BoardReport, canvas: Any, document: Any) -> None:
    """On every page, so that no page of a report that does not hold is read alone."""
    canvas.saveState()
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(colors.HexColor("#444444" if report.holds else _FAILS[0]))
    canvas.drawString(_MARGIN, 10 * mm, f"{report.title}. {report.headline}")
    canvas.drawRightString(A4[0] - _MARGIN, 10 * mm, str(document.page))
    canvas.restoreState()
