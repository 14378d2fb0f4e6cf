"""`assent down`: stop what `assent up` left running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.console import JsonOption, say, show_json, warn
from scripts.local.options import StateFolder, existing_layout

if TYPE_CHECKING:
    from scripts.local.layout import Layout


def down(state: StateFolder = None, json_: JsonOption = False) -> None:
    """Stop everything that `assent up` started, and keep its state.

    Afterwards no process of it is left. `assent up` brings the same federation back.
    """
    from scripts.local.running import alone_with, recorded, stop_everything, strays

    layout = existing_layout(state)
    with alone_with(layout):
        if any(one.is_running for one in recorded(layout)):
            _remember_head(layout)
            warn("Stopping: some seconds.")
        left = strays(layout)
        stopped = stop_everything(layout)
    if json_:
        show_json({"state": str(layout.state), "stopped": stopped})
    elif stopped or left:
        say(f"Stopped {len(stopped)} processes. The state is kept in {layout.state}.")
    else:
        say("Nothing was running.")


def _remember_head(layout: Layout) -> None:
    """So that the next `assent up` refuses a chain that has lost any block of this run."""
    from chain.chain import Chain
    from chain.deployment import Deployment
    from chain.errors import ChainError
    from scripts.local.facts import rpc_url
    from scripts.local.settings import Settings

    try:
        settings = Settings.load(layout.settings)
        deployment = Deployment.load(layout.deployment)
        chain = Chain.connect(rpc_url(settings), deployment, high_water=layout.high_water)
        chain.rely_on(chain.head())
    except (ChainError, OSError, ValueError) as error:
        warn(f"The chain's newest block could not be written down: {error}")
