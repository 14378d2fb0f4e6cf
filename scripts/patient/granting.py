"""`assent patient key`, `read` and `grant`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.acts import Offline, Yes, require_yes, write_act
from scripts.connection import (
    CarrierKey,
    DeploymentFile,
    GuardianAccount,
    KeyFile,
    Rpc,
    connect,
    open_store,
)
from scripts.console import BadInput, JsonOption, say, show_facts, show_json, warn
from scripts.keys import make_key, read_key

if TYPE_CHECKING:
    from chain.chain import Chain
    from chain.messages import Grant
    from study.enrolment_file import EnrolmentFile

Enrolment = Annotated[
    Path, typer.Argument(help="What the hospital gave (JSON).", metavar="ENROLMENT.json")
]
Purposes = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="training (the default), evaluation, or a research purpose of docs/purposes.md; may"
        " be repeated.",
    ),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A condition of yours, such as not-for-profit (docs/purposes.md); may be repeated.",
    ),
]
Days = Annotated[
    int, typer.Option(min=1, max=36_500, help="How long the record may be used, from now.")
]
Language = Annotated[
    str, typer.Option(metavar="TAG", help="Language of the consent text that was read (BCP 47).")
]
OptionalIpfs = Annotated[
    str | None,
    typer.Option(
        "--ipfs",
        metavar="MULTIADDR",
        envvar="ASSENT_IPFS",
        help="API of an IPFS node: then the consent text itself is fetched and shown.",
    ),
]


def key(
    file: Annotated[Path, typer.Argument(help="A new file.", metavar="FILE")],
    json_: JsonOption = False,
) -> None:
    """Make a fresh private key in a new file (mode 600) and print its address.

    Use it for one study alone: the same address in two studies would link them. Give the address to
    the hospital, which enrols it; keep the file, for only it can revoke.
    """
    address = make_key(file).address
    show_json({"address": address}) if json_ else say(address)


def read(
    enrolment: Enrolment,
    rpc: Rpc,
    deployment: DeploymentFile,
    purpose: Purposes = None,
    condition: Conditions = None,
    days: Days = 365,
    language: Language = "en",
    ipfs: OptionalIpfs = None,
    json_: JsonOption = False,
) -> None:
    """Say in plain words what a grant with this enrolment would say; sign nothing.

    With --json it prints the EIP-712 typed data, for a wallet's eth_signTypedData_v4.
    """
    chain = connect(rpc, deployment)
    grant_, _ = _drafted(chain, enrolment, purpose, condition, days, language)
    if json_:
        show_json(grant_.typed_data(chain.consent.domain))
        return
    _show(chain, grant_, ipfs)


def grant(
    enrolment: Enrolment,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    purpose: Purposes = None,
    condition: Conditions = None,
    days: Days = 365,
    language: Language = "en",
    ipfs: OptionalIpfs = None,
    guardian_account: GuardianAccount = None,
    carrier_key: CarrierKey = None,
    offline: Offline = None,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Consent: sign a grant (EIP-712) and submit it. Prints the token.

    A patient's address needs no ether when --carrier-key names an account that pays; with --offline
    anyone may carry the file later, by `assent patient submit`. What a guardian account grants ends
    with the guardianship.
    """
    from chain.events import Granted
    from chain.signed_act import SignedAct
    from study.other_signers import guardian_grant, within_guardianship

    chain = connect(rpc, deployment, None if offline else carrier_key or key)
    holder = read_key(key)
    drafted, file = _drafted(chain, enrolment, purpose, condition, days, language)
    if guardian_account is not None:
        drafted = within_guardianship(chain, drafted, guardian_account)
    elif drafted.holder != holder.address:
        raise BadInput(
            f"--key: {key} is the key of {holder.address}, and the enrolment is for"
            f" {drafted.holder}; have the hospital enrol your address"
        )
    if not json_:
        _show(chain, drafted, ipfs)
    require_yes("Do you consent to this?", yes)
    act = (
        SignedAct.sign(drafted, chain.consent.domain, holder, file.enrolment, file.signature)
        if guardian_account is None
        else guardian_grant(chain, drafted, guardian_account, holder, file)
    )
    if offline is not None:
        write_act(act, offline)
        return
    token = act.carry(chain).event(Granted).token_id
    if json_:
        show_json({"token": str(token)})
        return
    say("You have consented. Your token, by which you can look and revoke:")
    say(str(token))


def _drafted(
    chain: Chain,
    path: Path,
    purposes: list[str] | None,
    conditions: list[str] | None,
    days: int,
    language: str,
) -> tuple[Grant, EnrolmentFile]:
    from federation.app.chain_facts import chain_time
    from study.consenting import grant_of_enrolment
    from study.enrolment_file import EnrolmentFile

    file = EnrolmentFile.load(path)
    try:
        drafted = grant_of_enrolment(
            chain,
            file,
            purposes=purposes or ["training"],
            conditions=conditions or [],
            days=days,
            language=language,
            now=chain_time(chain),
        )
    except ValueError as error:
        raise BadInput(str(error)) from None
    return drafted, file


def _show(chain: Chain, grant_: Grant, ipfs: str | None) -> None:
    from study.consenting import describe_grant, terms_in_force

    if ipfs is None:
        warn("The consent text is not shown: name an IPFS node with --ipfs, or read it elsewhere.")
    else:
        show_facts("The consent text", [(_language(grant_), _consent_text(grant_, ipfs))])
    terms = terms_in_force(chain, grant_.study_id)
    show_facts("What you would sign", describe_grant(grant_, terms))


def _language(grant_: Grant) -> str:
    from study.consenting import language_of

    return language_of(grant_)


def _consent_text(grant_: Grant, ipfs: str) -> str:
    from audit.cid import cid_of_sha256
    from study.consent_texts import consent_texts

    with open_store(ipfs) as store:
        texts = consent_texts(store.get(cid_of_sha256(grant_.consent_text_hash)))
    language = _language(grant_)
    if language not in texts:
        raise BadInput(f"--language: the study has no text in {language!r}, but {', '.join(texts)}")
    return texts[language].strip() + os.linesep
