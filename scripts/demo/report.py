"""`report.html`: one self-contained page that a person would rather look at than read."""

from __future__ import annotations

from html import escape
from pathlib import Path

from scripts.demo import plots
from scripts.demo.closing import privacy_of
from scripts.demo.demo import Outcome
from scripts.demo.evaluation import SUPPORT_VISITS
from scripts.demo.patients import Choice

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a202c;max-width:60rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.7rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem}
.lead{color:#4a5568}.tiles{display:flex;flex-wrap:wrap;gap:.8rem;margin:1.4rem 0}
.tile{border:1px solid #e2e8f0;border-radius:.5rem;padding:.7rem 1rem;min-width:9rem}
.tile b{display:block;font-size:1.4rem}.ok{color:#276749}.bad{color:#c53030}
table{border-collapse:collapse;width:100%;font-size:.93rem}
td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #e2e8f0}
svg{max-width:100%;height:auto}code{font-size:.85rem;overflow-wrap:anywhere}
pre{white-space:pre-wrap}
small{color:#4a5568}
"""


def write_report(outcome: Outcome, path: Path) -> None:
    """Writes the report; it loads nothing from anywhere."""
    _, privacy, charged = privacy_of(outcome)
    history = outcome.state.history
    closed = sum(facts.closed is not None for facts in history.rounds.values())
    estimate, low, high = (100 * v for v in outcome.comparison.reduction["fedavg"][-1])
    tiles = [
        ("rounds closed", str(closed), ""),
        ("abandoned", str(len(history.rounds) - closed), ""),
        ("patients in the last round", str(sum(outcome.admitted.values())), ""),
        ("epsilon spent", f"{privacy.epsilon_shown:.2f} of {outcome.design.epsilon:g}", ""),
        ("lower error than FedAvg", f"{estimate:.0f} %", ""),
        (
            "verified offline",
            "yes" if outcome.verified else "no",
            "ok" if outcome.verified else "bad",
        ),
    ]
    body = [
        "<h1>One study, from consent to audit</h1>",
        "<p class=lead>Five hospitals, 312 real patients with primary biliary cholangitis (the "
        "public pbcseq data set), one prior learned under patient-level differential privacy from "
        "the records of patients who said yes.</p>",
        '<div class="tiles">'
        + "".join(
            f'<div class="tile"><small>{escape(label)}</small>'
            f'<b class="{kind}">{escape(value)}</b></div>'
            for label, value, kind in tiles
        )
        + "</div>",
        "<h2>Who was in each round</h2>",
        plots.cohorts(outcome),
        "<p>"
        + " ".join(
            f"A patient of {escape(site)} withdrew {escape(when)}."
            for site, when in outcome.withdrawn.items()
        )
        + " None of these records is in any later round; the round that was sealed when the last "
        "one withdrew was abandoned, charged, and run again without it.</p>",
        "<h2>Who was not, and why</h2>",
        _sites(outcome),
        "<h2>Privacy spent</h2>",
        plots.privacy(outcome),
        f"<p>{charged} rounds were charged, abandoned ones included. The ledger refuses a round "
        "that would pass the ceiling.</p>",
        f"<h2>Forecasts for {outcome.comparison.patients} held-out patients</h2>",
        f"<p>Each method knows a patient's first {SUPPORT_VISITS} visits and forecasts the later "
        f"ones. Against FedAvg the prior's error is {estimate:.0f} % lower overall (95 % paired "
        f"bootstrap interval {low:.0f} to {high:.0f} %); "
        f"{100 * outcome.comparison.made_worse['fedavg']:.0f} % of the patients were forecast "
        "worse. These errors are the demonstration's own, on public data: in a live study no "
        "metric leaves a site.</p>",
        plots.errors(outcome),
        plots.gains(outcome),
        "<h2>One held-out patient</h2>",
        plots.forecast(outcome),
        "<h2>Check it yourself</h2>",
        f"<p>{outcome.checks} checks were made with chain, IPFS and Flower stopped. Make them "
        "again:</p>",
        f"<pre><code>assent verify bundle --trust-block 0x{outcome.trust_block.hex()}"
        f" --deployment deployment.json --study {outcome.study_id}</code></pre>",
    ]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Assent: study {outcome.study_id}</title><style>{_STYLE}</style>"
        f"<body>{''.join(body)}</body></html>"
    )
    path.write_text(page, encoding="utf-8")


def _sites(outcome: Outcome) -> str:
    rows = []
    for name, counts in outcome.granted.items():
        refused = ", ".join(f"{n} {reason}" for reason, n in outcome.refused[name].items())
        cells = (name, outcome.admitted[name], refused, counts[Choice.NEVER])
        rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    head = "<tr><th>site<th>admitted<th>refused by the chain<th>never granted</tr>"
    return f"<table>{head}{''.join(rows)}</table>"
