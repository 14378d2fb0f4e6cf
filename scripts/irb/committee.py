"""`assent irb key`, `sign-replacement`, `replace-reviewer` and `submit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.acts import ActFile, Yes, read_act, require_yes, write_act
from scripts.connection import DeploymentFile, KeyFile, Rpc, StudyNumber, connect, require_address
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.keys import make_key, read_key

_CARRIED_TOGETHER = {
    "Resumption": "assent irb resume",
    "Replacement": "assent irb replace-reviewer",
    "Rollback": "assent study rollback",
}


def key(
    file: Annotated[Path, typer.Argument(help="A new file.", metavar="FILE")],
    json_: JsonOption = False,
) -> None:
    """Make a reviewer's private key in a new file (mode 600) and print its address.

    Give the address to the sponsor, who names it in the study's committee.
    """
    address = make_key(file).address
    show_json({"address": address}) if json_ else say(address)


def sign_replacement(
    study: StudyNumber,
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="OUT.json")],
    outgoing: Annotated[str, typer.Option(metavar="ADDRESS", help="The reviewer who leaves.")],
    incoming: Annotated[str, typer.Option(metavar="ADDRESS", help="Who takes the seat.")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    yes: Yes = False,
) -> None:
    """Sign that one reviewer takes another's seat; the file is for `assent irb replace-reviewer`.

    The signature holds until the next replacement in this study.
    """
    from chain.errors import RegistryNotReviewer
    from chain.messages import Replacement
    from chain.signed_act import SignedAct
    from study.overview import require_study

    for option, address in (("--outgoing", outgoing), ("--incoming", incoming)):
        require_address(option, address)
    chain = connect(rpc, deployment)
    standing = require_study(chain, study)
    signer = read_key(key)
    for account in (outgoing, signer.address):
        if not chain.registry.is_reviewer(study, account):
            raise RegistryNotReviewer(study, account)
    require_yes(
        f"Sign, as {signer.address}, that {incoming} takes the seat of {outgoing} in study"
        f" {study}?",
        yes,
    )
    message = Replacement(study, standing.replacements, outgoing, incoming)
    write_act(SignedAct.sign(message, chain.registry.domain, signer), out)


def replace_reviewer(
    study: StudyNumber,
    files: Annotated[list[Path], typer.Argument(help="Signed replacements.", metavar="FILES...")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    json_: JsonOption = False,
) -> None:
    """Give a reviewer's seat to another, with as many signatures as approving takes.

    Any account may carry them: --key only pays. What the committee approved stands until it
    expires; the approval of who leaves no longer counts towards a new version or a renewal.
    """
    from chain.messages import Replacement
    from chain.signed_act import replace_reviewer as carry_replacements

    acts = [read_act(file) for file in files]
    for file, act in zip(files, acts, strict=True):
        if not isinstance(act.message, Replacement) or act.message.study_id != study:
            raise BadInput(f"{file} is not a replacement of a reviewer of study {study}")
    carry_replacements(connect(rpc, deployment, key), acts)
    message = acts[0].message
    assert isinstance(message, Replacement)
    if json_:
        show_json({"study": study, "outgoing": message.outgoing, "incoming": message.incoming})
    else:
        say(f"{message.incoming} now reviews study {study} in the place of {message.outgoing}.")


def submit(
    file: ActFile, key: KeyFile, rpc: Rpc, deployment: DeploymentFile, json_: JsonOption = False
) -> None:
    """Carry what a reviewer has signed offline; any account may, it only pays."""
    from chain.messages import Approval, Challenge, Readmission, Suspension

    act = read_act(file)
    kind = type(act.message).__name__
    if kind in _CARRIED_TOGETHER:
        raise BadInput(f"{file} holds a {kind}; `{_CARRIED_TOGETHER[kind]}` carries them together")
    if not isinstance(act.message, Approval | Suspension | Readmission | Challenge):
        raise BadInput(f"{file} holds a patient's {kind}; use `assent patient submit`")
    act.carry(connect(rpc, deployment, key))
    facts = {"act": kind, "study": act.message.study_id, "by": act.account}
    if json_:
        show_json(facts)
    else:
        say(f"{kind} of study {facts['study']} by {act.account} is on the chain.")
