"""A study's report as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from jinja2 import Environment, StrictUndefined

from study.report_parts import BoardReport

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ report.title }}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
.verdict { padding: .8rem 1.2rem; border-left: .5rem solid #00704a; background: #e8f5ef; }
.verdict.fails { border: .3rem solid #b00020; background: #fdecea; color: #7a0016; }
.verdict strong { font-size: 1.3rem; display: block; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; font-size: .93rem; }
caption { text-align: left; font-weight: bold; padding: .4rem 0; }
th, td { text-align: left; vertical-align: top; border-top: 1px solid #c8c8c8;
  padding: .35rem .6rem; overflow-wrap: anywhere; }
th { overflow-wrap: normal; } .number { text-align: right; }
blockquote { margin: .5rem 0 1.5rem; padding: .2rem 1.2rem; border-left: .25rem solid #c8c8c8;
  white-space: pre-line; } h3 { font-size: 1rem; }
.facts th { width: 11rem; font-weight: 600; } .facts td { white-space: pre-line; }
figure { margin: 1.5rem 0; } figcaption { color: #444; font-size: .93rem; }
svg { width: 100%; max-width: 50rem; height: auto; }
nav ol { columns: 2; } footer { margin-top: 3rem; color: #444; font-size: .9rem; }
@media (max-width: 40rem) { nav ol { columns: 1; } .facts th { width: 6.5rem; } }
@media print { body { margin: 0; max-width: none; } nav { display: none; } tr, figure {
  break-inside: avoid; } }
</style>
</head>
<body>
<main>
<h1>{{ report.title }}</h1>
<div class="verdict{{ '' if report.holds else ' fails' }}" role="{{ role }}">
<strong>{{ report.headline }}</strong>{{ report.verdict }}</div>
<nav aria-label="Contents"><ol>
{% for section in report.sections %}<li>
<a href="#section-{{ loop.index }}">{{ section.title }}</a></li>
{% endfor %}</ol></nav>
{% for section in report.sections %}
<h2 id="section-{{ loop.index }}">{{ loop.index }}. {{ section.title }}</h2>
{% for part in section.parts %}{% set kind = part.__class__.__name__ %}
{% if kind == "Text" %}<p>{{ part.words }}</p>
{% elif kind == "Facts" %}<div class="wide"><table class="facts">
{% for name, words in part.rows %}<tr><th scope="row">{{ name }}</th><td>{{ words }}</td></tr>
{% endfor %}</table></div>
{% elif kind == "Table" %}<div class="wide"><table>
<caption>Table {{ tables() }}. {{ part.caption }}</caption>
<colgroup>{% for width in part.widths %}
<col style="width: {{ 100 * width // part.widths | sum }}%">{% endfor %}</colgroup>
{% set classes = part.numeric %}
<tr>{% for column in part.columns %}
<th scope="col"{{ (number if classes[loop.index0] else '') | safe }}>{{ column }}</th>
{% endfor %}</tr>
{% for row in part.rows %}<tr>{% for cell in row %}
<td{{ (number if classes[loop.index0] else '') | safe }}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% elif kind == "Figure" %}<figure>{{ figures[part.name] | safe }}
<figcaption id="caption-{{ part.name }}">Figure {{ pictures() }}. {{ part.caption }}</figcaption>
</figure>
{% elif kind == "Quote" %}<h3>{{ part.caption }}</h3><blockquote>{{ part.words }}</blockquote>
{% endif %}{% endfor %}{% endfor %}
</main>
<footer>Made from the study's bundle by <code>assent study report</code>. Anyone with the bundle,
the deployment file and the block's hash can make it again, and <code>assent verify</code> shows
every check.</footer>
</body>
</html>
"""


def report_page(report: BoardReport, figures: Mapping[str, str]) -> str:
    """The page. ``figures``: SVG elements by name."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_PAGE).render(
        report=report,
        figures=figures,
        role="note" if report.holds else "alert",
        number=' class="number"',
        tables=count(1).__next__,
        pictures=count(1).__next__,
    )
