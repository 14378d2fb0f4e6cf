"""A study's report as PDF, A4, with the same parts as the page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors  # type: ignore[import-untyped]
from reportlab.lib.enums import TA_RIGHT  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.platypus import (  # type: ignore[import-untyped]
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Table as Grid

from study.report_parts import BoardReport, Facts, Figure, Part, Quote, Table, Text

_MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=13, spaceAfter=6)
_CELL = ParagraphStyle("cell", _BODY, fontSize=8, leading=10, spaceAfter=0, splitLongWords=1)
_NUMBER = ParagraphStyle("number", _CELL, alignment=TA_RIGHT)
_HEAD = ParagraphStyle("head", _CELL, fontName="Helvetica-Bold")
_NUMBER_HEAD = ParagraphStyle("number-head", _HEAD, alignment=TA_RIGHT)
_CAPTION = ParagraphStyle("caption", _BODY, fontSize=9, fontName="Helvetica-Bold", spaceBefore=8)
_TITLE = ParagraphStyle("title", _BODY, fontName="Helvetica-Bold", fontSize=17, leading=21)
_SECTION = ParagraphStyle(
    "section", _BODY, fontName="Helvetica-Bold", fontSize=12.5, leading=16, spaceBefore=14,
)  # fmt: skip
_HOLDS = ("#00704a", "#e8f5ef")
_FAILS = ("#b00020", "#fdecea")
_QUOTE = ParagraphStyle("quote", _BODY, leftIndent=12, rightIndent=12, spaceAfter=5)
_NOT_HERE = (
    "(This text has letters that the fonts of this document lack: read it in report.html, or in the"
    " bundle.)"
)


def report_pdf(report: BoardReport, figures: Mapping[str, Any]) -> bytes:
    """The document; the same report gives the same bytes. ``figures``: Drawings by name."""
    buffer = io.BytesIO()
    document = _Document(
        buffer,
        pagesize=A4,
        title=report.title,
        author="assent study report",
        lang="en",
        invariant=1,
    )
    frame = Frame(_MARGIN, _MARGIN, _WIDTH, A4[1] - 2 * _MARGIN, 0, 0, 0, 0)
    foot = partial(_foot, report)
    document.addPageTemplates([PageTemplate(frames=[frame], onPage=foot)])
    story: list[Flowable] = [_words(report.title, _TITLE), Spacer(1, 3 * mm), _verdict(report)]
    tables, pictures = count(1), count(1)
    for number, section in enumerate(report.sections, start=1):
        story += [CondPageBreak(35 * mm), _words(f"{number}. {section.title}", _SECTION)]
        for part in section.parts:
            story += _flowables(part, figures, tables, pictures)
    document.build(story)
    return buffer.getvalue()


class _Document(BaseDocTemplate):  # type: ignore[misc]
    """With its sections as bookmarks."""

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802, reportlab's name
        if getattr(flowable, "style", None) is _SECTION:
            title = flowable.getPlainText()
            self.canv.bookmarkPage(title)
            self.canv.addOutlineEntry(title, title, 0)


def _words(text: str, style: ParagraphStyle) -> Paragraph:
    # The standard fonts have the characters of Windows-1252.
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        text = _NOT_HERE
    return Paragraph(escape(text).replace("\n", "<br/>"), style)


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


def _flowables(
    part: Part, figures: Mapping[str, Any], tables: Iterator[int], pictures: Iterator[int]
) -> Iterator[Flowable]:
    match part:
        case Text(words):
            yield _words(words, _BODY)
        case Facts(rows):
            cells = [[_words(name, _HEAD), _words(words, _CELL)] for name, words in rows]
            yield _grid(cells, (1, 4))
            yield Spacer(1, 2 * mm)
        case Table():
            heads = [_NUMBER_HEAD if numeric else _HEAD for numeric in part.numeric]
            styles = [_NUMBER if numeric else _CELL for numeric in part.numeric]
            cells = [[_words(*one) for one in zip(part.columns, heads, strict=True)]]
            cells += [[_words(*one) for one in zip(row, styles, strict=True)] for row in part.rows]
            caption = _words(f"Table {next(tables)}. {part.caption}", _CAPTION)
            yield _grid(cells, part.widths, caption, part.numeric)
            yield Spacer(1, 2 * mm)
        case Figure(name, words):
            caption = Paragraph(f"<b>Figure {next(pictures)}.</b> {escape(words)}", _BODY)
            yield KeepTogether([Spacer(1, 2 * mm), figures[name], caption])
        case Quote(caption, words):
            yield _words(caption, ParagraphStyle("quoted", _CAPTION, keepWithNext=1))
            for paragraph in re.split(r"\n\s*\n", words.replace("\r\n", "\n").strip()):
                yield _words(paragraph, _QUOTE)


def _grid(
    cells: list[list[Paragraph]],
    widths: tuple[int, ...],
    caption: Paragraph | None = None,
    numeric: tuple[bool, ...] = (),
) -> Flowable:
    """``caption``: of a table, whose first row is its heading; both are on each of its pages."""
    shares = [_WIDTH * width / sum(widths) for width in widths]
    rows = cells if caption is None else [[caption, *[""] * (len(widths) - 1)], *cells]
    grid = Grid(rows, shares, repeatRows=0 if caption is None else 2, hAlign="LEFT")
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEABOVE", (0, 0), (-1, -1), 0.4, colors.HexColor("#c8c8c8")),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
    if caption is not None:
        style += [
            ("SPAN", (0, 0), (-1, 0)),
            ("LINEABOVE", (0, 0), (-1, 0), 0.4, colors.white),
            ("LEFTPADDING", (0, 0), (-1, 0), 0),
            ("BACKGROUND", (0, 1), (-1, 1), colors.HexColor("#eeeeee")),
        ]
    columns = [place for place, is_number in enumerate(numeric) if is_number]
    style += [("RIGHTPADDING", (place, 1), (place, -1), 9) for place in columns]
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
