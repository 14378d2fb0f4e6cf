"""`assent site start`, `stop` and `status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import JsonOption, say, show_facts, show_json, show_table, warn
from scripts.site.options import Folder, open_folder

if TYPE_CHECKING:
    from federation.gate.status import SiteStatus

_RHO_UNIT = 10**18


def start(
    folder: Folder,
    timeout: Annotated[
        float, typer.Option(min=1.0, help="Seconds to wait for the SuperLink's answer.")
    ] = 120.0,
    json_: JsonOption = False,
) -> None:
    """Start this site's SuperNode and fork server in the background, and wait until connected.

    Connections go outward only. Every app that the coordinator sends is judged by this site's
    gate first. Logs are in FOLDER/logs.
    """
    from federation.gate.site import SiteConfig
    from scripts.site.processes import start_processes
    from stack.process import ProcessError

    found = open_folder(folder)
    study = SiteConfig.load(found).study_id
    if not json_:
        warn("Starting: this takes about 20 s, most of it for loading libraries once.")
    try:
        node_id = start_processes(found, timeout)
    except ProcessError:
        warn(
            "When `assent site preflight` finds the SuperLink, most likely the coordinator has not"
            f" admitted this site yet: give them {found / 'supernode' / 'keys' / 'supernode.pub'}."
        )
        raise
    if json_:
        show_json({"study": study, "node_id": str(node_id), "logs": str(found / "logs")})
    else:
        say(f"Connected to the SuperLink as node {node_id}; taking part in study {study}.")
        say(f"Logs: {found / 'logs'}. `assent site stop` ends it.")


def stop(folder: Folder, json_: JsonOption = False) -> None:
    """Stop this site's processes. A round under way goes on without this site."""
    from scripts.site.processes import stop_processes

    stopped = stop_processes(open_folder(folder))
    if json_:
        show_json({"stopped": stopped})
    else:
        say(f"Stopped {' and '.join(stopped)}." if stopped else "Nothing was running.")


def status(
    folder: Folder,
    last: Annotated[int, typer.Option(min=1, help="How many rounds to show.")] = 5,
    json_: JsonOption = False,
) -> None:
    """Show whether this site is connected, its last rounds, the privacy budget and its cohort."""
    from federation.gate.status import read_status
    from scripts.site.processes import names_of_running

    found = open_folder(folder)
    value = read_status(found, last)
    there = names_of_running(found)
    reachable = _superlink_answers(found)
    # Both processes and an answering SuperLink: a SuperNode that lost it tries again by itself.
    connected = len(there) == 2 and reachable
    if json_:
        show_json({"connected": connected, "running": there, **value.to_json()})
    else:
        _show(value, connected, there)


def _superlink_answers(folder: Path) -> bool:
    from federation.gate.flower_settings import FlowerSettings, ask_superlink

    settings = FlowerSettings.load(folder)
    try:
        ask_superlink(settings, folder / settings.ca)
    except ConnectionError:
        return False
    return True


def _show(value: SiteStatus, connected: bool, there: list[str]) -> None:
    from audit.times import moment

    ceiling = value.rho_ceiling or 1
    show_facts(
        f"Site {value.account}",
        [
            ("study", f"{value.study_id}, version {value.version}" + _suspended(value)),
            ("approved until", moment(value.approved_until)),
            ("connected", "yes" if connected else f"no (running: {', '.join(there) or 'nothing'})"),
            ("chain block", value.block),
            ("cohort now", f"{value.cohort_now} active consents ({value.min_cohort} needed)"),
            (
                "rho spent",
                f"{value.rho_spent / _RHO_UNIT:.6g} of {value.rho_ceiling / _RHO_UNIT:.6g}"
                f" ({100 * value.rho_spent / ceiling:.0f} %)",
            ),
            ("this site's own tally", f"{value.own_tally / _RHO_UNIT:.6g}"),
            ("record ceiling", _record_ceiling(value)),
            (
                "abandoned, charged",
                f"{value.charged_aborts}; from {value.max_charged_aborts} on no round opens until"
                " the reviewers have let the study go on",
            ),
        ],
    )
    show_table(
        "Last rounds",
        ["round", "state", "own attempt", "own cohort", "sealed in", "delivered", "replay until"],
        [
            (
                one.number,
                one.state,
                one.attempt,
                one.cohort,
                "yes" if one.is_member else "no",
                "on record" if one.on_record else "yes" if one.delivered else "no",
                moment(one.replay_until) if one.replay_until else "-",
            )
            for one in value.rounds
        ],
    )
    for remedy in value.remedies:
        say(remedy)


def _record_ceiling(value: SiteStatus) -> str:
    counts = value.records
    return (
        f"rho {counts.ceiling / _RHO_UNIT:.6g} over {counts.studies} studies; of"
        f" {counts.records} records {counts.at_ceiling} have reached it, {counts.reaching_it} would"
        " in this study"
    )


def _suspended(value: SiteStatus) -> str:
    return " (suspended by its reviewers)" if value.suspended else ""
