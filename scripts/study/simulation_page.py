"""A simulation as one self-contained page and one picture."""

from __future__ import annotations

import io
from html import escape

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from federation.planning.foreseen_error import SUPPORT_VISITS
from federation.planning.simulating import CAVEAT, Simulation
from scripts.study.simulation_words import (
    CAPTION,
    NOISE_CAPTION,
    Table,
    error_table,
    excess_table,
    noise_table,
    privacy_facts,
)

_ARMS = {
    "starting": ("published prior", "#718096", ":"),
    "private": ("learned, private", "#2b6cb0", "-"),
    "without_noise": ("learned, no noise", "#38a169", "--"),
    "true": ("prior they come from", "#a0aec0", "-."),
}
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a202c;max-width:60rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}
.note{background:#fffaf0;border-left:4px solid #dd6b20;padding:.6rem 1rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.93rem}
td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #e2e8f0}
svg{max-width:100%;height:auto}small{color:#4a5568}
"""


def page(found: Simulation) -> str:
    """HTML that loads nothing from anywhere."""
    facts = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in privacy_facts(found.privacy)
    )
    body = [
        f"<h1>What a study of {escape(found.model)} would do</h1>",
        f'<p class="note"><strong>{escape(CAVEAT)}</strong></p>',
        "<h2>Error by number of patients</h2>",
        _svg(found),
        _table(error_table(found, intervals=True)),
        f"<p><small>{escape(CAPTION)} {found.worlds} populations, {found.held_out} patients of"
        f" each forecast, seed {found.seed}.</small></p>",
        "<h2>Noise in the mean gradient</h2>",
        _table(noise_table(found)),
        f"<p><small>{escape(NOISE_CAPTION)}</small></p>",
        "<h2>Privacy, as planned</h2>",
        f'<div class="wide"><table>{facts}</table></div>',
        "<h2>What masking costs</h2>",
        "<p>Each site adds noise enough for m - t sites, the least that deliver less those that may"
        f" collude; {found.privacy.sites} sites together add more than one place would.</p>",
        _table(excess_table(found.privacy)),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Simulation of {escape(found.model)}</title><style>{_STYLE}</style>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def picture(found: Simulation) -> bytes:
    """PNG."""
    figure, buffer = _figure(found), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    plt.close(figure)
    return buffer.getvalue()


def _svg(found: Simulation) -> str:
    figure, buffer = _figure(found), io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _figure(found: Simulation) -> Figure:
    figure, (errors, noise) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    patients = [one.patients for one in found.errors]
    for arm, (label, colour, line) in _ARMS.items():
        values = [one.rmse[arm] for one in found.errors]
        means = [value.mean for value in values]
        errors.plot(patients, means, line, color=colour, marker="o", ms=3, label=label)
    # Populations differ more than priors do: the interval drawn is that of the difference.
    start = np.array([one.rmse["starting"].mean for one in found.errors])
    gain = [one.reduction["private"] for one in found.errors]
    low = start * (1 - np.array([one.high for one in gain]))
    high = start * (1 - np.array([one.low for one in gain]))
    errors.fill_between(patients, low, high, color=_ARMS["private"][1], alpha=0.15, lw=0)
    errors.set_ylabel(f"error after {SUPPORT_VISITS} visits (model's scale)")
    errors.set_title("Error on held-out synthetic patients", size=11)
    errors.legend(frameon=False, fontsize=9)
    noise.plot(
        patients, [found.privacy.noise_norm(n) for n in patients], color="#c53030", marker="o"
    )
    noise.axhline(1, color="black", lw=0.6, ls="--")
    noise.set_ylabel("length of the noise, in clipping norms")
    noise.set_ylim(bottom=0)
    noise.set_title("Noise in the mean gradient", size=11)
    for axes in (errors, noise):
        axes.set_xscale("log")
        axes.set_xticks(patients, [str(n) for n in patients])
        axes.minorticks_off()
        axes.set_xlabel("patients in each round")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.suptitle("Synthetic patients, drawn from the model itself", size=9, color="#dd6b20")
    return figure


def _table(table: Table) -> str:
    columns, rows = table
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
