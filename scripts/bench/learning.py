"""`assent bench learning`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.console import BadInput, JsonOption, say, show_json, show_table, warn, warn_of_loading
from scripts.counting import counting

if TYPE_CHECKING:  # the comparison is loaded when it is run
    from bench.learning.cohort import Cohort
    from twin.protocol import TwinModel


def learning(
    out: Annotated[Path, typer.Option(help="A folder for results.json, results.md and pictures.")],
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            help="A cohort: columns patient, site, time (days), code, value, unit; one row an"
            " observation. Left out: the data sets pbcseq and scd.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A model with published scales; left out, the default for any codes."),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(help="A CSV of subgroups: column patient, and one for each attribute."),
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="pbcseq or scd; may be given twice. Not with --csv.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Fewer divisions of the patients, for a quick look.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes side by side; one a processor.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Compare the hierarchical prior with federated averaging and meta-learners, held-out patients.

    Everyone trains on the same patients of the same sites, with and without differential privacy,
    and forecasts the results of held-out patients after their first k. Settings are those of
    bench/learning/settings.toml, unchanged, for every cohort. See docs/data-scientist.md.
    """
    warn_of_loading()
    from bench.learning.cohort import CohortUnusable, read_csv, read_groups
    from bench.learning.sources import DATASETS, fitted, published_model
    from bench.learning.sources import dataset as dataset_named

    if csv is not None and dataset:
        raise BadInput("--csv and --dataset exclude each other: name one cohort")
    if csv is None and (groups is not None or model is not None):
        raise BadInput("--groups and --model are for a cohort given by --csv")
    found = {}
    try:
        cohorts: list[tuple[Cohort, TwinModel | None, Path]] = []
        if csv is not None:
            attributes = read_groups(groups) if groups is not None else None
            cohort = read_csv(csv, attributes)
            published = published_model(model) if model is not None else None
            if published is not None:
                cohort = fitted(cohort, published)
            cohorts.append((cohort, published, out))
        else:
            for name in dataset or DATASETS:
                cohorts.append((*dataset_named(name), out / name))
        for cohort, published, folder in cohorts:
            found[cohort.name] = _compare(cohort, published, folder, seeds, jobs)
    except CohortUnusable as error:
        raise BadInput(str(error)) from None
    if json_:
        show_json(found)
        return
    for name, results in found.items():
        _tell(name, results)
    say(f"Tables and pictures are in {out}.")


def _compare(
    cohort: Cohort, published: TwinModel | None, folder: Path, seeds: int | None, jobs: int | None
) -> dict[str, Any]:
    from bench.learning.run import compare

    for note in cohort.notes:
        warn(f"{cohort.name}: {note}")
    with counting(f"{cohort.name}: {len(cohort.records)} patients, divisions") as tell:
        found = compare(cohort, published, folder, seeds=seeds, jobs=jobs, progress=tell)
    for note in found["cohort"]["notes"][len(cohort.notes) :]:
        warn(f"{cohort.name}: {note}")
    return found


def _tell(name: str, results: dict[str, Any]) -> None:
    from bench.learning.telling import endpoint_rows

    countings = list(results["primary"])
    show_table(
        f"{name}: the endpoint that was fixed before, epsilon {results['primary_epsilon']:g}",
        ["", *(f"counting {counting}" for counting in countings)],
        endpoint_rows(results),
    )
