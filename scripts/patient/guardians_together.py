"""`assent patient guardian-sign` and `guardian-carry`: what two of three guardians do together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.acts import Yes, require_yes
from scripts.connection import Account, DeploymentFile, KeyFile, Rpc, connect
from scripts.console import BadInput, JsonOption, say, show_json, warn
from scripts.json_file import read_json
from scripts.keys import read_key
from scripts.patient.guardian import signer_of
from scripts.patient.revoking import token_number

if TYPE_CHECKING:
    from chain.guardians import Rotation
    from chain.messages import Domain, Revocation


def guardian_sign(
    account: Account,
    rpc: Rpc,
    deployment: DeploymentFile,
    new_key: Annotated[
        str | None,
        typer.Option(metavar="SIGNER", help="Give the account this acting key instead of its own."),
    ] = None,
    token: Annotated[
        str | None, typer.Option("--revoke", metavar="TOKEN", help="End this consent.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="OUT.json", help="A new file for this guardian's part."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The guardian's key (mode 600).")
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(metavar="PUBLIC_KEY.der", help="Of a guardian who has a passkey."),
    ] = None,
    assertion: Annotated[
        Path | None,
        typer.Option(metavar="ASSERTION.json", help="The passkey's answer (toJSON())."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Sign as one of three guardians; two parts and `assent patient guardian-carry` make the act.

    Without --out it prints the EIP-712 typed data, whose digest a passkey signs. A new acting key
    can revoke and not grant; what was granted before stays in force until somebody revokes it.
    """
    from chain.messages import signer_of_account
    from study.guardian_acts import GuardianPart, require_guardian

    chain = connect(rpc, deployment)
    domain, message = _what(chain, account, new_key, token)
    if out is None:
        show_json(message.typed_data(domain))
        return
    if (key is None) == (assertion is None) or (assertion is None) != (public_key is None):
        raise BadInput("sign with --key, or with --public-key and --assertion")
    if key is not None:
        guardian = read_key(key)
        signer = signer_of_account(guardian.address)
        require_guardian(chain, account, signer)
        what = "a new acting key" if new_key else f"the end of consent {token}"
        require_yes(f"Sign for {what} of {account}?", yes)
        part = GuardianPart.sign(message, domain, guardian)
    else:
        assert public_key is not None and assertion is not None
        typed_data, verifier = message.typed_data(domain), chain.deployment.webauthn_verifier
        answer, kind = read_json(assertion), type(message)
        part = GuardianPart.of_assertion(
            typed_data, kind, public_key.read_bytes(), answer, verifier
        )
        require_guardian(chain, account, part.signer)
    try:
        part.save(out)
    except FileExistsError:
        raise BadInput(f"{out} exists; name another file") from None
    warn(f"Wrote {out}, one of the two parts that are needed.")


def guardian_carry(
    account: Account,
    files: Annotated[
        list[Path], typer.Argument(help="Two guardians' parts.", metavar="PART.json PART.json")
    ],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    json_: JsonOption = False,
) -> None:
    """Carry what two guardians signed; any account may, it only pays."""
    from chain.guardians import Rotation
    from study.guardian_acts import GuardianPart, carry_parts

    parts = [GuardianPart.load(file) for file in files]
    carry_parts(connect(rpc, deployment, key), account, parts)
    message = parts[0].message
    if isinstance(message, Rotation):
        found: dict[str, Any] = {"account": account, "acting_key": "0x" + message.new_key.hex()}
        words = (
            f"{account} has a new acting key. It can revoke and not grant: a new grant takes a new"
            " account and the hospital's new enrolment."
        )
    else:
        found = {"account": account, "token": str(message.token_id), "revoked": True}
        words = f"The consent of {account} is revoked: token {message.token_id}."
    show_json(found) if json_ else say(words)


def _what(
    chain: Any, account: str, new_key: str | None, token: str | None
) -> tuple[Domain, Rotation | Revocation]:
    from study.guardian_acts import revocation_by, rotation_of

    if (new_key is None) == (token is None):
        raise BadInput("name what to sign: --new-key SIGNER, or --revoke TOKEN")
    if new_key is not None:
        return rotation_of(chain, account, signer_of(new_key, "--new-key"))
    return revocation_by(chain, account, token_number(token or ""))
