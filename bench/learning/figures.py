"""The pictures of one comparison, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np

mpl.rcParams["text.parse_math"] = False  # a group named "$10k to $40k" is no formula

SHOWN: Final = (
    ("prior_epsilon_{e}", "#2b6cb0", "-"),
    ("prior_not_private", "#2b6cb0", ":"),
    ("dp_fedavg_epsilon_{e}", "#a0aec0", "-"),
    ("dp_fedavg_fine_tuned_epsilon_{e}", "#dd6b20", "-"),
    ("fedavg_fine_tuned", "#dd6b20", ":"),
    ("dp_maml_fine_tuned_epsilon_{e}", "#38a169", "-"),
    ("last_value", "#4a5568", "--"),
)


def draw(
    results: Mapping[str, Any], curves: Mapping[str, Mapping[str, Any]], out: Path
) -> list[Path]:
    """Writes the pictures; returns their paths."""
    return [
        _error_by_known(results, out / "error-by-observations.png"),
        _error_by_steps(results, curves, out / "error-by-steps.png"),
        _error_by_epsilon(results, out / "error-by-epsilon.png"),
        _groups(results, out / "groups.png"),
    ]


def _error_by_known(results: Mapping[str, Any], path: Path) -> Path:
    figure, both = plt.subplots(1, 2, figsize=(12, 4.6), sharey=True)
    names = (("results", "observations known"), ("results_by_visits", "visits known"))
    for axes, (member, label) in zip(both, names, strict=True):
        counts = [int(count) for count in results[member]]
        for name, colour, style in _shown(results):
            rows = [results[member][str(count)][name] for count in counts]
            # NaN, where nobody has results after so many: a line ends before it.
            line = np.array([row["rmse"] for row in rows], dtype=float)
            low, high = np.array([row["interval"] for row in rows], dtype=float).T
            axes.plot(counts, line, style, color=colour, marker=".", label=_label(results, name))
            if style == "-":
                axes.fill_between(counts, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.set_xticks(counts)
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    both[0].set_ylabel("RMSE of later results, on the scale")
    handles, labels = both[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(_title(results, "error on held-out patients, 95 % interval by patient"))
    figure.tight_layout(rect=(0, 0.14, 1, 1))
    return _save(figure, path)


def _error_by_steps(
    results: Mapping[str, Any], curves: Mapping[str, Mapping[str, Any]], path: Path
) -> Path:
    what = "error by adaptation steps"
    shown = [one for one in _shown(results) if one[0] in curves]
    if not shown:
        return _nothing(results, path, what)
    figure, axes = plt.subplots(figsize=(8, 4.6))
    for name, colour, style in shown:
        axes.plot(
            curves[name]["steps"], curves[name]["rmse"], style, color=colour, marker="o",
            markersize=4, label=_label(results, name),
        )  # fmt: skip
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xticks([0, 1, 2, 5, 10, 20, 50], ["0", "1", "2", "5", "10", "20", "50"])
    axes.set_xlabel("adaptation steps, seven visits known")
    axes.set_ylabel("RMSE of later results, on the scale")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    figure.suptitle(_title(results, what))
    figure.tight_layout()
    return _save(figure, path)


def _error_by_epsilon(results: Mapping[str, Any], path: Path) -> Path:
    what = f"error and privacy, {results['primary_known']} visits known"
    rows = results["results_by_visits"][str(results["primary_known"])]
    if all(row["rmse"] is None for row in rows.values()):
        return _nothing(results, path, what)
    figure, axes = plt.subplots(figsize=(8, 4.6))
    kinds = (("prior", "#2b6cb0"), ("dp_fedavg_fine_tuned", "#dd6b20"), ("dp_fedavg", "#a0aec0"))
    epsilons = sorted({m["epsilon"] for m in results["methods"].values() if m["epsilon"]})
    for place, (kind, colour) in enumerate(kinds):
        names = [f"{kind}_epsilon_{epsilon:g}" for epsilon in epsilons]
        at = np.arange(len(epsilons)) + (place - 1) * 0.12
        line = np.array([rows[name]["rmse"] for name in names], dtype=float)
        ends = np.array([rows[name]["interval"] for name in names], dtype=float)
        axes.errorbar(
            at, line, yerr=np.abs(ends.T - line), fmt="o", color=colour, capsize=3,
            label=_label(results, names[-1]).rsplit(",", 1)[0] if kind == "prior"
            else _label(results, names[-1]).replace(f", epsilon {epsilons[-1]:g}", ""),
        )  # fmt: skip
    axes.set_xticks(range(len(epsilons)), [f"{epsilon:g}" for epsilon in epsilons])
    axes.set_xlabel("epsilon, all rounds together")
    axes.set_ylabel("RMSE of later results, on the scale")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    figure.suptitle(_title(results, what))
    figure.tight_layout()
    return _save(figure, path)


def _groups(results: Mapping[str, Any], path: Path) -> Path:
    rows = results["groups"]
    if not rows:
        return _nothing(results, path, "by site and subgroup")
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.34 * len(rows)))
    names = list(rows[0]["rmse"])
    end = _end([value for row in rows for value in row["rmse"].values()])
    for name, colour, mark in zip(names, ("#2b6cb0", "#dd6b20", "#4a5568"), "osx", strict=False):
        line = np.array([row["rmse"][name] for row in rows])
        within = np.where(line <= end, line, np.nan)
        axes.plot(within, range(len(rows)), mark, color=colour, label=_label(results, name))
        for place in np.flatnonzero(line > end):
            axes.text(
                end,
                float(place),
                f"{line[place]:.1f} →",
                color=colour,
                ha="right",
                va="center",
                fontsize=8,
            )
    axes.set_yticks(
        range(len(rows)),
        [f"{row['attribute']}: {row['group']} ({row['patients']})" for row in rows],
    )
    axes.invert_yaxis()
    axes.set_xlim(0, end * 1.02)
    axes.set_xlabel("RMSE of later results, on the scale")
    axes.grid(alpha=0.3, axis="x")
    axes.legend(
        frameon=False,
        fontsize=9,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.6 / max(len(rows), 1) - 0.08),
        ncols=3,
    )
    figure.suptitle(_title(results, "by site and subgroup (patients)"))
    figure.tight_layout()
    return _save(figure, path)


def _nothing(results: Mapping[str, Any], path: Path, what: str) -> Path:
    figure, axes = plt.subplots(figsize=(8, 2))
    axes.text(0.5, 0.5, "nobody has later results at this k", ha="center", va="center")
    axes.set_axis_off()
    figure.suptitle(_title(results, what))
    return _save(figure, path)


def _end(values: list[float]) -> float:
    """Where the axis of errors ends: one that lies far beyond the others is told by its number."""
    usual = [value for value in values if np.isfinite(value)]
    return min(max(usual, default=1.0), 3 * float(np.median(usual or [1.0]))) * 1.1


def _shown(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    epsilon = f"{results['primary_epsilon']:g}"
    named = [(name.format(e=epsilon), colour, style) for name, colour, style in SHOWN]
    return [one for one in named if one[0] in results["methods"]]


def _label(results: Mapping[str, Any], name: str) -> str:
    return str(results["methods"][name]["label"])


def _title(results: Mapping[str, Any], what: str) -> str:
    return f"{results['cohort']['name']}: {what}"


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=120, bbox_inches="tight")  # long names of groups included
    plt.close(figure)
    return path
