"""What one message costs a site in CPU seconds, as the fork server's log tells."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from pathlib import Path

_ENDED = re.compile(r"request (\d+): ended with 0 after [\d.]+ s, ([\d.]+) s of CPU")
_OTHER = re.compile(r"request (\d+): (gate|after) took ([\d.]+) s of CPU")
_NAMES = {"process": "its own process", "gate": "its gate", "after": "what follows it"}


def a_message(log: Path, sites: int) -> dict[str, float]:
    """Medians by what it was for, without the first message of each site, which installs the app.

    What follows a message is mostly killed by what follows the next.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for line in log.read_text(errors="replace").splitlines():
        if ended := _ENDED.search(line):
            number, kind, seconds = ended[1], "process", ended[2]
        elif other := _OTHER.search(line):
            number, kind, seconds = other.groups()
        else:
            continue
        if int(number) > sites:
            found[kind].append(float(seconds))
    return {name: statistics.median(found[kind]) for kind, name in _NAMES.items() if found[kind]}
