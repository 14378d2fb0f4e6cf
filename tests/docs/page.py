"""Somebody who follows a page of docs/: runs its console blocks in their order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from stack.binaries import ROOT
from tests.desk import Answer, Desk


@dataclass
class Reader:
    """Runs one page at a desk.

    Attributes:
        means: what the page's example values stand for here, by variable.
        then: what others do after a line that contains the key.
    """

    desk: Desk
    name: str
    means: dict[str, str] = field(default_factory=dict)
    then: dict[str, Callable[[Answer], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.text = page(self.name)
        self.means |= self.desk.environment

    def follow(self) -> None:
        variables: dict[str, str] = {}
        for line in console_lines(self.name):
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                variables[name] = self.means.get(name, value)
                continue
            command = Template(line).substitute(variables | self.means)
            answer = self._run(command)
            assert answer.code == 0, f"{self.name}: {line}\n{answer.out}\n{answer.err}"
            for part, act in self.then.items():
                if part in line:
                    act(answer)

    def _run(self, command: str) -> Answer:
        if command.startswith("assent "):
            return self.desk.assent(command.removeprefix("assent "))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.desk.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page(name), re.MULTILINE | re.DOTALL)


def console_lines(name: str) -> list[str]:
    """The commands, each line of which begins with a prompt."""
    lines = [line for block in blocks(name, "console") for line in block.splitlines()]
    assert lines
    assert all(line.startswith("$ ") for line in lines), lines
    return [line.removeprefix("$ ") for line in lines]


def commands_shown(name: str, group: str) -> set[str]:
    """Commands of a group that appear anywhere on the page."""
    return set(re.findall(rf"assent {group} ([a-z-]+)", page(name)))
