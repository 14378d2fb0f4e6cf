"""`assent study run` and `assent study abort`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import DeploymentFile, KeyFile, RoundNumber, Rpc, StudyNumber, connect
from scripts.console import BadInput, JsonOption, say, show_json, warn
from scripts.exit_codes import REFUSED


def run(
    study: StudyNumber,
    coordinator: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The coordinator's folder (coordinator.json).")
    ],
    rounds: Annotated[int, typer.Option(min=1, help="How many rounds to close.")] = 1,
    reruns: Annotated[
        int, typer.Option(min=0, help="How often a failed round may be run again.")
    ] = 2,
    superlink: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The running SuperLink's folder; `superlink` beside the coordinator's without it.",
        ),
    ] = None,
    app: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A staged Flower app; this installation's own without it."
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Run rounds through Flower, with the app that the study approved and no other.

    The SuperLink must have been started with ASSENT_COORDINATOR_DIR set to the same folder. It runs
    the rounds: they go on when this command is killed. Ctrl-C opens no further round, and brings
    the one under way to its end, since a sealed round is charged; a second Ctrl-C does not wait for
    that. Exits with 1 when the app is not the approved one, or the rounds did not all close.
    """
    from federation.app.coordinator import CoordinatorConfig
    from federation.planning.running import require_approved_app
    from scripts.study.stopping import Stopping
    from stack.flower_run import FlowerHome, run_app

    config = CoordinatorConfig.load(coordinator)
    if config.study_id != study:
        raise BadInput(f"--coordinator: {coordinator} runs study {config.study_id}, not {study}")
    home = (superlink or coordinator.absolute().parent / "superlink") / "flower"
    if not (home / "config.toml").is_file():
        raise BadInput(f"--superlink: {home.parent} is not the folder of a SuperLink")
    chain = connect(config.rpc_url, Path(config.deployment))
    log = coordinator / "run.log"
    with _staged(app) as folder:
        require_approved_app(chain, study, folder)
        before = chain.ledger.last_closed(study)
        warn(f"Running. Progress: {coordinator / 'progress.jsonl'}, log: {log}")
        with Stopping(coordinator, folder) as stopping:
            settings: dict[str, int | str] = {"rounds": rounds, "reruns": reruns}
            settings |= stopping.run_config
            outcome = run_app(folder, FlowerHome(home), log, run_config=settings)
    last = chain.ledger.last_closed(study)
    if stopping.was_heard and outcome.succeeded:
        warn(f"Stopped. Round {last} is the newest that is closed.")
        raise KeyboardInterrupt
    if json_:
        show_json(
            {
                "succeeded": outcome.succeeded,
                "details": outcome.details,
                "last_closed_before": before,
                "last_closed": last,
            }
        )
    else:
        words = outcome.details or outcome.status
        say(f"Flower says {words}. Round {last} is the newest that is closed.")
    if not outcome.succeeded:
        warn(f"The rounds did not all close. Read {log}.")
        raise typer.Exit(REFUSED)


def abort(
    study: StudyNumber,
    round_: RoundNumber,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    json_: JsonOption = False,
) -> None:
    """End a round that can never close: anyone may, once its deadline has passed.

    The coordinator may at any time. A sealed round stays charged.
    """
    from chain.events import Aborted

    made = connect(rpc, deployment, key).ledger.abort(study, round_).event(Aborted)
    reason = made.reason.name.lower().replace("_", " ")
    if json_:
        show_json({"study": study, "round": round_, "reason": reason})
    else:
        say(f"Round {round_} of study {study} is ended ({reason}).")


@contextmanager
def _staged(app: Path | None) -> Iterator[Path]:
    from federation.planning.app_bundle import staged_app

    if app is not None:
        if not (app / "pyproject.toml").is_file():
            raise BadInput(f"--app: {app} is no staged Flower app")
        yield app
        return
    with staged_app() as folder:
        yield folder
