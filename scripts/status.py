"""`assent status`: what of `assent up` runs, and how its studies stand."""

from __future__ import annotations

from typing import Any

import typer

from scripts.console import JsonOption, show_facts, show_json, show_table, tick, warn
from scripts.exit_codes import REFUSED
from scripts.local.options import StateFolder, existing_layout

_RHO_UNIT = 10**18


def status(state: StateFolder = None, json_: JsonOption = False) -> None:
    """Show processes, chain, studies, privacy budget and connected sites.

    Exit code 0 when all of it runs, 1 when something does not, 2 when there is no state.
    """
    from scripts.local.facts import chain_facts, processes, site_facts
    from scripts.local.running import SUPERLINK
    from scripts.local.settings import Settings

    layout = existing_layout(state)
    settings = Settings.load(layout.settings)
    running = processes(layout)
    superlink = any(one["running"] and one["name"] == SUPERLINK for one in running)
    chain = chain_facts(layout, settings)
    sites = site_facts(layout, settings, superlink)
    well = (
        bool(running)
        and all(one["running"] for one in running)
        and chain["error"] is None
        and all(site["connected"] for site in sites)
    )
    if json_:
        value = {"state": str(layout.state), "all_running": well, "processes": running}
        show_json({**value, "chain": chain, "sites": sites})
    else:
        _show(running, chain, sites)
    if not well:
        raise typer.Exit(REFUSED)


def _show(
    running: list[dict[str, Any]], chain: dict[str, Any], sites: list[dict[str, Any]]
) -> None:
    if not running:
        warn("Nothing runs. `assent up` starts it.")
    show_table(
        "Processes",
        ["", "process", "pid", "log"],
        [(tick(one["running"]), one["name"], one["pid"], one["log"]) for one in running],
    )
    head = chain["head"]
    shown = f"block {head['number']}, {head['hash']}" if head else "unknown"
    show_facts("Chain", [("RPC", chain["rpc_url"]), ("head", shown), *chain["contracts"].items()])
    if chain["error"]:
        warn(chain["error"])
    show_table(
        "Studies",
        ["study", "version", "state", "rounds", "rho spent", "rho left"],
        [
            (
                one["study"],
                one["version"],
                _standing(one),
                _counted(one["rounds"]),
                f"{int(one['rho_spent']) / _RHO_UNIT:.6g}",
                f"{int(one['rho_left']) / _RHO_UNIT:.6g}",
            )
            for one in chain["studies"]
        ],
    )
    show_table(
        "Sites",
        ["connected", "site", "account", "folder"],
        [
            (tick(bool(one["connected"])), one["name"], one["account"], one["folder"])
            for one in sites
        ],
    )


def _standing(study: dict[str, Any]) -> str:
    if not study["version"]:
        return "proposed"
    if study["suspended"]:
        return "suspended"
    return "approval expired" if study["approval_expired"] else "in force"


def _counted(states: list[str]) -> str:
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "none"
