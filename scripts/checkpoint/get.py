"""`assent checkpoint get`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import (
    LAST_ROUND,
    DeploymentFile,
    Ipfs,
    Rpc,
    StudyNumber,
    connect,
    open_store,
)
from scripts.console import BadInput, JsonOption, say, say_command, show_facts, show_json

if TYPE_CHECKING:
    from study.checkpoints import FetchedCheckpoint


def get(
    study: StudyNumber,
    number: Annotated[
        int | None,
        typer.Argument(
            min=0,
            max=LAST_ROUND,
            metavar="[ROUND]",
            help="The round; 0 is where the study starts. The newest without it.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A new file (safetensors).")],
    rpc: Rpc,
    deployment: DeploymentFile,
    ipfs: Ipfs,
    recompute: Annotated[
        bool, typer.Option(help="Add the masked vectors up again and compare.")
    ] = True,
    json_: JsonOption = False,
) -> None:
    """Fetch a round's checkpoint from IPFS: what the study had learned when that round closed.

    Its bytes must hash to what the chain names, and unless --no-recompute the round is computed
    again from its base and the vectors that its sites signed. Any safetensors reader opens the
    file; docs/data-scientist.md shows how to adapt it to a patient.
    """
    from federation.gate.lineage import recompute_round
    from study.checkpoints import CheckpointWrong, fetch_checkpoint

    if out.exists():
        raise BadInput(f"--out: {out} exists; name a new file")
    if not out.absolute().parent.is_dir():
        raise BadInput(f"--out: {out.absolute().parent} is no folder; make it first")
    chain = connect(rpc, deployment)
    with open_store(ipfs) as store:
        found = fetch_checkpoint(chain, store, study, number)
        checked = recompute and found.round > 0
        if checked and recompute_round(chain, store, study, found.round) != found.sha256:
            raise CheckpointWrong(
                f"round {found.round} of study {study} closed with 0x{found.sha256.hex()}, and its"
                " vectors add up to another checkpoint: do not use it, and tell the reviewers"
            )
    with out.open("xb") as file:
        file.write(found.data)
    _tell(study, found, out, checked, json_)


def _tell(study: int, found: FetchedCheckpoint, out: Path, checked: bool, json_: bool) -> None:
    made = found.checkpoint
    if json_:
        show_json(
            {
                "study": study,
                "round": found.round,
                "file": str(out),
                "bytes": len(found.data),
                "sha256": "0x" + found.sha256.hex(),
                "cid": found.cid,
                "model": made.model,
                "step": made.step,
                "layout": {name: list(shape) for name, shape in made.layout},
                "recomputed": checked,
                "in_use": found.in_use,
            }
        )
        return
    origin = f"round {found.round}" if found.round else "where the study starts"
    show_facts(
        f"Study {study}, {origin}",
        [
            ("model", made.model),
            ("rounds learned", made.step),
            ("prior", ", ".join(f"{name} {list(shape)}" for name, shape in made.layout)),
            ("sha256", f"0x{found.sha256.hex()}, as on chain"),
            ("CID", found.cid),
            ("recomputed", "yes, the same bytes" if checked else "no"),
        ],
    )
    if not found.in_use:
        say(
            "Its reviewers went back behind this round: the study no longer builds on it.",
            style="yellow",
        )
    say(f"Wrote {out}. To load it:")
    say_command("from pathlib import Path")
    say_command("from audit.checkpoint import read")
    say_command(f"prior = read(Path({str(out)!r}).read_bytes()).arrays()")
