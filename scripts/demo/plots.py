"""The report's plots, as SVG text."""

from __future__ import annotations

import io

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from federation.app.privacy import epsilon_spent
from scripts.demo.demo import Outcome
from scripts.demo.evaluation import METHODS

_COLOURS = ("#2b6cb0", "#38a169", "#d69e2e", "#805ad5", "#dd6b20")
_PRIOR, _OTHER = "#2b6cb0", "#a0aec0"


def cohorts(outcome: Outcome) -> str:
    """Patients admitted by each site to each round; abandoned rounds are hatched."""
    rounds = outcome.state.history.rounds
    figure, axes = _figure(9, 3.4)
    bottoms = [0] * len(rounds)
    for (account, name), colour in zip(outcome.site_names.items(), _COLOURS, strict=False):
        sizes = [
            sum(e.commitment.cohort_size for e in facts.sealed_commitments() if e.site == account)
            for facts in rounds.values()
        ]
        bars = axes.bar(list(rounds), sizes, bottom=bottoms, label=name, color=colour, width=0.7)
        for bar, facts in zip(bars, rounds.values(), strict=True):
            if facts.aborted:
                bar.set_hatch("///")
                bar.set_alpha(0.45)
        bottoms = [below + size for below, size in zip(bottoms, sizes, strict=True)]
    for number, facts in rounds.items():
        if facts.aborted:
            axes.text(number, bottoms[number - 1], "abandoned", ha="center", va="bottom", size=8)
        if any(entry.commitment.attempt > 1 for entry in facts.commitments):
            axes.text(number, bottoms[number - 1], "recommitted", ha="center", va="bottom", size=8)
    axes.set_xticks(list(rounds))
    axes.set_xlabel("round")
    axes.set_ylabel("patients admitted")
    axes.set_ylim(top=max([*bottoms, 1]) * 1.12)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return _svg(figure)


def privacy(outcome: Outcome) -> str:
    """Epsilon after each charged round, below the ceiling that the ledger enforces."""
    history = outcome.state.history
    terms = history.versions[1].terms
    numbers, spent = [0], [0.0]
    charged = 0
    for number, facts in history.rounds.items():
        if facts.sealed:
            charged += 1
            numbers.append(number)
            spent.append(epsilon_spent(terms, facts.sealed.rho_spent, charged).epsilon_shown)
    figure, axes = _figure(9, 2.8)
    axes.step(numbers, spent, where="post", color=_PRIOR, marker="o", ms=4)
    axes.axhline(outcome.design.epsilon, color="#c53030", ls="--", lw=1)
    axes.text(0, outcome.design.epsilon, "ceiling", color="#c53030", va="bottom", size=9)
    axes.set_ylim(0, outcome.design.epsilon * 1.15)
    axes.set_xlabel("round")
    axes.set_ylabel(f"epsilon at delta {outcome.design.delta}")
    return _svg(figure)


def errors(outcome: Outcome) -> str:
    """Each method's error by lab, with FedAvg's as 1; a bar that is cut off says how long it is."""
    labs, rmse = outcome.comparison.labs, outcome.comparison.rmse
    figure, axes = _figure(9, 3.6)
    width, top = 0.8 / len(METHODS), 1.6
    for place, (method, label) in enumerate(METHODS.items()):
        heights = [rmse[method][lab] / rmse["fedavg"][lab] for lab in range(len(labs))]
        positions = [x + (place - (len(METHODS) - 1) / 2) * width for x in range(len(labs))]
        shade = _PRIOR if method == "prior" else str(0.45 + 0.09 * place)
        axes.bar(positions, heights, width=width * 0.92, label=label, color=shade)
        for position, height in zip(positions, heights, strict=True):
            if height > top:
                # Along the bar: two of them may stand side by side.
                axes.text(
                    position, top, f"{height:.1f} ", ha="center", va="top", size=8, rotation=90
                )
    axes.set_ylim(0, top)
    axes.axhline(1, color="black", lw=0.6)
    axes.set_xticks(range(len(labs)), [lab.replace("_", "\n") for lab in labs])
    axes.set_ylabel("error, FedAvg = 1")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    return _svg(figure)


def forecast(outcome: Outcome) -> str:
    """One held-out patient: what was known, what came, and what was forecast."""
    example = outcome.comparison.example
    figure, axes = _figure(9, 3.2)
    axes.fill_between(
        example.times, example.low, example.high, color=_PRIOR, alpha=0.15, label="prior, 90 %"
    )
    axes.plot(example.times, example.prior, color=_PRIOR, label="prior")
    axes.plot(example.times, example.fedavg, color=_COLOURS[4], ls="--", label="FedAvg")
    axes.plot(*example.known, "o", color="black", label="known")
    axes.plot(*example.later, "o", mfc="white", color="black", label="came later")
    axes.set_yscale("log")
    axes.set_xlabel("years since the first visit")
    axes.set_ylabel(example.label)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    return _svg(figure)


def gains(outcome: Outcome) -> str:
    """How much lower the prior's error is than each rival's, overall, with 95 % intervals."""
    rivals = list(outcome.comparison.reduction)
    figure, axes = _figure(9, 2.4)
    for row, rival in enumerate(rivals):
        estimate, low, high = (100 * value for value in outcome.comparison.reduction[rival][-1])
        axes.plot([low, high], [row, row], color=_OTHER, lw=3, solid_capstyle="round")
        axes.plot([estimate], [row], "o", color=_PRIOR)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(range(len(rivals)), [METHODS[rival] for rival in rivals])
    axes.set_ylim(len(rivals) - 0.5, -0.5)
    axes.set_xlabel("error of the prior is lower by (%)")
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
