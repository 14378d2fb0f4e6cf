"""What `assent up` says to do next can be pasted into a shell, wherever the state lies."""

from __future__ import annotations

import shlex
from pathlib import Path

from scripts.local.layout import Layout
from scripts.local.next_steps import next_commands
from scripts.local.settings import Settings


def test_a_path_is_one_word_of_its_command() -> None:
    layout = Layout(Path("/home/Åsa O'Neill/my states/$HOME"))
    commands = next_commands(layout, Settings("geth", ("site-1",), {}), 1)
    words = [word for lines in commands.values() for line in lines for word in shlex.split(line)]
    paths = [word for word in words if word.startswith("/")]
    assert all(Path(path).is_relative_to(layout.state) for path in paths)
    named = {Path(path) for path in paths}
    assert {layout.state, layout.site("site-1"), layout.coordinator, layout.app} <= named
    assert layout.people / "relayer.key" in named
