"""`assent patient guardian`: the account that holds a minor's token."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.connection import DeploymentFile, KeyFile, Rpc, StudyNumber, connect
from scripts.console import BadInput, JsonOption, say, show_facts, show_json

if TYPE_CHECKING:
    from chain.guardians import Quarter

_QUARTER = re.compile(r"([0-9]{4})-Q([1-4])")
_SIGNER = re.compile(r"0x([0-9a-fA-F]{40}|[0-9a-fA-F]{168})")


def guardian(
    study: StudyNumber,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    acting: Annotated[
        str,
        typer.Option(
            metavar="SIGNER",
            help="Who consents for the child: an address, or the signer that `assent patient"
            " passkey --json` prints.",
        ),
    ],
    guardians: Annotated[
        list[str],
        typer.Option(
            "--guardian", metavar="SIGNER", help="One of three, of whom two act; give all three."
        ),
    ],
    until: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-Qn",
            help="The account grants nothing from this quarter's first day on. Without it you are"
            " asked for the date of birth, which goes nowhere.",
        ),
    ] = None,
    majority_age: Annotated[
        int, typer.Option(min=12, max=25, help="Age at which the patient decides alone.")
    ] = 18,
    json_: JsonOption = False,
) -> None:
    """Make a minor's guardian account, and print its address, which the hospital enrols.

    All four signers are keys of this study alone: the same guardian in two accounts would link
    them. --key is of whoever pays, and has no part in the account. Making an account again finds
    it as it is.
    """
    from chain.guardians import last_quarter_before_majority

    signers = _signers(acting, guardians)
    if until is None:
        # Asked and not an option: a command line is kept in the shell's history.
        born = typer.prompt("The child's date of birth (YYYY-MM-DD)", err=True)
        end = last_quarter_before_majority(_date(born), majority_age)
    else:
        end = _quarter(until)
    chain = connect(rpc, deployment, key)
    account = chain.guardian_accounts.create(study, end, signers[0], signers[1:])
    if json_:
        show_json({"account": account.address, "study": study, "ends_at": account.ends_at()})
        return
    say(account.address)
    facts = [
        ("it grants", f"in study {study}, until {end.first_day.isoformat()}; it revokes for ever"),
        ("next", "give the address to the hospital, which checks the account and enrols it"),
    ]
    show_facts("The account", facts)


def _signers(acting: str, guardians: list[str]) -> list[bytes]:
    from chain.clients.guardians import GUARDIANS

    if len(guardians) != GUARDIANS:
        raise BadInput(f"--guardian: give {GUARDIANS} signers, not {len(guardians)}")
    named = ((acting, "--acting"), *((one, "--guardian") for one in guardians))
    found = [signer_of(text, option) for text, option in named]
    if len(set(found)) != len(found):
        raise BadInput("--acting, --guardian: four different signers are needed")
    return found


def signer_of(text: str, option: str) -> bytes:
    """An ERC-7913 signer as it is written on a command line. Raises BadInput."""
    if not _SIGNER.fullmatch(text):
        raise BadInput(
            f"{option}: {text!r} is no address and no passkey's signer (0x and 168 digits)"
        )
    return bytes.fromhex(text[2:])


def _quarter(text: str) -> Quarter:
    from chain.guardians import Quarter

    found = _QUARTER.fullmatch(text)
    try:
        if found is not None:
            return Quarter(int(found[1]), int(found[2]))
    except ValueError:
        pass
    raise BadInput(f"--until: {text!r} is not a quarter such as 2031-Q3")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        # What was typed is not repeated: a mistyped date of birth is personal all the same.
        raise BadInput("the date of birth has to look like 2012-05-31") from None
