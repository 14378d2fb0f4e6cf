"""What two guardians of a minor's account do together, each on a machine of their own.

One guardian's part is a file, JSON, schema "assent-guardian-part-1":

    {"schema": "assent-guardian-part-1",
     "typed_data": {...},             a Rotation or a Revocation, as eth_signTypedData_v4 takes it
     "signer": "0x...",               the guardian, ERC-7913
     "signature": "0x..."}

It holds no secret, but two of them act: files are written with mode 0600. The contract
(contracts/interfaces/IGuardianAccount.sol) has the last word; what is checked here is what lets a
person mend it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.chain import Chain
from chain.clients.base import Receipt
from chain.guardians import Rotation, quorum_signatures
from chain.messages import Domain, Revocation
from chain.new_file import save_new
from chain.signed_act import SignedActInvalid, read_typed_data
from study.other_signers import SignerUnusable, require_guardian_account

SCHEMA = "assent-guardian-part-1"
NEEDED = 2
_MEMBERS = {"schema", "typed_data", "signer", "signature"}
_KINDS: dict[str, type[Rotation] | type[Revocation]] = {
    kind.__name__: kind for kind in (Rotation, Revocation)
}


@dataclass(frozen=True)
class GuardianPart:
    """One guardian's signature over what two have to sign."""

    domain: Domain
    message: Rotation | Revocation
    signer: bytes
    signature: bytes

    def save(self, path: Path) -> None:
        """Writes a new file of mode 0600. Raises FileExistsError."""
        value = {
            "schema": SCHEMA,
            "typed_data": self.message.typed_data(self.domain),
            "signer": "0x" + self.signer.hex(),
            "signature": "0x" + self.signature.hex(),
        }
        save_new(path, value)

    @classmethod
    def load(cls, path: Path) -> GuardianPart:
        """Reads a file. Raises SignedActInvalid, which names it, and OSError."""
        data = path.read_bytes()
        try:
            return cls._parse(json.loads(data))
        except SignedActInvalid as error:
            raise SignedActInvalid(f"{path} is not a guardian's part: {error}") from None
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise SignedActInvalid(f"{path} is not a guardian's part: {SCHEMA}") from None

    @classmethod
    def _parse(cls, raw: Any) -> GuardianPart:
        if raw.get("schema") != SCHEMA or set(raw) != _MEMBERS:
            raise SignedActInvalid(f"it does not have the members of {SCHEMA}")
        kind = _KINDS.get(raw["typed_data"].get("primaryType"))
        if kind is None:
            raise SignedActInvalid("it is neither a Rotation nor a Revocation")
        domain, message = read_typed_data(raw["typed_data"], kind)
        signer, signature = (
            bytes.fromhex(raw[name].removeprefix("0x")) for name in ("signer", "signature")
        )
        return cls(domain, message, signer, signature)


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
