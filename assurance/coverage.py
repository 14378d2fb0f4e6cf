"""Which lines and statements of the contracts the Solidity tests run."""

from __future__ import annotations

import re

from rich.console import Console

from assurance import tools
from assurance.outcome import CheckError, Outcome
from assurance.sources import OUT, ROOT, contract_files, copy_project

# A row of Hardhat's table: file, share of lines, share of statements, lines that were not run.
_ROW = re.compile(r"║\s*(contracts/\S+\.sol)\s*│\s*([\d.]+)\s*│\s*([\d.]+)\s*│\s*(.*?)\s*║")
# Interfaces and constants have nothing that could be run, so they have no row.
_FUNCTION_WITH_BODY = re.compile(r"\bfunction\b[^;{]*\{|\bconstructor\b")
_FUZZ_RUNS = "64"


def check(console: Console) -> Outcome:
    """Runs all tests on instrumented contracts. Raises CheckError when that shows nothing."""
    with tools.progress("Coverage: every test, on instrumented contracts (minutes)", console):
        # Neither profile changes which lines there are, and this one compiles in seconds.
        command = [*tools.hardhat_command(), "--build-profile", "mutation", "--coverage"]
        ran = tools.run(
            [*command, "test", "solidity"],
            "coverage.log",
            cwd=copy_project(OUT / "coverage"),
            extra={"ASSENT_FUZZ_RUNS": _FUZZ_RUNS},
        )
    rows = {row[0]: row[1:] for row in _ROW.findall(ran.output)}
    if ran.status != 0 or not rows:
        raise CheckError(f"Hardhat measured no coverage (did a test fail?): see {ran.log}.")
    problems = [
        f"{file} is not in the report"
        for file in contract_files()
        if file not in rows and _has_code(file)
    ]
    problems += [
        f"{file}: {lines} % of lines, {statements} % of statements; not run: {where}"
        for file, (lines, statements, where) in sorted(rows.items())
        if (float(lines), float(statements)) != (100.0, 100.0)
    ]
    whole = len(rows) - sum(problem.startswith(tuple(rows)) for problem in problems)
    summary = f"{whole} of {len(rows)} files with all lines and statements run"
    return Outcome(summary, tuple(problems), {"files": len(rows), "whole": whole})


def _has_code(file: str) -> bool:
    text = (ROOT / file).read_text(encoding="utf-8")
    return _FUNCTION_WITH_BODY.search(text) is not None
