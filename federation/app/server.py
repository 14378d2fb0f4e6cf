"""Flower's ServerApp: the coordinator's process for one run of rounds."""

from __future__ import annotations

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from federation.app.coordinator import Coordinator
from federation.app.round_driver import Pacing
from federation.app.strategy import ConsentedRounds, Schedule, recipe_of

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Runs the rounds that the run configuration asks for.

    Run configuration: ``rounds`` (int), ``reruns`` (int), ``sites-wait-seconds``,
    ``seal-after-seconds`` and ``close-after-seconds`` (float), ``stop-file`` (str).
    """
    config = context.run_config
    coordinator = Coordinator.from_environment()
    registry, study = coordinator.chain.registry, coordinator.config.study_id
    terms = registry.terms(study, registry.study(study).current_version)
    schedule = Schedule(
        rounds=int(config["rounds"]),
        reruns=int(config["reruns"]),
        sites_wait_seconds=float(config["sites-wait-seconds"]),
        pacing=Pacing(
            seal_after_seconds=float(config["seal-after-seconds"]),
            close_after_seconds=float(config["close-after-seconds"]),
        ),
        stop_file=str(config["stop-file"]),
    )
    ConsentedRounds(coordinator, recipe_of(coordinator, terms), schedule).start(grid)
