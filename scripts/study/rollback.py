"""`assent irb sign-rollback` and `assent study rollback`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.acts import Yes, read_act, require_yes, write_act
from scripts.connection import LAST_ROUND, DeploymentFile, KeyFile, Rpc, StudyNumber, connect
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.keys import read_key

To = Annotated[
    int,
    typer.Option(
        "--to",
        metavar="ROUND",
        min=0,
        max=LAST_ROUND,
        help="The closed round whose checkpoint the next one starts from; 0: the initial one.",
    ),
]


def sign_rollback(
    study: StudyNumber,
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="OUT.json")],
    to: To,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    yes: Yes = False,
) -> None:
    """Sign that a study goes back to a checkpoint; the file is for `assent study rollback`.

    What was made since is retired for good: no later round builds on it. The privacy that it cost
    stays spent. The signature holds until the study's next rollback.
    """
    from audit.remedies import spans
    from chain.errors import RegistryNotReviewer
    from chain.messages import Rollback
    from chain.signed_act import SignedAct
    from study.going_back import checkpoint_named, rounds_to_retire
    from study.overview import require_study

    chain = connect(rpc, deployment)
    require_study(chain, study)
    signer = read_key(key)
    if not chain.registry.is_reviewer(study, signer.address):
        raise RegistryNotReviewer(study, signer.address)
    retired = rounds_to_retire(chain, study, to)
    numbers = spans(retired)
    require_yes(
        f"Sign, as {signer.address}, that study {study} goes back to {checkpoint_named(to)} and"
        f" that what rounds {numbers} made is retired for good?",
        yes,
    )
    message = Rollback(study, to, chain.ledger.rollbacks(study))
    write_act(SignedAct.sign(message, chain.ledger.domain, signer), out)


def rollback(
    study: StudyNumber,
    files: Annotated[list[Path], typer.Argument(help="Signed rollbacks.", metavar="FILES...")],
    to: To,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    json_: JsonOption = False,
) -> None:
    """Take a study back to an earlier checkpoint, with as many signatures as approving takes.

    Any account may carry them: --key only pays. Not while a round is open; a suspended study can
    go back too.
    """
    from audit.remedies import spans
    from chain.events import RolledBack
    from chain.messages import Rollback
    from chain.signed_act import roll_back
    from study.going_back import checkpoint_named, rounds_to_retire

    acts = [read_act(file) for file in files]
    for file, act in zip(files, acts, strict=True):
        message = act.message
        if not isinstance(message, Rollback) or (message.study_id, message.to_round) != (study, to):
            raise BadInput(f"{file} is no rollback of study {study} to round {to}")
    chain = connect(rpc, deployment, key)
    retired = rounds_to_retire(chain, study, to)
    event = roll_back(chain, acts).event(RolledBack)
    if json_:
        show_json({"study": study, "to": to, "from": event.from_round, "retired_rounds": retired})
        return
    say(f"The next round of study {study} starts from {checkpoint_named(to)}.")
    say(f"What rounds {spans(retired)} made is retired.")
