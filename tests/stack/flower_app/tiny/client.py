"""The site's part: answer with what the site's process was given."""

from __future__ import annotations

import os
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.query()
def answer(message: Message, context: Context) -> Message:
    """Answer with the site's name, its working folder and the program that Flower started."""
    told = ConfigRecord(
        {
            "site": str(context.node_config["site"]),
            "folder": str(Path.cwd()),
            "home": os.environ["FLWR_HOME"],
            "started-by": os.environ.get("STARTED_BY", "flower"),
        }
    )
    return Message(content=RecordDict({"told": told}), reply_to=message)
