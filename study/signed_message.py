"""A message with its signature, as files and requests carry it.

JSON:

    {"typed_data": {...},       what eth_signTypedData_v4 takes
     "signer": "0x...",         ERC-7913: 20 bytes for an account, longer for a passkey
     "signature": "0x..."}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from eth_account.signers.local import LocalAccount

from chain.messages import Domain, SignedMessage, signer_of_account
from chain.signed_act import SignedActInvalid, read_typed_data
from study.other_signers import signature_of_assertion

M = TypeVar("M", bound=SignedMessage)


@dataclass(frozen=True)
class Signed(Generic[M]):
    """One message with its ERC-7913 signer and signature; nobody who carries it is believed."""

    domain: Domain
    message: M
    signer: bytes
    signature: bytes

    @classmethod
    def sign(cls, message: M, domain: Domain, key: LocalAccount) -> Self:
        """Signed by an account's key."""
        signature = message.sign(key, domain)
        return cls(domain, message, signer_of_account(key.address), signature)

    @classmethod
    def of_assertion(
        cls, typed_data: Any, kind: type[M], public_key: bytes, assertion: Any, verifier: str
    ) -> Self:
        """Signed by a passkey; see `study.other_signers.act_of_assertion`.

        Raises:
            SignedActInvalid: `typed_data` is no such message.
            SignerUnusable: the assertion is another's or for something else.
        """
        domain, message = read_typed_data(typed_data, kind)
        signer, signature = signature_of_assertion(message, domain, public_key, assertion, verifier)
        return cls(domain, message, signer, signature)

    @classmethod
    def parse(cls, raw: Any, kind: type[M]) -> Self:
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


def _bytes(raw: dict[str, Any], name: str) -> bytes:
    try:
        if isinstance(raw[name], str) and raw[name].startswith("0x"):
            return bytes.fromhex(raw[name][2:])
    except ValueError:
        pass
    raise SignedActInvalid(f"{name} is not 0x and hexadecimal digits")
