"""A minor's guardian account on the real contracts, its acting key and its three guardians."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.guardians import Quarter, approved_text, quorum_signatures
from chain.messages import signer_of_account
from tests.api.people import wallet_signature
from tests.world import World


def _keys() -> list[LocalAccount]:
    return [Account.create() for _ in range(3)]


@dataclass
class Guarded:
    """`address` is the account's; `parent` has its acting key."""

    world: World
    study: int
    parent: LocalAccount = field(default_factory=Account.create)
    guardians: list[LocalAccount] = field(default_factory=_keys)
    third: bytes | None = None
    """An ERC-7913 signer in the place of the third guardian."""

    def __post_init__(self) -> None:
        end = Quarter(datetime.fromtimestamp(self.world.now, UTC).year + 3, 1)
        signers = [signer_of_account(one.address) for one in (self.parent, *self.guardians)]
        if self.third is not None:
            signers[3] = self.third
        made = self.world.chain().guardian_accounts.create(self.study, end, signers[0], signers[1:])
        self.account, self.address = made, made.address

    @property
    def signer(self) -> bytes:
        return signer_of_account(self.address)

    def signs_text(self, text: str, key: LocalAccount | None = None) -> str:
        """What the account gives for a text that a key has signed; the acting key's by default."""
        signature = wallet_signature(key or self.parent, text)
        return "0x" + approved_text(text, bytes.fromhex(signature[2:])).hex()

    def rotate(self) -> LocalAccount:
        """Two guardians replace a lost acting key; the new one."""
        found: LocalAccount = Account.create()
        rotation = self.account.rotation(signer_of_account(found.address))
        signed = {
            signer_of_account(one.address): rotation.sign(one, self.account.domain)
            for one in self.guardians[:2]
        }
        self.account.rotate(rotation, quorum_signatures(signed))
        return found
