"""`python -m assurance [CHECK ...]`: all checks of the contracts, or those that are named.

Prints one table and writes out/audit-contracts/summary.json. Exit code 0 when every check passed,
1 when one found something, 2 when one could not be carried out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from assurance import coverage, slither, symbolic_checks
from assurance.gas import run as measure_gas
from assurance.gas.table import NoTable
from assurance.mutation import campaign
from assurance.outcome import CheckError, Outcome
from assurance.sources import OUT
from chain.compile import CompileError
from stack.setup_runner import SetupError


def _gas(console: Console) -> Outcome:
    console.print("Gas: every act on a node, beside its peer (4 minutes)")
    result = measure_gas(check=True)
    return Outcome(result.summary(), result.problems, {"gas": dict(result.gas)})


def _checks(everything: bool, tests_grew: bool = False) -> dict[str, Callable[[Console], Outcome]]:
    return {
        "slither": slither.check,
        "halmos": symbolic_checks.check,
        "coverage": coverage.check,
        "gas": _gas,
        "mutation": lambda console: campaign.check(
            console, everything=everything, tests_grew=tests_grew
        ),
    }


def main(arguments: list[str] | None = None) -> int:
    """Runs the checks one after another; a check that cannot run does not stop the others."""
    names = list(_checks(everything=False))
    parser = argparse.ArgumentParser(prog="python -m assurance", description=__doc__)
    parser.add_argument("check", nargs="*", help=f"of {', '.join(names)}; all when none is named")
    parser.add_argument("--all", action="store_true", help="every mutant, and not a sample")
    parser.add_argument(
        "--tests-grew",
        action="store_true",
        help="mutants that earlier tests killed stay killed; right when tests were only added",
    )
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.check) - set(names))
    if unknown:
        parser.error(f"there is no check {', '.join(unknown)}: choose of {', '.join(names)}")
    console = Console()
    table = Table("check", "result", "seconds", "what it says")
    summary = {}
    worst = 0
    for name, check in _checks(chosen.all, chosen.tests_grew).items():
        if chosen.check and name not in chosen.check:
            continue
        began = time.monotonic()
        try:
            outcome = check(console)
            result = "passed" if outcome.passed else "FAILED"
            worst = max(worst, 0 if outcome.passed else 1)
        except (CheckError, SetupError, CompileError, NoTable) as error:
            outcome, result, worst = Outcome(str(error), (str(error),)), "NOT RUN", 2
        seconds = round(time.monotonic() - began)
        for problem in outcome.problems:
            console.print(f"[bold]{name}[/bold]: ", end="")
            console.print(problem, markup=False, highlight=False)
        table.add_row(name, result, str(seconds), outcome.summary)
        summary[name] = {
            "result": result,
            "seconds": seconds,
            "summary": outcome.summary,
            "problems": list(outcome.problems),
            "figures": dict(outcome.figures),
        }
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    console.print(table)
    console.print(f"Logs and figures: {OUT}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
