"""What became of a withdrawn consent, as one HTML page that needs nothing else."""

from __future__ import annotations

from jinja2 import Environment, StrictUndefined

from audit.times import moment
from study.withdrawal_text import PatientReport

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What became of your withdrawal</title>
<style>
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
h1 { line-height: 1.2; }
dt { font-weight: bold; margin-top: 1rem; }
dd { margin: 0; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
caption { text-align: left; font-weight: bold; padding: 0.5rem 0; }
th, td { text-align: left; vertical-align: top; border-top: 1px solid #888; padding: 0.5rem; }
footer { margin-top: 2rem; color: #444; font-size: 0.9rem; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #111; } footer { color: #bbb; }
}
</style>
</head>
<body>
<main>
<h1>What became of your withdrawal</h1>
<p><strong>{{ report.headline }}</strong></p>
<dl>
{% for subject, words in report.facts %}<dt>{{ subject | capitalize }}</dt><dd>{{ words }}</dd>
{% endfor %}</dl>
{% if report.rounds %}<table>
<caption>Rounds that may have used your record</caption>
<tr><th scope="col">Round</th><th scope="col">How it ended</th><th scope="col">Your record</th></tr>
{% for number, ended, says in report.rounds %}<tr><td>{{ number }}</td><td>{{ ended }}</td>
<td>{{ says }}</td></tr>
{% endfor %}</table>{% endif %}
{% if report.models %}<table>
<caption>What was made since</caption>
<tr><th scope="col">Model after round</th><th scope="col">What it has of your record</th></tr>
{% for number, says in report.models %}<tr><td>{{ number }}</td><td>{{ says }}</td></tr>
{% endfor %}</table>{% endif %}
<h2>What this does not say</h2>
{% for remark in report.remarks %}<p>{{ remark }}</p>
{% endfor %}</main>
<footer>Consent token {{ report.token_id }}. {{ source }} As of {{ judged }}.</footer>
</body>
</html>
"""


def patient_page(report: PatientReport, source: str, judged: int) -> str:
    """The page. ``source``: where the facts are from, a sentence; ``judged``: chain time (s)."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    page = environment.from_string(_PAGE)
    return page.render(report=report, source=source, judged=moment(judged))
