"""The figures of a study's report, each drawn once: vectors in the PDF, SVG on the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from reportlab.graphics import renderSVG  # type: ignore[import-untyped]
from reportlab.graphics.shapes import (  # type: ignore[import-untyped]
    Drawing,
    Line,
    Polygon,
    Rect,
    String,
)
from reportlab.lib import colors  # type: ignore[import-untyped]

from audit.times import date_time
from study.board_report_glance import count
from study.board_report_rounds import COHORT_FIGURE, PRIVACY_FIGURE, TIMELINE_FIGURE
from study.evidence_facts import Act, StudyFacts

WIDTH: Final = 490
"""Points (1/72 inch): what an A4 page has between its margins."""
_KEY = 128
_SITES = 52
_SIZE = 8.5
_FONT = "Helvetica"
_LANES = ("approvals", "rounds", "withdrawals", "faults")
# Okabe and Ito (2008): told apart by colour-blind readers too; shapes differ besides.
_STATES = {
    "closed": "#0072B2",
    "retired": "#56B4E9",
    "aborted": "#D55E00",
    "sealed": "#E69F00",
    "open": "#999999",
}
_MARKS = {
    "version proposed": ("square", "#999999"),
    "approval": ("up", "#0072B2"),
    "version in force": ("plus", "#009E73"),
    "study suspended": ("cross", "#D55E00"),
    "study resumed": ("diamond", "#009E73"),
    "reviewer replaced": ("diamond", "#CC79A7"),
    "rollback": ("left", "#E69F00"),
    "consent ended": ("down", "#CC79A7"),
    "site barred": ("cross", "#D55E00"),
    "site readmitted": ("diamond", "#009E73"),
    "no answer": ("square", "#D55E00"),
}
_OUTLINES: dict[str, tuple[float, ...]] = {
    "square": (-1, -1, 1, -1, 1, 1, -1, 1),
    "diamond": (0, -1.3, 1.3, 0, 0, 1.3, -1.3, 0),
    "up": (-1.2, -1, 1.2, -1, 0, 1.2),
    "down": (-1.2, 1, 1.2, 1, 0, -1.2),
    "left": (1, -1.2, 1, 1.2, -1.2, 0),
    "plus": (-0.4, -1.3, 0.4, -1.3, 0.4, -0.4, 1.3, -0.4, 1.3, 0.4, 0.4, 0.4, 0.4, 1.3, -0.4, 1.3,
             -0.4, 0.4, -1.3, 0.4, -1.3, -0.4, -0.4, -0.4),
    "cross": (-1.2, -0.7, -0.7, -1.2, 0, -0.5, 0.7, -1.2, 1.2, -0.7, 0.5, 0, 1.2, 0.7, 0.7, 1.2, 0,
              0.5, -0.7, 1.2, -1.2, 0.7, -0.5, 0),
}  # fmt: skip
_LABEL = 24
"""Points that a column's number needs; where columns are narrower, every second, third, ... has
one."""
_NARROW = 5
"""Points under which columns touch each other: gaps between them would only flicker."""


def drawing(name: str, study: StudyFacts) -> Any:
    """One figure, a reportlab Drawing WIDTH points wide."""
    draw: dict[str, Callable[[StudyFacts], Any]] = {
        PRIVACY_FIGURE: _privacy,
        COHORT_FIGURE: _cohorts,
        TIMELINE_FIGURE: _timeline,
    }
    return draw[name](study)


def as_svg(name: str, figure: Any) -> str:
    """A figure as an SVG element that refers to nothing outside of it."""
    text = renderSVG.drawToString(figure)
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<(title|desc)>.*?</\1>", "", text, flags=re.DOTALL)
    # a page has several figures, and each names its groups alike
    text = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-labelledby="caption-{name}" ', 1)


def _privacy(study: StudyFacts) -> Any:
    high, left, bottom = 190, 44, 40
    figure = Drawing(WIDTH, high)
    right, top = WIDTH - _KEY, high - 12
    ceiling = study.privacy.epsilon_ceiling
    largest = 1.12 * max(ceiling, *(one.epsilon for one in study.charges))

    def up(epsilon: float) -> float:
        return bottom + (top - bottom) * epsilon / largest

    for tick in _ticks(largest):
        figure.add(Line(left, up(tick), right, up(tick), strokeColor=_colour("#e4e4e4")))
        _say(figure, left - 5, up(tick) - 3, f"{tick:g}", "end")
    step = (right - left) / len(study.charges)
    made = {one.number: study.state_of(one) for one in study.rounds}
    before = 0.0
    labelled = _labelled(len(study.charges), step)
    gap = min(0.2 * step, 20) if step >= _NARROW else 0
    for place, one in enumerate(study.charges):
        x, wide = left + step * place + gap, step - 2 * gap
        base = up(before) - bottom
        figure.add(Rect(x, bottom, wide, base, fillColor=_colour("#dddddd"), strokeColor=None))
        colour = _colour(_STATES[made[one.number]])
        added = max(0.8, up(one.epsilon) - up(before))
        figure.add(Rect(x, up(before), wide, added, fillColor=colour, strokeColor=None))
        if place in labelled:
            _say(figure, x + wide / 2, bottom - 12, str(one.number), "middle")
            _say(figure, x + wide / 2, up(before) + added + 3, f"{one.epsilon:.1f}", "middle")
        before = one.epsilon
    figure.add(Line(left, bottom, right, bottom, strokeColor=colors.black))
    dashed = {"strokeColor": colors.black, "strokeDashArray": [4, 3]}
    figure.add(Line(left, up(ceiling), right, up(ceiling), **dashed))
    behind = {"fillColor": colors.white, "strokeColor": None}
    figure.add(Rect(left + 2, up(ceiling) + 1, 92, 10, **behind))
    _say(figure, left + 4, up(ceiling) + 3, f"approved ceiling {ceiling:.3g}")
    _say(figure, (left + right) / 2, bottom - 28, "charged round", "middle")
    title = f"epsilon in total (at delta {study.privacy.delta:.1g})"
    _say(figure, 4, top + 4, title)
    shown = dict.fromkeys(made[one.number] for one in study.charges)
    keys = [("square", "#dddddd", "spent before")]
    keys += [("square", _STATES[state], f"added, {state}") for state in _STATES if state in shown]
    _key(figure, right + 16, top - 8, keys)
    return figure


def _cohorts(study: StudyFacts) -> Any:
    sealed = [one for one in study.rounds if one.sealed]
    labels = study.labels
    tall = min(18.0, 540 / len(labels))
    wide = (WIDTH - _SITES) / len(sealed)
    numbered = tall >= _SIZE and wide >= 16
    bottom = 34 if numbered else 52
    figure = Drawing(WIDTH, bottom + tall * len(labels) + 4)
    sizes = {
        (entry.site, one.number): entry.commitment.cohort_size
        for one in sealed
        for entry in one.sealed_commitments()
    }
    largest = max(sizes.values(), default=1)
    edge = colors.white if wide >= _NARROW else None
    for row, site in enumerate(labels):
        y = bottom + tall * (len(labels) - 1 - row)
        if tall >= _SIZE:
            _say(figure, _SITES - 6, y + tall / 2 - 3, labels[site], "end")
        for column, one in enumerate(sealed):
            size = sizes.get((site, one.number))
            x, fill = _SITES + wide * column, _shade(size, largest)
            figure.add(Rect(x, y, wide, tall, fillColor=fill, strokeColor=edge))
            if numbered:
                words = "–" if size is None else str(size)
                _say(figure, x + wide / 2, y + tall / 2 - 3, words, "middle")
    for column in _labelled(len(sealed), wide):
        x = _SITES + wide * (column + 0.5)
        _say(figure, x, bottom - 12, str(sealed[column].number), "middle")
    _say(figure, (_SITES + WIDTH) / 2, bottom - 28, "sealed round", "middle")
    if not numbered:
        _scale(figure, sizes.values(), largest)
    return figure


def _shade(size: int | None, largest: int) -> Any:
    """White: the site was not in the round; the darker, the more patients."""
    share = 0.0 if size is None else 0.12 + 0.58 * size / largest
    return colors.linearlyInterpolatedColor(colors.white, _colour("#0072B2"), 0, 1, share)


def _scale(figure: Any, sizes: Iterable[int], largest: int) -> None:
    """What the shades say, where the cells are too narrow for their numbers."""
    least = min(sizes, default=0)
    shown = sorted({least, (least + largest) // 2, largest})
    keys = [(None, "not in the round"), *((size, count(size, "patient")) for size in shown)]
    for place, (size, words) in enumerate(keys):
        x, fill = _SITES + 100 * place, _shade(size, largest)
        figure.add(Rect(x, 2, 12, 10, fillColor=fill, strokeColor=_colour("#aaaaaa")))
        _say(figure, x + 17, 4, words)


def _timeline(study: StudyFacts) -> Any:
    """In the order of the chain, evenly spaced: months may lie between acts that follow in seconds
    upon each other elsewhere.
    """
    lane, left, bottom = 34, 66, 44
    kinds = list(dict.fromkeys(act.kind for act in study.acts))
    high = max(bottom + lane * len(_LANES) + 6, 13 * len(kinds) + 16)
    figure = Drawing(WIDTH, high)
    right = WIDTH - _KEY
    moments = {one for act in study.acts for one in (act.at, act.until) if one is not None}
    ordered = sorted(moments)
    step = (right - left) / (len(ordered) + 1)
    rank = {moment: left + step * (place + 0.5) for place, moment in enumerate(ordered)}
    middles = {name: bottom + lane * (3.5 - row) for row, name in enumerate(_LANES)}
    for name, y in middles.items():
        figure.add(Line(left, y, right, y, strokeColor=_colour("#dddddd")))
        _say(figure, left - 6, y - 3, name, "end")
    for act in study.acts:
        _mark(figure, act, middles[act.lane], rank, right)
    ticks = ordered[:: max(1, -(-len(ordered) // 5))]
    for one in ticks:
        day, hour = f"{date_time(one.time):%Y-%m-%d %H:%M}".split()
        figure.add(Line(rank[one], bottom - 2, rank[one], bottom + 3, strokeColor=colors.black))
        _say(figure, rank[one], bottom - 12, day, "middle")
        _say(figure, rank[one], bottom - 22, hour, "middle")
    figure.add(Line(left, bottom, right, bottom, strokeColor=colors.black))
    keys = []
    for kind in kinds:
        shape, colour = _MARKS.get(kind, ("square", _STATES.get(kind, "#000000")))
        keys.append((shape, colour, f"round {kind}" if kind in _STATES else kind))
    _key(figure, right + 16, high - 10, keys)
    return figure


def _mark(figure: Any, act: Act, y: float, rank: dict[Any, float], right: float) -> None:
    x = rank[act.at]
    if act.lane != "rounds":
        shape, colour = _MARKS[act.kind]
        _shape(figure, x, y, shape, colour)
        return
    end = rank[act.until] if act.until else right
    colour = _colour(_STATES[act.kind])
    wide = max(3, end - x)
    edge = colors.white if wide >= _NARROW else None
    figure.add(Rect(x, y - 6, wide, 12, fillColor=colour, strokeColor=edge))


def _shape(figure: Any, x: float, y: float, shape: str, colour: str) -> None:
    outline = _OUTLINES[shape]
    points = [3.2 * one + (y if place % 2 else x) for place, one in enumerate(outline)]
    figure.add(Polygon(points, fillColor=_colour(colour), strokeColor=None))


def _key(figure: Any, x: float, y: float, keys: Sequence[tuple[str, str, str]]) -> None:
    for row, (shape, colour, words) in enumerate(keys):
        _shape(figure, x, y - 13 * row, shape, colour)
        _say(figure, x + 9, y - 13 * row - 3, words)


def _say(figure: Any, x: float, y: float, words: str, anchor: str = "start") -> None:
    figure.add(String(x, y, words, fontName=_FONT, fontSize=_SIZE, textAnchor=anchor))


def _colour(code: str) -> Any:
    return colors.HexColor(code)


def _labelled(count: int, wide: float) -> range:
    """Which of ``count`` columns, ``wide`` points each, have their number written."""
    return range(0, count, max(1, math.ceil(_LABEL / wide)))


def _ticks(largest: float) -> list[float]:
    """Four to ten round numbers from 0 up to ``largest``."""
    unit = 10.0 ** (len(f"{largest:.0f}") - 1)
    step = next(one for one in (unit / 5, unit / 2, unit, 2 * unit) if largest / one <= 10)
    return [step * place for place in range(int(largest / step) + 1)]
