"""Set this machine up: `python3 stack/bootstrap.py`. Safe to repeat; quick when all is done.

Needs Python 3.11 or newer and nothing else (standard library only). Everything that is installed is
pinned with hashes in requirements.lock, hardhat-local/package-lock.json and the go.sum files; which
registries it comes from is the user's own pip, uv, npm and Go configuration.

    python3 stack/bootstrap.py           install what is missing
    python3 stack/bootstrap.py --lock    write requirements.lock anew from requirements.in
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

OLDEST = (3, 11)


def newer_python() -> str | None:
    """A Python on PATH that is new enough, for users whose `python3` is not."""
    names = [f"python3.{minor}" for minor in range(14, 10, -1)]
    return next((found for found in map(shutil.which, names) if found), None)


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        other = newer_python()
        if other is None:
            sys.exit(
                "Assent needs Python 3.11 or newer, and found only " + sys.version.split()[0] + "."
            )
        os.execv(other, [other, *sys.argv])  # noqa: S606 -- this program again
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from stack.setup_steps import SetupError, lock, set_up

    parser = argparse.ArgumentParser(description="Set up Assent. Safe to repeat.")
    parser.add_argument(
        "--lock", action="store_true", help="write requirements.lock anew, then stop"
    )
    arguments = parser.parse_args()
    try:
        lock() if arguments.lock else set_up()
    except SetupError as failure:
        sys.exit(f"\nSet-up stopped: {failure}")
    except KeyboardInterrupt:
        sys.exit("\nSet-up interrupted. Run it again to go on where it stopped.")
