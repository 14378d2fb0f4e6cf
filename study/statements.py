"""What holders and sites sign for each other off the chain: ReceiptKey, ErasureRequest, Erased.

Inside requests and answers of the service, as `study.signed_message` writes it. Nobody who carries
one is believed: whoever acts on it calls `require_of`.
"""

from __future__ import annotations

from typing import TypeVar

from eth_account.signers.local import LocalAccount

from chain.blocks import Block
from chain.chain import Chain
from chain.guardians import approved_statement
from chain.messages import Erased, ErasureRequest, ReceiptKey, signer_of_account
from chain.signatures import is_message_of
from study.other_signers import SignerUnusable, require_guardian_account
from study.signed_message import Signed

M = TypeVar("M", ReceiptKey, ErasureRequest, Erased)


class StatementRefused(Exception):
    """A statement is not by whom it should be, or not for this deployment. It says why."""


class Statement(Signed[M]):
    """A `Signed` one of these, whose signer the chain is asked about."""

    @classmethod
    def sign_for(
        cls, chain: Chain, message: M, account: str, acting_key: LocalAccount
    ) -> Statement[M]:
        """Said by a guardian account, signed by its acting key.

        Raises:
            SignerUnusable: it is no guardian account of this deployment.
            chain.errors.ContractRefused: the account does not say this, and says why.
            chain.errors.ChainError
        """
        if isinstance(message, Erased):
            raise SignerUnusable("a site says what it has erased, a guardian account does not")
        require_guardian_account(chain, account)
        domain = chain.consent.domain
        signed = approved_statement(message, message.sign(acting_key, domain))
        chain.guardian_accounts.account(account).check_signature(message.digest(domain), signed)
        return cls(domain, message, signer_of_account(account), signed)

    def require_of(self, chain: Chain, account: str) -> Block:
        """Goes on only when the account signed this for the chain's deployment.

        A contract account (ERC-1271) is asked on the chain's node, and must stand by its signature
        now: one of a key that it has replaced counts no more.

        Returns:
            The newest block, as of which it was asked.

        Raises:
            StatementRefused: it did not.
            chain.errors.ChainError: the node does not answer; nothing was decided.
        """
        kind = type(self.message).__name__
        if self.domain != chain.consent.domain:
            raise StatementRefused(f"the {kind} is for another deployment or chain")
        block = chain.head()
        genuine = is_message_of(
            chain.w3,
            account,
            self.message,
            self.domain,
            self.signer,
            self.signature,
            block=block.number,
        )
        if not genuine:
            raise StatementRefused(f"the {kind} is not signed by {account}")
        return block
