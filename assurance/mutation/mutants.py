"""Which mutants there are, and which of them a run takes."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from assurance import tools
from assurance.mutation.conditions import NEGATION, negations
from assurance.outcome import CheckError
from assurance.slither import archive_of
from assurance.sources import OUT, ROOT

#: Slither's operator around `if`, which negates too.
_IF = "MIA"
_WITH_ZERO = re.compile(r"(?P<what>[^&|<>=!]+?)\s*(?P<sign>==|!=|<=|>)\s*0")

_SCRIPT = Path(__file__).parent.parent / "inside" / "mutants.py"


@dataclass(frozen=True, order=True)
class Mutant:
    """One change to one file. `start` and `end` are byte offsets in the file as it is."""

    file: str
    start: int
    end: int
    new: str
    operator: str

    @property
    def is_negation(self) -> bool:
        """Whether it negates a condition."""
        return self.operator == NEGATION or (self.operator == _IF and self.new.startswith("!("))

    def text(self, original: bytes) -> bytes:
        """The changed file."""
        return original[: self.start] + self.new.encode() + original[self.end :]

    def key(self, original: bytes) -> str:
        """Names the change by what it does to which lines, wherever in the file they stand."""
        content = f"{self.file}\n{self.operator}\n" + "\n".join(self.changed_lines(original))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def line(self, original: bytes) -> int:
        """The line that it begins on, from 1."""
        return original[: self.start].count(b"\n") + 1

    def changed_lines(self, original: bytes) -> list[str]:
        """`-` the lines as they are, `+` as they would be."""
        first = original.rfind(b"\n", 0, self.start) + 1
        last = original.find(b"\n", self.end)
        last = len(original) if last < 0 else last
        changed = original[first : self.start] + self.new.encode() + original[self.end : last]
        before, after = original[first:last].decode().split("\n"), changed.decode().split("\n")
        while before and after and before[0] == after[0]:
            before, after = before[1:], after[1:]
        while before and after and before[-1] == after[-1]:
            before, after = before[:-1], after[:-1]
        return [f"-{line}" for line in before] + [f"+{line}" for line in after]


def all_mutants(root: Path = ROOT) -> list[Mutant]:
    """Every mutant of the contracts, in order, none twice. Takes about half a minute."""
    project = OUT / "mutants"
    archive = archive_of(project)
    python = str(tools.python_tool("python"))
    answer = project / "mutants.json"
    script = f'exec "{python}" "{_SCRIPT}" "{archive.name}" > "{answer.name}"'
    ran = tools.run(["sh", "-c", script], "mutants.log", cwd=project)
    if ran.status != 0:
        raise CheckError(f"Slither's mutators failed: see {ran.log}.")
    found = {Mutant(**one) for one in json.loads(answer.read_text(encoding="utf-8"))}
    found |= {Mutant(*negation, NEGATION) for negation in negations(root)}
    unique: dict[tuple[str, bytes], Mutant] = {}
    # A change that several operators make counts as a negation if it is one.
    for mutant in sorted(found, key=lambda one: (not one.is_negation, one)):
        original = (root / mutant.file).read_bytes()
        changed = mutant.text(original)
        if changed != original and not _says_the_same(original, mutant):
            unique.setdefault((mutant.file, changed), mutant)
    if not unique:
        raise CheckError("Slither's mutators found nothing to change.")
    return sorted(unique.values())


def _says_the_same(original: bytes, mutant: Mutant) -> bool:
    """`x == 0` for `x <= 0`, or `x != 0` for `x > 0`: the contracts have no signed numbers."""
    before = _WITH_ZERO.fullmatch(original[mutant.start : mutant.end].decode().strip())
    after = _WITH_ZERO.fullmatch(mutant.new.strip())
    if before is None or after is None or before["what"] != after["what"]:
        return False
    return (before["sign"], after["sign"]) in {("==", "<="), ("!=", ">")}


def sample(mutants: list[Mutant], size: int, seed: int) -> list[Mutant]:
    """`size` mutants, as evenly as they come over files and operators, and all other negations.

    The same seed and mutants give the same sample, in the same order.
    """
    strata: dict[tuple[str, str], list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        strata[mutant.file, mutant.operator].append(mutant)
    generator = random.Random(seed)  # noqa: S311  (a sample, no secret)
    for group in strata.values():
        generator.shuffle(group)
    chosen: list[Mutant] = []
    while strata and len(chosen) < size:
        names = sorted(strata)
        generator.shuffle(names)
        for name in names[: size - len(chosen)]:
            chosen.append(strata[name].pop())
            if not strata[name]:
                del strata[name]
    taken = set(chosen)
    chosen += [one for one in mutants if one.is_negation and one not in taken]
    generator.shuffle(chosen)
    return chosen
