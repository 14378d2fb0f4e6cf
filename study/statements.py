"""What holders and sites sign for each other off the chain, with its signature.

JSON, inside requests and answers of the service:

    {"typed_data": {...},       what eth_signTypedData_v4 takes: ReceiptKey, ErasureRequest, Erased
     "signer": "0x...",         ERC-7913: 20 bytes for an account, longer for a passkey
     "signature": "0x..."}

Nobody who carries one is believed: whoever acts on it calls `require_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from eth_account.signers.local import LocalAccount

from chain.blocks import Block
from chain.chain import Chain
from chain.guardians import approved_statement
from chain.messages import Domain, Erased, ErasureRequest, ReceiptKey, signer_of_account
from chain.signatures import is_message_of
from chain.signed_act import SignedActInvalid, read_typed_data
from study.other_signers import SignerUnusable, require_guardian_account, signature_of_assertion

M = TypeVar("M", ReceiptKey, ErasureRequest, Erased)


class StatementRefused(Exception):
    """A statement is not by whom it should be, or not for this deployment. It says why."""


@dataclass(frozen=True)
class Statement(Generic[M]):
    """One message with its ERC-7913 signer and signature."""

    domain: Domain
    message: M
    signer: bytes
    signature: bytes

    @classmethod
    def sign(cls, message: M, domain: Domain, key: LocalAccount) -> Statement[M]:
        """Signed by an account's key."""
        signature = message.sign(key, domain)
        return cls(domain, message, signer_of_account(key.address), signature)

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

    @classmethod
    def of_assertion(
        cls, typed_data: Any, kind: type[M], public_key: bytes, assertion: Any, verifier: str
    ) -> Statement[M]:
        """Signed by a passkey; see `study.other_signers.act_of_assertion`.

        Raises:
            SignedActInvalid: `typed_data` is no such message.
            SignerUnusable: the assertion is another's or for something else.
        """
        domain, message = read_typed_data(typed_data, kind)
        signer, signature = signature_of_assertion(message, domain, public_key, assertion, verifier)
        return cls(domain, message, signer, signature)

    @classmethod
    def parse(cls, raw: Any, kind: type[M]) -> Statement[M]:
        """From JSON. Raises SignedActInvalid."""
        names = {"typed_data", "signer", "signature"}
        if not isinstance(raw, dict) or set(raw) != names:
            raise SignedActInvalid(f"it must have the members {', '.join(sorted(names))} only")
        domain, message = read_typed_data(raw["typed_data"], kind)
        return cls(domain, message, _bytes(raw, "signer"), _bytes(raw, "signature"))

    def to_json(self) -> dict[str, Any]:
        """Its one JSON object."""
        return {
            "typed_data": self.message.typed_data(self.domain),
            "signer": "0x" + self.signer.hex(),
            "signature": "0x" + self.signature.hex(),
        }

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


def _bytes(raw: dict[str, Any], name: str) -> bytes:
    try:
        if isinstance(raw[name], str) and raw[name].startswith("0x"):
            return bytes.fromhex(raw[name][2:])
    except ValueError:
        pass
    raise SignedActInvalid(f"{name} is not 0x and hexadecimal digits")
