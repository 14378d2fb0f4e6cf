"""Run as a process: verifies bundles one after another within bounds of memory and CPU.

Arguments: the bound on its address space (bytes), on CPU (s), the trusted block, and the bundles.
Prints a line for each: its exit code by the rules of `assent verify`, and what was said.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from audit.errors import BundleUnusable
from audit.verify import verify_folder


def main() -> None:
    memory, seconds, trusted, *bundles = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    for bundle in bundles:
        try:
            report = verify_folder(Path(bundle), bytes.fromhex(trusted))
            names = sorted({check.name for check in report.failed})
            print(json.dumps([bundle, report.exit_code, names]), flush=True)
        except BundleUnusable as error:
            print(json.dumps([bundle, 2, [str(error)]]), flush=True)


if __name__ == "__main__":
    main()
