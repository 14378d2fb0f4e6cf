"""The same learning in plain Flower: no consent, no chain, no masks, no IPFS.

A site reads the same records from the same store, computes the same clipped and encoded sum and
adds Gaussian noise; the server adds the sums and takes the same step. The app holds the same code
as the audited one, plus the two files below.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.fork_server import open_fork_server
from bench.overhead.messages import a_message
from bench.overhead.usage import Usage, a_round
from bench.small_federation import SmallFederation, write_app
from federation.app.package import stage_app
from federation.gate.fork_server.launch import supernode_environment

PATIENCE = 600.0

CLIENT = """
import json, os
from pathlib import Path

import numpy as np
import opacus, torch
from flwr.app import ArrayRecord, Message, RecordDict
from flwr.clientapp import ClientApp

from audit.codec import clip_and_encode, sum_rows
from federation.app.learning.meta_gradient import meta_gradients
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from federation.gate.records.store import RecordStore
from federation.gate.records.to_series import series_of
from twin.log_linear import LogLinearModel
from twin.series import PatientSeries

BITS = 24
app = ClientApp()


@app.query()
def query(message, context):
    (prior,) = message.content["prior"].to_numpy_ndarrays()
    folder = Path(os.environ["ASSENT_SITE_DIR"])
    model = LogLinearModel()
    recipe = recommended_recipe(model)
    channels = [(channel.loinc, channel.unit) for channel in model.channels]
    with RecordStore.open(folder / "records.db") as store:
        admitted = json.loads((folder / "granted.json").read_text())
        series = [PatientSeries(*series_of(store.record(one), channels)) for one in admitted]
    rows = meta_gradients(model, prior, series, recipe.support_visits)
    norm = round(CLIP_NORM * 2**BITS)
    total = sum_rows(clip_and_encode(rows * np.array(recipe.gradient_scale), norm, BITS))
    noise = np.rint(np.random.default_rng().standard_normal(total.shape) * norm).astype(np.int64)
    sums = ArrayRecord([total + noise, np.array([len(series)])])
    return Message(RecordDict({"sum": sums}), reply_to=message)
"""

SERVER = '''
import json, time
from pathlib import Path
from types import SimpleNamespace

from flwr.app import ArrayRecord, Message, RecordDict
from flwr.serverapp import ServerApp

from audit.checkpoint import initial
from audit.update import apply_round
from federation.app.exchange import Exchange
from federation.app.learning.recipe import recommended_recipe
from twin.log_linear import LogLinearModel

app = ServerApp()


@app.main()
def main(grid, context):
    """One command is one round: ask every site, add, take a step."""
    folder = Path(context.run_config["folder"])
    model = LogLinearModel()
    recipe = recommended_recipe(model)
    checkpoint = initial(model.initial_prior(), model.prior_layout, model.name)
    terms = SimpleNamespace(vector_length=recipe.size, fraction_bits=24)
    step = 0
    while True:
        command_file = folder / f"{step}.command"
        if not command_file.exists():
            time.sleep(0.02)
            continue
        command = json.loads(command_file.read_text())
        if command["do"] == "stop":
            return
        begun = time.monotonic()
        while len(nodes := list(grid.get_node_ids())) != command["nodes"]:
            time.sleep(0.1)
        content = RecordDict({"prior": ArrayRecord([checkpoint.prior])})
        messages = [Message(content, node, "query") for node in nodes]
        replies, errors = exchanged(grid, messages, command)
        answered = time.monotonic()
        if replies:
            sums = [reply.content["sum"].to_numpy_ndarrays() for reply in replies]
            count = int(sum(one[1][0] for one in sums))
            checkpoint = apply_round(checkpoint, sum(one[0] for one in sums), count, terms, recipe)
        answer = {
            "seconds": time.monotonic() - begun,
            "exchange": answered - begun,
            "replies": len(replies),
            "patients": count if replies else 0,
            "errors": errors,
        }
        written = folder / f"{step}.writing"
        written.write_text(json.dumps(answer))
        written.rename(folder / f"{step}.answer")
        step += 1


def exchanged(grid, messages, command):
    if command["do"] == "as shipped":
        found = list(grid.send_and_receive(messages, timeout=command["timeout"]))
        errors = [str(one.error) for one in found if one.has_error()]
        return [one for one in found if not one.has_error()], errors
    result = Exchange(grid, messages, command["timeout"])
    while not result.is_over:
        result.poll()
        time.sleep(0.1)
    return list(result.replies.values()), [str(one) for one in result.errors.values()]
'''


@dataclass(frozen=True)
class Plain:
    """``rounds``: what each answered, see `SERVER`; the others as in `Audited`; as shipped there is
    no log of messages.
    """

    rounds: list[dict[str, Any]]
    cpu: dict[str, float]
    message: dict[str, float]
    peak_mib: float


def plain_rounds(
    folder: Path, sites: Mapping[str, Path], rounds: int, *, as_shipped: bool
) -> Plain:
    """What each round answered, see `SERVER`; the first, which installs the app, is left out.

    ``sites``: the folder of each, with `records.db` and `granted.json`. As shipped, every message
    is a process that imports everything again, Flower looks for tasks and replies when it does by
    default; otherwise through one fork server, polling ten times a second. Exits when a site gives
    no reply.
    """
    folder.mkdir(parents=True)
    # Flower wants an app folder's name to be a plain word.
    app = write_app(stage_app(folder / "plainapp"), CLIENT, {"probe_app/server.py": SERVER})
    with _environments(folder, as_shipped) as environment:
        federation = SmallFederation(folder, as_shipped=as_shipped)
        try:
            federation.start_superlink()
            for name, records in sites.items():
                federation.start_supernode(name, environment(records))
            run = federation.run(app)
            how = "as shipped" if as_shipped else "polling"
            answers: list[dict[str, Any]] = []
            with Usage() as usage:
                for number in range(rounds + 1):
                    answers.append(run.ask(how, len(sites), PATIENCE))
                    print(f"    round {number}: {answers[-1]['seconds']:.1f} s", flush=True)
                    if answers[-1]["replies"] != len(sites):
                        raise SystemExit(f"a site gave no reply: {answers[-1]}")
                    if number == 0:
                        before = usage.cpu()
                cpu = a_round(before, usage.cpu(), rounds)
            run.stop()
            message = {} if as_shipped else a_message(folder / "server.log", len(sites))
            return Plain(answers[1:], cpu, message, usage.peak_mib)
        finally:
            federation.stop()


@contextmanager
def _environments(folder: Path, as_shipped: bool) -> Iterator[Callable[[Path], Mapping[str, str]]]:
    if as_shipped:
        yield lambda site: {"ASSENT_SITE_DIR": str(site)}
        return
    with open_fork_server(folder) as socket_path:
        yield lambda site: supernode_environment(socket_path, site)


def write_granted(folder: Path, record_ids: Sequence[str]) -> None:
    """Names the records that a plain site computes with: those of the audited one."""
    (folder / "granted.json").write_text(json.dumps(sorted(record_ids)))
