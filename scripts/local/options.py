"""What `assent up`, `down` and `status` take, and the state folder that they act on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scripts.console import BadInput
from scripts.local.layout import Layout

StateFolder = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        envvar="ASSENT_STATE",
        help="Where everything is kept; ~/.local/share/assent without it.",
        show_default=False,
    ),
]


def layout_of(state: Path | None) -> Layout:
    """The state folder's layout; the user's own data folder when none is named."""
    if state is not None:
        return Layout(state.expanduser().absolute())
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Layout(Path(base).absolute() / "assent")


def layout_to_fill(state: Path | None) -> Layout:
    """As `layout_of`. Raises BadInput when something else is there: it would be closed to all other
    users, and files of ours would lie among those of others; and when its path is too long, before
    contracts are deployed that nothing could be run with.
    """
    from federation.gate.fork_server.listener import LONGEST_PATH

    layout = layout_of(state)
    try:
        strange = layout.holds_something_else
    except NotADirectoryError:
        raise BadInput(f"--state: {layout.state} is no folder; name another one") from None
    if strange:
        raise BadInput(
            f"--state: {layout.state} is neither empty nor a state of `assent up`, which has an"
            " up.json: name a new folder, or restore that file"
        )
    if len(os.fsencode(layout.fork_server_socket)) > LONGEST_PATH:
        raise BadInput(
            f"--state: {layout.fork_server_socket} would be longer than the {LONGEST_PATH} bytes"
            " that a Unix socket's path may have; name a folder with a shorter path"
        )
    return layout


def existing_layout(state: Path | None) -> Layout:
    """As `layout_of`. Raises BadInput when no `assent up` was ever run there."""
    layout = layout_of(state)
    if not layout.settings.is_file():
        raise BadInput(
            f"{layout.state} holds no state of `assent up`; run it first, or say --state"
        )
    return layout
