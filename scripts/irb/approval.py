"""`assent irb approve` and `renew`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.acts import Offline, Yes, require_yes, write_act
from scripts.connection import (
    CarrierKey,
    DeploymentFile,
    Ipfs,
    KeyFile,
    Rpc,
    StudyNumber,
    connect,
)
from scripts.console import BadInput, JsonOption, say, show_facts, show_json
from scripts.irb.examining import ThisApp, Version, examined, show_examination
from scripts.keys import read_key

if TYPE_CHECKING:
    from chain.chain import Chain
    from chain.messages import Approval
    from study.examination import Examination

Expires = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Until when it holds: a date (2027-03-01), or 90d, 6m, 1y; a year less a day without"
        " it, never more than 366 days.",
    ),
]


def approve(
    study: StudyNumber,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    ipfs: Ipfs,
    version: Version = None,
    expires: Expires = None,
    carrier_key: CarrierKey = None,
    offline: Offline = None,
    compare_app: ThisApp = True,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Sign a version's terms (EIP-712 Approval), once all that can be recomputed holds.

    The approval expires; `assent irb renew` is continuing review. The same key submits it, or
    --carrier-key does, or with --offline nobody yet: then give the file to anyone, who runs
    `assent irb submit`.
    """
    found = examined(study, version, rpc, deployment, ipfs, compare_app)
    if not json_:
        show_examination(found)
    chain = connect(rpc, deployment, None if offline else carrier_key or key)
    _sign(chain, found, key, expires, offline, yes, json_)


def renew(
    study: StudyNumber,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    ipfs: Ipfs,
    expires: Expires = None,
    carrier_key: CarrierKey = None,
    offline: Offline = None,
    compare_app: ThisApp = False,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Continuing review: approve the version in force again, until later.

    It shows what the study has done so far and checks every document again. The study's approval
    is extended when as many reviewers have renewed as approving takes.
    """
    from study.overview import require_study

    chain = connect(rpc, deployment, None if offline else carrier_key or key)
    current = require_study(chain, study).current_version
    if current == 0:
        raise BadInput(f"study {study} has no version in force to renew; use `assent irb approve`")
    found = examined(study, current, rpc, deployment, ipfs, compare_app)
    if not json_:
        show_examination(found)
        show_facts("What the study has done", _record(chain, study, current))
    _sign(chain, found, key, expires, offline, yes, json_)


def _sign(
    chain: Chain,
    found: Examination,
    key: Path,
    expires: str | None,
    offline: Path | None,
    yes: bool,
    json_: bool,
) -> None:
    from chain.errors import RegistryNotReviewer
    from chain.messages import approval_for
    from chain.signed_act import SignedAct
    from federation.app.chain_facts import chain_time
    from study.approving import expiry

    study, version = found.study_id, found.version
    if not found.ok:
        raise BadInput(
            f"study {study}, version {version}: something above does not hold; nothing was"
            " signed. Tell the sponsor and the other reviewers"
        )
    try:
        until = expiry(expires, chain_time(chain))
    except ValueError as error:
        raise BadInput(f"--expires: {error}") from None
    signer = read_key(key)
    if not chain.registry.is_reviewer(study, signer.address):
        raise RegistryNotReviewer(study, signer.address)
    message = approval_for(study, version, found.terms, until)
    if not json_:
        show_facts("You sign", _what_is_signed(chain, message, signer.address))
    require_yes("Sign this?", yes)
    act = SignedAct.sign(message, chain.registry.domain, signer)
    if offline is not None:
        write_act(act, offline)
        return
    act.carry(chain)
    _tell(chain, message, json_)


def _tell(chain: Chain, message: Approval, json_: bool) -> None:
    from audit.times import moment

    standing = chain.registry.study(message.study_id)
    in_force = standing.current_version == message.version
    if json_:
        show_json(
            {
                "study": message.study_id,
                "version": message.version,
                "expires_at": message.expires_at,
                "in_force": in_force,
                "approved_until": standing.approved_until if in_force else None,
            }
        )
        return
    say(f"Approved until {moment(message.expires_at)}.")
    if in_force:
        say(
            f"Version {message.version} is in force; with the other reviewers' approvals that holds"
            f" until {moment(standing.approved_until)}."
        )
    else:
        say(f"Version {message.version} is not in force yet.")


def _what_is_signed(chain: Chain, message: Approval, account: str) -> list[tuple[str, object]]:
    from audit.times import moment

    return [
        ("Approval", f"study {message.study_id}, version {message.version}"),
        ("until", f"{moment(message.expires_at)}; after that no round opens and no consent counts"),
        ("terms hash", "0x" + message.terms_hash.hex()),
        ("protocol", "sha256 " + message.protocol_hash.hex()),
        ("consent text", "sha256 " + message.consent_text_hash.hex()),
        ("impact assessment", "sha256 " + message.dpia_hash.hex()),
        ("for", f"{chain.registry.address} on chain {chain.deployment.chain_id}"),
        ("as", account),
    ]


def _record(chain: Chain, study: int, version: int) -> list[tuple[str, object]]:
    from audit.times import moment
    from study.answerability import answerability

    found = answerability(chain, study, version)
    ceiling = chain.registry.terms(study, version).rho_ceiling
    spent = chain.ledger.rho_spent(study)
    unanswered = sum(one.faulted for one in found.questions)
    return [
        ("approved until", moment(found.approved_until)),
        ("rounds opened", chain.ledger.round_count(study)),
        ("privacy spent", f"rho {spent / 1e18:.6f} of {ceiling / 1e18:.6f}"),
        ("abandoned, charged", f"{found.charged_aborts} since the last suspension"),
        ("barred sites", "\n".join(found.barred) or "none"),
        ("questions to sites", f"{len(found.questions)}, {unanswered} not answered"),
        ("read also", f"assent study rounds {study}; assent study show {study}"),
    ]
