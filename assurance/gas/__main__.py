"""`python -m assurance.gas --check|--write`: exit code 0 when the table holds, 1 when not."""

import argparse
import sys

from assurance.gas.command import run
from assurance.gas.table import NoTable
from chain.compile import CompileError
from stack.setup_runner import SetupError


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m assurance.gas", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="compare with the committed table")
    action.add_argument("--write", action="store_true", help="write the table and docs/gas.md")
    chosen = parser.parse_args(arguments)
    try:
        result = run(check=chosen.check)
    except (NoTable, SetupError, CompileError) as error:
        print(f"The gas table: {error}", file=sys.stderr)
        return 1
    for key, gas in result.gas.items():
        print(f"{gas:>10,}  {key}")
    print(result.summary())
    for problem in result.problems:
        print(problem, file=sys.stderr)
    return 0 if result.passed else 1


if __name__ == "__main__":
    sys.exit(main())
