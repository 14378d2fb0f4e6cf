"""`assent up`: a federation on this machine that stays."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import (
    JsonOption,
    error_console,
    say,
    say_command,
    show_facts,
    show_json,
    warn,
    warn_of_loading,
)
from scripts.local.options import StateFolder, layout_to_fill

if TYPE_CHECKING:
    from scripts.local.layout import Layout
    from scripts.local.settings import Settings


def up(
    state: StateFolder = None,
    chain: Annotated[
        str | None,
        typer.Option(
            metavar="geth|hardhat|URL",
            help="Which chain: geth keeps everything (default), hardhat forgets when it stops, "
            "a URL is a node that runs already. Kept from the first time on.",
        ),
    ] = None,
    sites: Annotated[
        int | None, typer.Option(min=2, max=20, help="How many sites (default 5). Kept.")
    ] = None,
    deployer_key: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="With --chain URL: key file (mode 600) of the account that deploys. Kept.",
        ),
    ] = None,
    confirmations: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="With --chain URL: blocks on top of one until it is final; 0 (default) is for "
            "chains whose blocks are final at once. Kept.",
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Start chain, IPFS, Flower, five sites, a study and the HTTP service, and leave them running.

    Run again after `assent down`, a crash or a reboot, it brings back the same contracts, study,
    keys and rounds; while everything runs it changes nothing. A chain that has lost anything that
    was relied on is refused. The first time takes a minute.
    """
    from scripts.local.running import alone_with, recorded, stop_everything, strays
    from scripts.local.settings import refuse_taken_ports, settled

    layout = layout_to_fill(state)
    layout.make()
    with alone_with(layout):
        settings = settled(layout.settings, chain, sites, deployer_key, confirmations)
        there = recorded(layout)
        runs = bool(there) and all(one.is_running for one in there)
        if runs:
            warn("Everything runs already; nothing was changed.")
        else:
            if any(one.is_running for one in there) or strays(layout):
                ended = ", ".join(one.name for one in there if not one.is_running)
                warn(f"Not all of it runs ({ended or 'a start was broken off'}): starting anew.")
                stop_everything(layout)
            refuse_taken_ports(settings, layout.settings)
            _bring_up(layout, settings)
    _show(layout, settings, json_)


def _bring_up(layout: Layout, settings: Settings) -> None:
    warn_of_loading()
    from scripts.local.standing import STEPS, bring_up
    from scripts.steps import Steps

    if settings.chain == "hardhat":
        warn("A Hardhat chain forgets everything when it stops: contracts, consents and rounds.")
    bring_up(layout, settings, Steps(error_console(), STEPS))


def _show(layout: Layout, settings: Settings, json_: bool) -> None:
    from scripts.local.facts import chain_facts, ipfs_api, processes, rpc_url, service_url
    from scripts.local.next_steps import next_commands

    facts = chain_facts(layout, settings)
    number = facts["studies"][0]["study"] if facts["studies"] else None
    folders = {name: str(layout.site(name)) for name in settings.sites}
    commands = next_commands(layout, settings, number)
    if json_:
        show_json(
            {
                "state": str(layout.state),
                "ipfs_api": ipfs_api(settings),
                "service": service_url(settings),
                "chain": facts,
                "study": number,
                "sites": folders,
                "logs": str(layout.logs),
                "processes": processes(layout),
                "next": commands,
            }
        )
        return
    show_facts(
        "Running",
        [
            ("state folder", layout.state),
            ("chain (RPC)", facts["rpc_url"]),
            ("IPFS API", ipfs_api(settings)),
            ("HTTP service", service_url(settings)),
            ("deployment file", layout.deployment),
            *facts["contracts"].items(),
            ("study", number),
            *((f"folder of {name}", folder) for name, folder in folders.items()),
            ("logs", layout.logs),
        ],
    )
    if facts["error"]:
        warn(facts["error"])
    say("\nNext. In a shell of your own:", "bold")
    exports = {"ASSENT_RPC": rpc_url(settings), "ASSENT_DEPLOYMENT": layout.deployment}
    exports |= {"ASSENT_IPFS": ipfs_api(settings), "ASSENT_API": service_url(settings)}
    for name, value in exports.items():
        say_command(f"export {name}={shlex.quote(str(value))}")
    for persona, lines in commands.items():
        say(f"{persona}:", "cyan")
        for line in lines:
            say_command(line)
