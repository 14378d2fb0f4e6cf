"""The figures of a study's report, drawn once and written as SVG (page) or PNG (PDF)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.board_report import COHORT_FIGURE, PRIVACY_FIGURE, TIMELINE_FIGURE, site_labels
from study.evidence_facts import StudyFacts

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 10,
    "svg.fonttype": "none",  # words stay words: they can be read aloud and searched
    "svg.hashsalt": "assent",  # the same figure has the same names in it every time
    "axes.spines.top": False,
    "axes.spines.right": False,
}
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
    "version proposed": ("s", "#999999"),
    "approval": ("^", "#0072B2"),
    "version in force": ("P", "#009E73"),
    "study suspended": ("X", "#D55E00"),
    "study resumed": ("o", "#009E73"),
    "reviewer replaced": ("d", "#CC79A7"),
    "rollback": ("<", "#E69F00"),
    "consent ended": ("v", "#CC79A7"),
    "site barred": ("X", "#D55E00"),
    "site readmitted": ("o", "#009E73"),
    "no answer": ("s", "#D55E00"),
}
_LEGIBLE = 200
"""Cells of the cohort figure; beyond that their numbers would not be legible."""


def as_svg(name: str, study: StudyFacts) -> str:
    """One figure as an SVG element that refers to nothing outside of it."""
    buffer = io.StringIO()
    _save(name, study, lambda figure: figure.savefig(buffer, format="svg", metadata={"Date": None}))
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    # a page has several figures, and each names its groups alike
    text = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-labelledby="caption-{name}" ', 1)


def as_png(name: str, study: StudyFacts) -> bytes:
    """One figure as PNG, 200 dots an inch."""
    buffer = io.BytesIO()
    _save(name, study, lambda figure: figure.savefig(buffer, format="png", dpi=200))
    return buffer.getvalue()


def _save(name: str, study: StudyFacts, write: Callable[[Figure], None]) -> None:
    draw = {PRIVACY_FIGURE: _privacy, COHORT_FIGURE: _cohorts, TIMELINE_FIGURE: _timeline}
    with mpl.rc_context(_STYLE):
        figure = draw[name](study)
        write(figure)
        plt.close(figure)


def _privacy(study: StudyFacts) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    positions = range(1, len(study.charges) + 1)
    made = {one.number: study.state_of(one) for one in study.rounds}
    for state, colour in _STATES.items():
        of_state = [
            (position, one.epsilon_spent)
            for position, one in zip(positions, study.charges, strict=True)
            if made[one.number] == state
        ]
        if of_state:
            at, epsilon = zip(*of_state, strict=True)
            axes.bar(at, epsilon, width=0.6, color=colour, label=state)
    ceiling = study.privacy.epsilon_ceiling
    axes.axhline(ceiling, color="black", ls="--", lw=1)
    axes.annotate(
        f"ceiling {ceiling:.3g}", (0.4, ceiling), xytext=(5, 3), textcoords="offset points"
    )
    axes.set_xlim(0.4, len(study.charges) + 0.6)
    axes.set_ylim(0, 1.18 * max(ceiling, *(one.epsilon_spent for one in study.charges)))
    _round_ticks(axes, [one.number for one in study.charges], first=1)
    axes.set_xlabel("charged round")
    axes.set_ylabel(f"epsilon in total (delta {study.privacy.delta:.1g})")
    figure.legend(frameon=False, loc="outside right upper")
    return figure


def _cohorts(study: StudyFacts) -> Figure:
    sealed = [one for one in study.rounds if one.sealed]
    labels = site_labels(study)
    sizes = np.full((len(labels), len(sealed)), np.nan)
    for column, facts in enumerate(sealed):
        for entry in facts.sealed_commitments():
            sizes[list(labels).index(entry.site), column] = entry.commitment.cohort_size
    height = min(9.0, 1.6 + 0.28 * len(labels))
    figure, axes = plt.subplots(figsize=(8, height), layout="constrained")
    largest = float(np.nanmax(sizes, initial=1))
    image = axes.imshow(sizes, cmap="Blues", vmin=0, vmax=1.7 * largest, aspect="auto")
    if sizes.size <= _LEGIBLE:
        for row, column in np.ndindex(*sizes.shape):
            size = sizes[row, column]
            words = "–" if np.isnan(size) else f"{size:.0f}"
            axes.text(column, row, words, ha="center", va="center")
    else:
        figure.colorbar(image, label="patients")
    axes.set_yticks(range(len(labels)), list(labels.values()))
    if len(labels) > 30:
        axes.yaxis.set_major_locator(MaxNLocator(15, integer=True))
    _round_ticks(axes, [one.number for one in sealed], first=0)
    axes.set_xlabel("sealed round (–: the site was not in it)")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _round_ticks(axes: Axes, numbers: list[int], first: int) -> None:
    step = -(-len(numbers) // 20)
    axes.set_xticks(range(first, first + len(numbers), step), [str(n) for n in numbers[::step]])


def _timeline(study: StudyFacts) -> Figure:
    """In the order of the chain, evenly spaced: months may lie between acts that follow in seconds
    upon each other elsewhere.
    """
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    moments = {one for act in study.acts for one in (act.at, act.until) if one is not None}
    ordered = sorted(moments)
    rank = {moment: place for place, moment in enumerate(ordered)}
    shown: set[str] = set()
    for act in study.acts:
        lane = len(_LANES) - 1 - _LANES.index(act.lane)
        label = None if act.kind in shown else act.kind
        start = rank[act.at]
        if act.lane == "rounds":
            end = rank[act.until] if act.until else len(ordered)
            colour, words = _STATES[act.kind], label and f"round {label}"
            axes.barh(lane, end - start, left=start, height=0.3, color=colour, label=words)
        else:
            shape, colour = _MARKS[act.kind]
            axes.plot(start, lane, shape, color=colour, ms=7, mec="white", mew=0.5, label=label)
        shown.add(act.kind)
    axes.set_yticks(range(len(_LANES)), _LANES[::-1])
    axes.set_ylim(-0.6, len(_LANES) - 0.4)
    ticks = ordered[:: max(1, -(-len(ordered) // 6))]
    axes.set_xticks([rank[one] for one in ticks], [_date(one.time) for one in ticks], fontsize=8)
    axes.set_xlabel("in the order of the chain; chain time (UTC)")
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    figure.legend(frameon=False, loc="outside right upper", fontsize=9, handlelength=1.2)
    return figure


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d\n%H:%M")
