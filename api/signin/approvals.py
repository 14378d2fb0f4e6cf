"""What a contract account (ERC-1271) stood by when it signed in, and whether it still does.

A key signs for itself alone, but an account with code decides anew each time it is asked: a
guardian account whose lost key was replaced no longer stands by what that key has signed. So a
session of such an account, and every access token made in it, holds only as long as it does.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.node import Node
from chain.blocks import Block
from chain.errors import RpcRefused
from chain.messages import signer_of_account
from chain.signatures import is_signed_by

_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Approval:
    """A digest of 32 bytes (ERC-191 of the sign-in's text) and the account's signature over it."""

    digest: bytes
    signature: bytes

    @classmethod
    def from_bytes(cls, kept: bytes) -> Approval:
        """As `to_bytes` gives it."""
        return cls(kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:])

    def to_bytes(self) -> bytes:
        """For the database."""
        return self.digest + self.signature

    def stands(self, node: Node, address: str, block: Block) -> bool:
        """Whether the account stands by it as of a block.

        Where it has no code nobody is asked: then only its own key's signature would do.

        Raises:
            chain.errors.ChainError: the node does not answer.
        """
        w3, signer = node.chain().w3, signer_of_account(address)
        try:
            return is_signed_by(w3, signer, self.digest, self.signature, block=block.number)
        except RpcRefused:
            # Out of gas, or no contract that can be called so: not a yes.
            return False
