"""`assent data synth-scd`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scripts.console import BadInput, JsonOption, say, show_json, show_table
from scripts.counting import counting


class Form(StrEnum):
    """How the centres export their records."""

    FHIR = "fhir"
    LIS = "lis"
    BOTH = "both"


def synth_scd(
    out: Annotated[Path, typer.Option(help="A new folder to write into.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    patients_per_site: Annotated[
        int | None, typer.Option(min=1, max=999, help="Instead of 48, 40, 36, 28 and 44.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="FHIR R4 NDJSON, LIS CSV, or both.")
    ] = Form.BOTH,
    json_: JsonOption = False,
) -> None:
    """Make a synthetic cohort of five sickle-cell centres on hydroxyurea, from published models.

    Nobody in it exists; DATASHEET.md says how it differs from patients. See docs/sickle-cell.md.
    """
    from federation.gate.records.datasets.sickle_cell.cohort import FolderNotEmpty, write_cohort

    with counting("centres") as tell:
        try:
            counts = write_cohort(
                out,
                seed=seed,
                patients_per_site=patients_per_site,
                form=form.value,
                progress=lambda centre, done, total: tell(done, total, centre),
            )
        except FolderNotEmpty as error:
            raise BadInput(f"--out: {error}") from None
    if json_:
        show_json({"folder": str(out), "seed": seed, "patients": counts})
        return
    show_table("Centres", ["centre", "patients"], counts.items())
    say(f"Written to {out}; read {out / 'DATASHEET.md'} first.")
