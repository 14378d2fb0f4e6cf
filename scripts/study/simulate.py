"""`assent study simulate`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import (
    BadInput,
    JsonOption,
    say,
    show_facts,
    show_json,
    show_table,
    warn_of_loading,
)
from scripts.counting import counting

if TYPE_CHECKING:
    from federation.planning.simulating import Simulation, Size

_WORTH_A_PROCESS = 500  # patients to learn from: about as long as a process takes to start


def simulate(
    plan: Annotated[Path, typer.Argument(help="The plan (YAML).", metavar="PLAN.yaml")],
    out: Annotated[
        Path | None, typer.Option(help="A folder for the page, the picture and the JSON.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Closed rounds; 8 unless the ceiling has less room.")
    ] = None,
    patients: Annotated[
        list[int] | None,
        typer.Option(min=2, max=5000, help="How many take part; may be repeated."),
    ] = None,
    worlds: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Synthetic populations; 5.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 1,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; up to one for each core.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="25 and 100 patients, 3 populations: a first look.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Foresee a study before anyone approves it: noise, epsilon, and error by number of patients.

    Runs the plan's model on synthetic patients with neither chain nor Flower, and looks at no
    patient. The plan's documents need not exist yet. One core takes about 20 seconds for the
    log-linear model; for the sickle-cell model five minutes, half a minute with --quick.
    """
    warn_of_loading()
    from federation.planning.plan import read_plan
    from federation.planning.simulating import simulate as simulate_plan
    from federation.planning.simulating import work_of

    read = read_plan(plan)
    if out is not None and out.exists() and not out.is_dir():
        raise BadInput(f"--out: {out} is not a folder")
    size = _size(patients, worlds, quick)
    processes = jobs or min(os.cpu_count() or 1, 1 + work_of(size) // _WORTH_A_PROCESS)
    done = 0.0
    with counting("learning from synthetic patients") as tell:

        def advance(more: float) -> None:
            nonlocal done
            done += more
            tell(done, work_of(size))

        found = simulate_plan(
            read,
            plan.absolute().parent,
            size,
            rounds=rounds,
            seed=seed,
            jobs=processes,
            progress=advance,
        )
    if out is not None:
        _write(found, out)
    if json_:
        show_json(found.to_json())
        return
    _show(found)
    if out is not None:
        say(f"Wrote {out / 'simulation.html'}, simulation.png and simulation.json.")


def _size(patients: list[int] | None, worlds: int | None, quick: bool) -> Size:
    from federation.planning.simulating import QUICK, Size

    basis = QUICK if quick else Size()
    return Size(
        tuple(sorted(set(patients))) if patients else basis.patients,
        basis.worlds if worlds is None else worlds,
        basis.held_out,
    )


def _write(found: Simulation, out: Path) -> None:
    from scripts.study.simulation_page import page, picture

    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.to_json(), indent=2, sort_keys=True) + "\n"
    (out / "simulation.json").write_text(text, encoding="utf-8")
    (out / "simulation.html").write_text(page(found), encoding="utf-8")
    (out / "simulation.png").write_bytes(picture(found))


def _show(found: Simulation) -> None:
    from federation.planning.simulating import CAVEAT
    from scripts.study.simulation_words import (
        CAPTION,
        NOISE_CAPTION,
        error_table,
        excess_table,
        noise_table,
        privacy_facts,
    )

    show_facts(f"Privacy of {found.model}, as planned", privacy_facts(found.privacy))
    show_table(f"Excess noise of {found.privacy.sites} sites", *excess_table(found.privacy))
    show_table("Noise in the mean gradient", *noise_table(found))
    say(NOISE_CAPTION)
    show_table(
        f"Error: {found.worlds} synthetic populations, {found.held_out} forecasts in each",
        *error_table(found, intervals=False),
    )
    say(CAPTION)
    say(CAVEAT, style="yellow")
