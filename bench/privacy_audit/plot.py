"""Lower bounds found by attack, against what is claimed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def draw(results: dict[str, Any], path: Path) -> None:
    """Left: the mechanism as it is, below its claim. Right: broken ones, which must be above."""
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    membership, one_run = results["membership"], results["one_run"]
    top = 1.1 * max(row["lower_bound_gaussian"] for row in membership)
    right = [row for row in membership if row["fault"] == "as it is"]
    markers = iter("osD^")
    for attack in dict.fromkeys(row["attack"] for row in right):
        rows = [row for row in right if row["attack"] == attack]
        claims, marker = [row["claimed"] for row in rows], next(markers)
        panels[0].plot(claims, [r["lower_bound_gaussian"] for r in rows], marker, mfc="none",
                       color="#2b6cb0", label=f"{attack}, if Gaussian")  # fmt: skip
        panels[0].plot(claims, [r["lower_bound"] for r in rows], marker, color="#2b6cb0",
                       label=f"{attack}, any mechanism")  # fmt: skip
    own = [row for row in one_run if row["fault"] == "as it is"]
    panels[0].plot([r["claimed"] for r in own], [r["lower_bound"] for r in own], "x",
                   color="#2f855a", label="one run")  # fmt: skip
    panels[0].set_title("the mechanism as it is")
    names = list(dict.fromkeys(r["fault"] for r in membership if r["fault"] != "as it is"))
    for row in membership:
        if row["fault"] != "as it is":
            at = row["claimed"] * (0.94 + 0.04 * names.index(row["fault"]))
            style = "osD^"[names.index(row["fault"])]
            panels[1].plot([at], [row["lower_bound_gaussian"]], style, mfc="none", color="#c53030")
            panels[1].plot([at], [row["lower_bound"]], style, color="#c53030")
    for name in names:
        panels[1].plot([], [], "osD^"[names.index(name)], color="#c53030", label=name)
    panels[1].set_title("broken on purpose (hollow: if Gaussian)")
    for panel, corner in zip(panels, ("upper left", "center"), strict=True):
        most = 1.15 * max(row["claimed"] for row in membership)
        panel.plot([0, most], [0, most], "k--", lw=1, label="what is claimed")
        panel.set(xlabel="claimed epsilon", xlim=(0, most), ylim=(-0.3, top))
        panel.legend(fontsize=7, frameon=False, loc=corner)
    panels[0].set_ylabel("epsilon refuted with 95 % confidence")
    figure.savefig(path)
    pyplot.close(figure)
