"""The coordinator's part: ask every site once, and print what each says as JSON."""

from __future__ import annotations

import json
import time

from flwr.app import Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp
from flwr.supercore.logger import log

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Ask, print, and fail if told to."""
    while len(list(grid.get_node_ids())) < int(context.run_config["sites"]):
        time.sleep(0.1)
    questions = [Message(RecordDict(), node, "query") for node in grid.get_node_ids()]
    for reply in grid.send_and_receive(questions, timeout=60):
        told = dict(reply.content["told"])
        log(20, "TOLD %s", json.dumps({"node": reply.metadata.src_node_id, **told}))
    log(20, "GREETING %s", context.run_config["greeting"])
    if context.run_config["fail"]:
        raise RuntimeError("told to fail")
