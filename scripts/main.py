"""The entry point of the `assent` program.

It imports nothing but Python at first, so that Ctrl-C leaves no trace while all else is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main() -> None:
    """Ends the process with the command's exit code."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; see `scripts.command_line`."""
    try:
        from scripts.command_line import run_command_line

        return run_command_line(arguments)
    except KeyboardInterrupt:  # later ones are told by the command line itself
        print("assent: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    main()
