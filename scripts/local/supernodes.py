"""SuperNodes that a SuperLink remembers from its last run: who is admitted, who is connected."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from stack.binaries import tool_environment
from stack.flower import CONNECTION, SuperLink, SuperNode, flwr_environment, flwr_program
from stack.flower_run import FlowerError, register
from stack.process import TOOLS

# A SuperNode that was killed counts as connected until two of its heartbeats (30 s each, Flower's
# HEARTBEAT_DEFAULT_INTERVAL and HEARTBEAT_PATIENCE) are overdue, and Flower refuses a second one.
_LONGEST_WAIT = 90.0
_PAUSE = 2.0
ONLINE = "online"


def states(home: Path) -> dict[int, str]:
    """What the SuperLink that FLWR_HOME names says of each SuperNode, such as online, by its id.

    Raises:
        FlowerError: it does not answer.
    """
    done = subprocess.run(
        [flwr_program(), "supernode", "list", CONNECTION, "--format", "json"],
        env=tool_environment(TOOLS, flwr_environment(home)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    start = done.stdout.find("{")
    if done.returncode != 0 or start < 0:
        raise FlowerError((done.stdout + done.stderr).strip())
    # What it says in passing comes on the same stream, before and after.
    answer, _end = json.JSONDecoder().raw_decode(done.stdout[start:])
    return {int(node["node-id"]): str(node["status"]) for node in answer["nodes"]}


def admitted(path: Path) -> dict[str, int]:
    """The ids that `remember` wrote, by site; empty before that."""
    try:
        return {str(name): int(number) for name, number in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def remember(nodes: Mapping[str, SuperNode], path: Path) -> None:
    """Writes down the ids of connected SuperNodes, by site."""
    fresh = path.with_name(path.name + ".part")
    fresh.write_text(json.dumps({name: node.node_id for name, node in nodes.items()}) + "\n")
    fresh.replace(path)


def admit(
    superlink: SuperLink,
    nodes: Mapping[str, SuperNode],
    path: Path,
    known: bool,
    say: Callable[[str], None],
) -> None:
    """Has the SuperLink admit the SuperNodes that it does not know, before any of them starts.

    Args:
        nodes: by site, not started.
        path: what `remember` wrote.
        known: whether the SuperLink has a database of an earlier run.
        say: is told when this takes long.

    Raises:
        FlowerError: the SuperLink refuses, or still counts one of them as connected after 90 s.
    """
    ids = admitted(path)
    seen = _states_when_offline(superlink, set(ids.values()), say) if known else {}
    missing = [node for name, node in nodes.items() if ids.get(name) not in seen]
    if not missing:
        return
    if not known:
        register(superlink, [node.keys.public for node in missing])
        return
    for node in missing:
        # Admitted, but the command that did it was stopped before it could write that down.
        try:
            register(superlink, [node.keys.public])
        except FlowerError as error:
            if "already in use" not in str(error).lower():
                raise


def _states_when_offline(
    superlink: SuperLink, ours: set[int], say: Callable[[str], None]
) -> dict[int, str]:
    deadline = time.monotonic() + _LONGEST_WAIT
    told = False
    while True:
        seen = states(superlink.home)
        # Without a record of ours, any may be ours.
        if all(seen[one] != ONLINE for one in seen if not ours or one in ours):
            return seen
        if time.monotonic() > deadline:
            raise FlowerError(
                "The SuperLink still counts SuperNodes as connected that do not run here. Is one "
                "of these sites running elsewhere? Stop it there."
            )
        if not told:
            say("SuperNodes were killed: waiting until the SuperLink notices (up to a minute)")
            told = True
        time.sleep(_PAUSE)
