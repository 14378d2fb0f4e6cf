"""Lists what Slither's mutators would change in the contracts, as JSON on standard output.

Runs in the analysers' environment: `python mutants.py ARCHIVE`, in the folder that holds the
sources. One change is {file, start, end, new, operator}, offsets in bytes. Slither's own runner
compiles and tests one mutant after another with a command of its own making; here its operators
are used and nothing else of it.
"""

import json
import os
import sys
from pathlib import Path

from slither import Slither
from slither.tools.mutator.mutators import all_mutators
from slither.tools.mutator.mutators.abstract_mutator import AbstractMutator


def operators() -> list[type[AbstractMutator]]:
    """Every mutator that this version of Slither has, by name."""
    found = (getattr(all_mutators, name) for name in dir(all_mutators))
    return sorted(
        (one for one in found if isinstance(one, type) and issubclass(one, AbstractMutator)),
        key=lambda one: one.NAME,
    )


def main(archive: str) -> None:
    """Prints the changes."""
    slither = Slither(archive)
    here = Path.cwd()
    changes = []
    for unit in slither.compilation_units:
        for contract in unit.contracts:
            path = Path(contract.source_mapping.filename.absolute)
            name = os.path.relpath(path, here)
            if not name.startswith("contracts/") or name.startswith("contracts/interfaces/"):
                continue
            for operator in operators():
                mutator = operator(unit, 0, "", "", contract, None, False, here, [], 100)
                patches = mutator._mutate().get("patches", {})
                for patch in (one for group in patches.values() for one in group):
                    changes.append(
                        {
                            "file": name,
                            "start": patch["start"],
                            "end": patch["end"],
                            "new": str(patch["new_string"]),
                            "operator": operator.NAME,
                        }
                    )
    json.dump(changes, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
