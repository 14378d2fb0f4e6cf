"""What sign-in takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.blocks import BLOCK_EXAMPLE, BlockShown
from api.signin.scopes import Scope
from api.signin.tables import SessionRow
from chain.blocks import Block

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_NONCE = "0f" * 32
_ID = "5e" * 16
_LATER = "2030-01-01T12:30:00Z"
_NOW = "2030-01-01T12:00:00Z"
_MESSAGE = f"""localhost:8800 wants you to sign in with your Ethereum account:
{_ADDRESS}

Sign in to Assent.

URI: http://localhost:8800
Version: 1
Chain ID: 31337
Nonce: {_NONCE}
Issued At: {_NOW}"""
_SESSION: JsonDict = {
    "id": _ID,
    "method": "ethereum",
    "created_at": _NOW,
    "expires_at": _LATER,
    "current": True,
}
_TOKEN: JsonDict = {
    "id": _ID,
    "name": "reads our receipts at night",
    "scopes": ["consent:read"],
    "created_at": _NOW,
    "expires_at": "2030-01-31T12:00:00Z",
}


def _example(value: JsonDict) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class Nonce(BaseModel):
    """A nonce for one sign-in, with what else the signed message must name."""

    model_config = _example(
        {
            "nonce": _NONCE,
            "expires_at": _LATER,
            "domain": "localhost:8800",
            "uri": "http://localhost:8800",
            "chain_id": 31337,
        }
    )

    nonce: str
    expires_at: datetime
    domain: str
    uri: str
    chain_id: int


class EthereumSignIn(BaseModel):
    """A message of Sign-In with Ethereum (ERC-4361) and its signature (ERC-191 or ERC-1271)."""

    model_config = _example({"message": _MESSAGE, "signature": "0x" + "1b" * 65})

    # The longest that is read; what a wallet writes has some 300.
    message: Annotated[str, Field(max_length=2000)]
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2}){0,4096}$")]


class SignedIn(BaseModel):
    """Who is signed in now; the session itself is in the cookie.

    `as_of` is the block as of which a contract account was asked; null for an account's own key.
    """

    model_config = _example(
        {
            "address": _ADDRESS,
            "signer": _ADDRESS.lower(),
            "expires_at": _LATER,
            "as_of": BLOCK_EXAMPLE,
        }
    )

    address: str
    signer: str
    expires_at: datetime
    as_of: BlockShown | None = None

    @classmethod
    def of(cls, row: SessionRow, block: Block | None = None) -> SignedIn:
        """What is told of a new session."""
        return cls(
            address=row.address,
            signer="0x" + row.signer.hex(),
            expires_at=row.expires_at,
            as_of=None if block is None else BlockShown.of(block),
        )


class SessionEntry(BaseModel):
    """A session of one's own; `current` is the one that asks."""

    model_config = _example(_SESSION)

    id: str
    method: str
    created_at: datetime
    expires_at: datetime
    current: bool


class NewAccessToken(BaseModel):
    """What a program's token is to be: a name to know it by, what it may do, how many days."""

    model_config = _example(
        {"name": "reads our receipts at night", "scopes": ["consent:read"], "days": 30}
    )

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=366)] = 30


class AccessTokenEntry(BaseModel):
    """An access token, without the token."""

    model_config = _example(_TOKEN)

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime


class AccessToken(AccessTokenEntry):
    """A new access token; `token` is shown this once."""

    model_config = _example({**_TOKEN, "token": "a7" * 32})

    token: str
