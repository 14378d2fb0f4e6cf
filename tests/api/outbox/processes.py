"""The service's real processes, over the settings of a test's outbox."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.binaries import ROOT
from tests.api.outbox.acts import Outbox


@contextmanager
def process(
    module: str, outbox: Outbox, log: Path, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """One of them, which is killed at the end at the latest; what it prints is added to `log`."""
    known = outbox.service.settings
    environment = {
        "ASSENT_API_RPC_URL": str(known.rpc_url),
        "ASSENT_API_DEPLOYMENT": str(known.deployment),
        "ASSENT_API_DATABASE_URL": known.database_url.get_secret_value(),
        "ASSENT_API_RELAYER_KEY": str(known.relayer_key),
        "PYTHONPATH": str(ROOT),
    } | {f"ASSENT_API_{name}": value for name, value in settings.items()}
    with log.open("ab") as file:
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            env=os.environ | environment,
            stderr=file,
            stdout=file,
        )
    try:
        yield started
    finally:
        started.kill()
        started.wait()
