"""What two guardians of a minor's account do together, each on a machine of their own.

One guardian's part is a file: the JSON of `study.signed_message`, of a Rotation or a Revocation,
with a member "schema" of "assent-guardian-part-1".

It holds no secret, but two of them act: files are written with mode 0600. The contract
(contracts/interfaces/IGuardianAccount.sol) has the last word; what is checked here is what lets a
person mend it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from chain.chain import Chain
from chain.clients.base import Receipt
from chain.guardians import Rotation, quorum_signatures
from chain.messages import Domain, Revocation
from chain.new_file import save_new
from chain.signed_act import SignedActInvalid
from study.other_signers import SignerUnusable, require_guardian_account
from study.signed_message import Signed

SCHEMA = "assent-guardian-part-1"
NEEDED = 2
_KINDS: dict[str, type[Rotation] | type[Revocation]] = {
    kind.__name__: kind for kind in (Rotation, Revocation)
}


class GuardianPart(Signed[Rotation | Revocation]):
    """One guardian's signature over what two have to sign."""

    def save(self, path: Path) -> None:
        """Writes a new file of mode 0600. Raises FileExistsError."""
        save_new(path, {"schema": SCHEMA, **self.to_json()})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file. Raises SignedActInvalid, which names it, and OSError."""
        data = path.read_bytes()
        try:
            raw = json.loads(data)
            kind = _KINDS.get(raw["typed_data"].get("primaryType"))
            if raw.pop("schema") != SCHEMA or kind is None:
                raise SignedActInvalid("it is neither a Rotation nor a Revocation")
            return cls.parse(raw, kind)
        except SignedActInvalid as error:
            raise SignedActInvalid(f"{path} is not a guardian's part: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise SignedActInvalid(f"{path} is not a guardian's part: {SCHEMA}") from None


def rotation_of(chain: Chain, account: str, new_key: bytes) -> tuple[Domain, Rotation]:
    """What guardians sign to give the account another acting key, as it stands now.

    Raises:
        SignerUnusable: it is no guardian account, or has that key already.
        chain.errors.ChainError
    """
    require_guardian_account(chain, account)
    client = chain.guardian_accounts.account(account)
    if client.acting_key() == new_key:
        raise SignerUnusable(f"{account} has that acting key already")
    return client.domain, client.rotation(new_key)


def revocation_by(chain: Chain, account: str, token: int) -> tuple[Domain, Revocation]:
    """What guardians sign to end a consent that the account holds.

    Raises:
        SignerUnusable: it is no guardian account, or the token is somebody else's.
        chain.errors.ChainError
    """
    require_guardian_account(chain, account)
    if chain.consent.consent(token).holder != account:
        raise SignerUnusable(f"token {token} is not held by {account}")
    return chain.consent.domain, Revocation(token)


def require_guardian(chain: Chain, account: str, signer: bytes) -> None:
    """Raises SignerUnusable unless it is one of the account's three guardians."""
    if signer not in chain.guardian_accounts.account(account).guardians():
        raise SignerUnusable(f"0x{signer.hex()} is no guardian of {account}")


def carry_parts(chain: Chain, account: str, parts: Sequence[GuardianPart]) -> Receipt:
    """Submits what two guardians signed, from the chain's account.

    Raises:
        SignerUnusable: the parts do not belong together, or not to the account as it stands.
        chain.errors.ChainError: the account's refusal among them.
    """
    require_guardian_account(chain, account)
    first = parts[0]
    if any((part.domain, part.message) != (first.domain, first.message) for part in parts):
        raise SignerUnusable("the guardians signed different things: have them sign the same again")
    signatures = {part.signer: part.signature for part in parts}
    if len(signatures) < NEEDED:
        raise SignerUnusable(f"{NEEDED} different guardians have to sign, not one twice")
    for signer in signatures:
        require_guardian(chain, account, signer)
    client, message = chain.guardian_accounts.account(account), first.message
    expected = client.domain if isinstance(message, Rotation) else chain.consent.domain
    if first.domain != expected:
        raise SignerUnusable("it was signed for another account, chain or deployment")
    if isinstance(message, Revocation):
        revocation_by(chain, account, message.token_id)
        return client.revoke_by_guardians(message.token_id, quorum_signatures(signatures))
    if message.rotations != client.rotations():
        raise SignerUnusable(
            "the acting key was replaced since this was signed: have the guardians sign again"
        )
    return client.rotate(message, quorum_signatures(signatures))
