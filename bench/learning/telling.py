"""The one table of a comparison, for people (Markdown)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def markdown(results: Mapping[str, Any]) -> str:
    """The whole page: what was compared, the endpoint, errors by k, groups, and what to think."""
    cohort = results["cohort"]
    counts = list(results["results"])
    lines = [
        f"# Learning compared: {cohort['name']}",
        "",
        f"{cohort['patients']} patients at {len(cohort['sites'])} sites, {cohort['results']}"
        f" results of {len(cohort['codes'])} codes; model `{results['model']}`;"
        f" {results['seeds']} divisions, each with its own noise; {results['held_out_patients']}"
        " patients held out at least once."
        " Errors are the comparison's own, on data that is not a live study's.",
        "",
        *(f"- {note}" for note in cohort["notes"]),
        "",
        "## The endpoint that was fixed before",
        "",
        "| | " + " | ".join(_counted(counting) for counting in results["primary"]) + " |",
        "| --- |" + " --- |" * len(results["primary"]),
    ]
    for name, *cells in endpoint_rows(results):
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for title, member in (("observations", "results"), ("visits", "results_by_visits")):
        lines += ["", f"## RMSE by {title} known (95 % interval at {results['primary_known']})", ""]
        lines += ["| method | " + " | ".join(counts) + " | steps | made worse | inside 90 % |"]
        lines += ["| --- |" + " ---: |" * (len(counts) + 3)]
        for name, method in results["methods"].items():
            lines.append(_row(results, member, name, method["label"], counts))
    lines += [
        "",
        f"Steps, made worse, inside: at {results['primary_known']} known. Steps: adaptation steps"
        " to within 1 % of the lowest error. Made worse: share of patients whose error is larger"
        " than FedAvg's at the same epsilon. Inside 90 %: share of later results inside it.",
        "",
        "## By site and subgroup",
        "",
    ]
    lines += _groups(results)
    return "\n".join(lines) + "\n"


def endpoint_rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What was fixed before, a line each: a name, and a cell for each way of counting."""
    rows: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
        ("error lower than the better of DP-FedAvg and DP-FedAvg + fine-tuning", _lower),
        ("known results for that baseline's error at 7", _needed),
        ("adaptation steps for the error at which its fine-tuning levels off, at 7 known", _steps),
        ("patients made worse by the prior", _worse),
        ("lower than FedAvg, not private", lambda one: _percent(one["against"]["fedavg"])),
        (
            "lower than FedAvg + fine-tuning, not private",
            lambda one: _percent(one["against"]["fedavg_fine_tuned"]),
        ),
        (
            "lower than DP-FedAvg, fine-tuning chosen on training patients without charge",
            lambda one: _percent(one["against"]["dp_fedavg_fine_tuned_freely"]),
        ),
    )
    return [(name, *(tell(one) for one in results["primary"].values())) for name, tell in rows]


def _row(results: Mapping[str, Any], member: str, name: str, label: str, counts: list[str]) -> str:
    primary = str(results["primary_known"])
    cells = []
    for count in counts:
        one = results[member][count][name]
        cell = _number(one["rmse"])
        if count == primary:
            low, high = one["interval"]
            cell += f" ({_number(low)} to {_number(high)})"
        cells.append(cell)
    at = results[member][primary][name]
    covered = at["covered_by_90_percent_interval"]
    cells += [
        "" if at["steps_to_plateau"] is None else str(at["steps_to_plateau"]),
        _share(at["share_made_worse"]),
        "" if covered is None else _share(covered),
    ]
    return f"| {label} | " + " | ".join(cells) + " |"


def _groups(results: Mapping[str, Any]) -> list[str]:
    rows = results["groups"]
    if not rows:
        return ["No groups."]
    names = list(rows[0]["rmse"])
    labels = [results["methods"][name]["label"] for name in names]
    lines = ["| group | patients | " + " | ".join(labels) + " | made worse |"]
    lines += ["| --- | ---: |" + " ---: |" * (len(names) + 1)]
    for row in rows:
        mark = " **worse than own fit**" if row["worse_than_own_fit"] else ""
        cells = [_number(row["rmse"][name]) for name in names]
        group = f"{row['attribute']}: {row['group']}".replace("|", "\\|")
        lines.append(
            f"| {group}{mark} | {row['patients']} | "
            + " | ".join(cells)
            + f" | {_share(row['share_made_worse'])} |"
        )
    return lines


def _counted(counting: str) -> str:
    return f"counting {counting}"


def _lower(one: Mapping[str, Any]) -> str:
    lower, reached = one["error_lower_by"], one["error_aim_reached"]
    if lower["estimate"] is None:
        return "no figure"
    # An estimate above the aim with an interval that goes below it is not yet a finding.
    unsure = reached and (lower["low"] is None or lower["low"] < one["error_aim"])
    return f"{_percent(lower)}, aim 15 %: {'not for certain' if unsure else _said(reached)}"


def _needed(one: Mapping[str, Any]) -> str:
    needed, ratio = one["observations_needed"], one["observations_ratio"]
    if one["baseline_learns"] is None:
        return "no figure"
    if not one["baseline_learns"]:
        return "nothing to compare: with 7 known the baseline errs as with none"
    if needed["estimate"] is None:
        return "more than 7, aim 3.5: not reached"
    return (
        f"{needed['estimate']:.1f} ({_number(needed['low'], 1)} to {_number(needed['high'], 1)}),"
        f" {ratio['estimate']:.1f} times fewer, aim 2: {_said(one['observations_aim_reached'])}"
    )


def _steps(one: Mapping[str, Any]) -> str:
    steps = one["steps"]
    if steps["baseline"] is None:
        return "no figure"
    if steps["baseline"] == 0:
        return "nothing to compare: fine-tuning errs least without a step"
    if steps["ratio"] is None:
        return "error not reached"
    return (
        f"{steps['prior']} against {steps['baseline']}, {steps['ratio']:.1f} times fewer,"
        f" aim 2: {_said(steps['aim_reached'])}"
    )


def _worse(one: Mapping[str, Any]) -> str:
    return _share(one["share_made_worse"])


def _said(reached: bool) -> str:
    return "reached" if reached else "not reached"


def _percent(interval: Mapping[str, Any]) -> str:
    if interval["estimate"] is None:
        return "no figure"
    low, high = (
        "-" if interval[end] is None else f"{100 * interval[end]:.1f}" for end in ("low", "high")
    )
    return f"{100 * interval['estimate']:.1f} % ({low} to {high})"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
