"""`assent study cohorts`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import DeploymentFile, MaybeRpc, RoundNumber, StudyNumber, connect
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.trusted_block import TrustBlock

if TYPE_CHECKING:
    from audit.consent_state import StudyState


def cohorts(
    study: StudyNumber,
    round_: RoundNumber,
    deployment: DeploymentFile,
    rpc: MaybeRpc = None,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="Read it in a bundle instead, offline."),
    ] = None,
    trust_block: TrustBlock = "",
    json_: JsonOption = False,
) -> None:
    """Say what each site committed to in a round: its cohort's size, and the root of its tree.

    The root is what a patient's receipt is compared with (docs/receipt.html): tell it to whoever
    asks you, over a channel that the hospital does not control.
    """
    state, until = _history(study, rpc, deployment, bundle, trust_block)
    facts = state.history.rounds.get(round_)
    if facts is None:
        raise BadInput(f"study {study} has no round {round_}, {until}")
    members = facts.sealed.members if facts.sealed else ()
    found = [
        {
            "site": one.site,
            "attempt": one.commitment.attempt,
            "cohort_size": one.commitment.cohort_size,
            "cohort_root": "0x" + one.commitment.cohort_root.hex(),
            "sealed_in": one.site in members,
        }
        for one in facts.newest_commitments().values()
    ]
    name = "retired" if state.is_retired(round_) else facts.state.name.lower()
    if json_:
        show_json({"study": study, "round": round_, "state": name, "cohorts": found})
        return
    if not found:
        say(f"No site has committed to round {round_} ({name}), {until}.")
        return
    say(f"Round {round_} of study {study} ({name}), {until}")
    for one in found:
        sealed = "sealed in" if one["sealed_in"] else "NOT sealed into the round"
        say(f"site {one['site']}: commitment {one['attempt']}, {sealed},")
        say(f"{one['cohort_size']} patients, cohort root")
        say(f"  {one['cohort_root']}")  # whole on a line: it is compared and copied
    if facts.sealed is None:
        say("The round is not sealed: a site may commit again, and its root then changes.")


def _history(
    study: int, rpc: str | None, deployment: Path, bundle: Path | None, trust_block: str
) -> tuple[StudyState, str]:
    if bundle is not None:
        from scripts.proven_history import proven_history

        held, history = proven_history(bundle, trust_block, deployment)
        if held.study != study:
            raise BadInput(f"{bundle} is of study {held.study}, not {study}")
        return history, f"as of block {held.block_number}"
    if rpc is None:
        raise BadInput("name what to read it from: --rpc, or --bundle")
    from study.overview import replay

    chain = connect(rpc, deployment)
    return replay(chain, study), f"as your node says at block {chain.head().number}"
