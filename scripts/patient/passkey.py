"""`assent patient message`, `passkey` and `assemble`: what a browser's passkey needs, and gives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.acts import write_act
from scripts.connection import LAST_ROUND, DeploymentFile, Rpc, connect
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.deployment_file import read_deployment
from scripts.json_file import read_json
from scripts.patient.revoking import TokenId, consent_of, token_number

PublicKey = Annotated[
    Path,
    typer.Argument(help="What response.getPublicKey() gave (DER).", metavar="PUBLIC_KEY.der"),
]


def message(
    token: TokenId,
    rpc: Rpc,
    deployment: DeploymentFile,
    round_: Annotated[
        int | None,
        typer.Option(
            "--round",
            min=1,
            max=LAST_ROUND,
            help="A question for the receipt of this round instead.",
        ),
    ] = None,
) -> None:
    """Print the EIP-712 typed data of a token's revocation, for a wallet or a passkey to sign.

    That of a grant is what `assent patient read` prints for a program.
    """
    from chain.messages import Challenge, Revocation, split_token_id

    chain, number = connect(rpc, deployment), token_number(token)
    consent_of(chain, number)  # it is no token's: told now, not when a revocation is needed
    study, site, _ = split_token_id(number)
    if round_ is None:
        show_json(Revocation(number).typed_data(chain.consent.domain))
    else:
        asked = Challenge(study, round_, site, number)
        show_json(asked.typed_data(chain.ledger.domain))


def passkey(public_key: PublicKey, deployment: DeploymentFile, json_: JsonOption = False) -> None:
    """Print the address of a passkey, which the hospital enrols."""
    from chain.messages import account_of_signer
    from chain.passkeys import passkey_signer

    verifier = read_deployment(deployment).webauthn_verifier
    try:
        signer = passkey_signer(verifier, public_key.read_bytes())
    except ValueError as error:
        raise BadInput(f"{public_key}: {error}") from None
    address = account_of_signer(signer)
    show_json({"address": address, "signer": "0x" + signer.hex()}) if json_ else say(address)


def assemble(
    typed_data: Annotated[Path, typer.Argument(help="What was signed.", metavar="TYPED_DATA.json")],
    assertion: Annotated[
        Path, typer.Argument(help="The browser's answer (toJSON()).", metavar="ASSERTION.json")
    ],
    public_key: PublicKey,
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="OUT.json")],
    deployment: DeploymentFile,
    enrolment: Annotated[
        Path | None,
        typer.Option(metavar="ENROLMENT.json", help="What the hospital gave, for a grant."),
    ] = None,
) -> None:
    """Make a signed act of a passkey's answer; `assent patient submit` carries it.

    The browser's challenge has to be the EIP-712 digest of the typed data.
    """
    from study.enrolment_file import EnrolmentFile
    from study.other_signers import act_of_assertion

    act = act_of_assertion(
        read_json(typed_data),
        public_key.read_bytes(),
        read_json(assertion),
        read_deployment(deployment).webauthn_verifier,
        None if enrolment is None else EnrolmentFile.load(enrolment),
    )
    write_act(act, out)
