"""`assent irb suspend`, `sign-resume` and `resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.acts import Offline, Yes, read_act, require_yes, write_act
from scripts.connection import CarrierKey, DeploymentFile, KeyFile, Rpc, StudyNumber, connect
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.keys import read_key


def suspend(
    study: StudyNumber,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    carrier_key: CarrierKey = None,
    offline: Offline = None,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Stop a study at once: no round opens, seals or closes, no consent is active.

    One reviewer is enough. Revoking stays possible. Resuming takes as many reviewers as approving.
    """
    from chain.messages import Suspension
    from chain.signed_act import SignedAct
    from study.overview import require_study

    chain = connect(rpc, deployment, None if offline else carrier_key or key)
    standing = require_study(chain, study)
    signer = read_key(key)
    require_yes(f"Suspend study {study} as {signer.address}?", yes)
    message = Suspension(study, standing.suspensions)
    act = SignedAct.sign(message, chain.registry.domain, signer)
    if offline is not None:
        write_act(act, offline)
        return
    act.carry(chain)
    if json_:
        show_json({"study": study, "suspended": True})
    else:
        say(f"Study {study} is suspended. Resuming takes {standing.threshold} reviewers.")


def sign_resume(
    study: StudyNumber,
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="OUT.json")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    yes: Yes = False,
) -> None:
    """Sign for a suspended study to go on; the file is for `assent irb resume`.

    The signature holds for this suspension only.
    """
    from chain.errors import RegistryNotSuspended
    from chain.messages import Resumption
    from chain.signed_act import SignedAct
    from study.overview import require_study

    chain = connect(rpc, deployment)
    standing = require_study(chain, study)
    if not standing.suspended:
        raise RegistryNotSuspended(study)
    signer = read_key(key)
    require_yes(f"Sign, as {signer.address}, that study {study} may go on?", yes)
    message = Resumption(study, standing.suspensions)
    write_act(SignedAct.sign(message, chain.registry.domain, signer), out)


def resume(
    study: StudyNumber,
    files: Annotated[list[Path], typer.Argument(help="Signed resumptions.", metavar="FILES...")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    json_: JsonOption = False,
) -> None:
    """Let a study go on, with the signatures of as many reviewers as approving takes.

    Any account may carry them: --key only pays.
    """
    from chain.signed_act import resume as carry_resumptions

    acts = [read_act(file) for file in files]
    for file, act in zip(files, acts, strict=True):
        if getattr(act.message, "study_id", None) != study:
            raise BadInput(f"{file} is not a resumption of study {study}")
    carry_resumptions(connect(rpc, deployment, key), acts)
    if json_:
        show_json({"study": study, "suspended": False})
    else:
        say(f"Study {study} goes on.")
