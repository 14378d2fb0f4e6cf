"""`assent patient revoke`, `sign-revocation` and `submit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.acts import ActFile, Yes, read_act, require_yes, write_act
from scripts.connection import CarrierKey, DeploymentFile, GuardianAccount, KeyFile, Rpc, connect
from scripts.console import BadInput, JsonOption, say, show_json
from scripts.keys import read_key

if TYPE_CHECKING:
    from chain.chain import Chain
    from chain.messages import Challenge, Consent, Domain, Revocation
    from chain.signed_act import SignedAct

TokenId = Annotated[str, typer.Argument(help="The token's number.", metavar="TOKEN")]


def revoke(
    token: TokenId,
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    guardian_account: GuardianAccount = None,
    carrier_key: CarrierKey = None,
    yes: Yes = False,
    json_: JsonOption = False,
) -> None:
    """Revoke a consent: from now on the record enters no round, and a round under way is bound.

    Nothing can pause this. Every grant that this address signed before becomes void.
    """
    chain = connect(rpc, deployment, carrier_key or key)
    act = _revocation(chain, token_number(token), key, guardian_account)
    require_yes("Revoke this consent for good?", yes)
    act.carry(chain)
    if json_:
        show_json({"token": token, "revoked": True})
    else:
        say("Your consent is revoked. `assent patient withdrawal` says which rounds could have")
        say("used the record before, and what becomes of that.")


def sign_revocation(
    token: TokenId,
    out: Annotated[Path, typer.Argument(help="A new file.", metavar="OUT.json")],
    key: KeyFile,
    rpc: Rpc,
    deployment: DeploymentFile,
    guardian_account: GuardianAccount = None,
) -> None:
    """Sign a revocation in advance, for somebody you trust to carry when the time comes.

    It has no deadline and needs nothing else: whoever holds the file can end this consent.
    """
    chain = connect(rpc, deployment)
    write_act(_revocation(chain, token_number(token), key, guardian_account), out)


def submit(
    file: ActFile, key: KeyFile, rpc: Rpc, deployment: DeploymentFile, json_: JsonOption = False
) -> None:
    """Carry a patient's signed grant, revocation or question; any account may, it only pays."""
    from chain.events import Granted
    from chain.messages import Challenge, Grant, Revocation

    act = read_act(file)
    message = act.message
    if not isinstance(message, Grant | Revocation | Challenge):
        raise BadInput(
            f"{file} holds a {type(message).__name__} of a reviewer; use `assent irb submit`"
        )
    receipt = act.carry(connect(rpc, deployment, key))
    token = receipt.event(Granted).token_id if isinstance(message, Grant) else message.token_id
    done = {"Grant": "Granted", "Revocation": "Revoked", "Challenge": "Asked about"}
    kind = type(message).__name__
    if json_:
        show_json({"act": kind.lower(), "token": str(token)})
    else:
        say(f"{done[kind]}: token {token}")


def token_number(text: str) -> int:
    """A token's number from what the user typed. Raises BadInput."""
    if not (text.isascii() and text.isdigit()) or int(text) >= 1 << 256:
        raise BadInput(f"{text!r} is not a token's number: decimal digits, as `grant` printed them")
    return int(text)


def consent_of(chain: Chain, token: int) -> Consent:
    """What is kept of a token, revoked or not. Raises ConsentTokenUnknown."""
    from chain.errors import ConsentTokenUnknown
    from chain.solidity import ZERO_ADDRESS

    consent = chain.consent.consent(token)
    if consent.holder == ZERO_ADDRESS:
        raise ConsentTokenUnknown(token)
    return consent


def signed_by_holder(
    chain: Chain, token: int, key: Path, message: Revocation | Challenge, domain: Domain
) -> SignedAct:
    """An act about a token, signed by its holder's key, revoked or not.

    Raises:
        ConsentTokenUnknown: there is no such token.
        BadInput: the key is somebody else's.
    """
    from chain.signed_act import SignedAct

    belongs_to, holder = consent_of(chain, token).holder, read_key(key)
    if holder.address != belongs_to:
        raise BadInput(
            f"--key: {key} is the key of {holder.address}, and the token belongs to {belongs_to}"
        )
    return SignedAct.sign(message, domain, holder)


def _revocation(chain: Chain, token: int, key: Path, guardian_account: str | None) -> SignedAct:
    from chain.errors import ConsentAlreadyRevoked
    from chain.messages import Revocation
    from study.other_signers import guardian_revocation

    consent = consent_of(chain, token)
    if consent.revoked_at:
        raise ConsentAlreadyRevoked(token)
    if guardian_account is not None:
        # Else it would be found out when it is carried, which may be years later.
        if guardian_account != consent.holder:
            raise BadInput(f"--guardian-account: the token belongs to {consent.holder}, not to it")
        return guardian_revocation(chain, Revocation(token), guardian_account, read_key(key))
    return signed_by_holder(chain, token, key, Revocation(token), chain.consent.domain)
