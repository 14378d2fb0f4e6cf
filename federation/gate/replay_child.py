"""The process of a replay: loads the approved app, has it replay a round, prints its report.

Its own modules are the gate's; every other module of the project comes from the app's folder, whose
files have to be the app that reviewers approved, byte for byte.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from federation.gate.fork_server.fab import FabError, read_fab_folder
from federation.gate.fork_server.importer import AppImporter
from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT
from federation.gate.fork_server.names import why_names_refused
from federation.gate.fork_server.verdict import Admission, GateRefused

#: The app's own part of it; an app from before there were replays has none.
_MODULE, _FUNCTION = "federation.app.replay", "replay_round"


def main(app: Path, app_hash: str, folder: Path, number: int) -> None:
    """Prints one JSON object: `report`, or `refused` with a message."""
    # What libraries print must not get between.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.update(FIXED_ENVIRONMENT)
    library_path = list(sys.path)

    def admit(app_dir: Path) -> Admission:
        try:
            fab = read_fab_folder(app_dir)
        except FabError as error:
            raise GateRefused("APP_ALTERED", str(error)) from error
        if fab.fab_hash != app_hash:
            raise GateRefused("APP_NOT_APPROVED", f"{app_dir} holds app {fab.fab_hash}")
        if collision := why_names_refused(fab.file_hashes, library_path):
            raise GateRefused(*collision)
        return Admission(app_dir, fab.fab_hash, fab.file_hashes)

    sys.meta_path.insert(0, AppImporter(admit, library_path))
    sys.path.insert(0, str(app))
    replay = import_module(_MODULE)
    try:
        told = {"report": getattr(replay, _FUNCTION)(folder, number).to_json()}
    except replay.NothingToReplay as error:
        told = {"refused": str(error)}
    json.dump(told, answer)
    answer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
