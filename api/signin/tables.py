"""Who is signed in. Secrets are kept as SHA-256 only; no row says more than one address."""

from __future__ import annotations

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from api.database.model import Address, Base, Bytes, Hash, Moment, Number, Word


class SignInNonce(Base):
    """A nonce that was given out and not yet used."""

    __tablename__ = "signin_nonces"

    digest: Mapped[Hash] = mapped_column(primary_key=True)
    expires_at: Mapped[Moment] = mapped_column(index=True)


class SessionRow(Base):
    """A person's session in a browser: one address (`signer` is its ERC-7913 form).

    `approval`: of a contract account (ERC-1271), what it has to stand by; null for others.
    """

    __tablename__ = "signin_sessions"

    id: Mapped[Word] = mapped_column(primary_key=True)
    digest: Mapped[Hash] = mapped_column(unique=True)
    address: Mapped[Address] = mapped_column(index=True)
    signer: Mapped[Bytes]
    method: Mapped[Word]
    approval: Mapped[Bytes | None]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment] = mapped_column(index=True)


class AccessTokenRow(Base):
    """A program's bearer token; `scopes` are separated by spaces, `approval` is the session's."""

    __tablename__ = "access_tokens"

    id: Mapped[Word] = mapped_column(primary_key=True)
    digest: Mapped[Hash] = mapped_column(unique=True)
    address: Mapped[Address] = mapped_column(index=True)
    signer: Mapped[Bytes]
    name: Mapped[Word]
    scopes: Mapped[str]
    approval: Mapped[Bytes | None]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment] = mapped_column(index=True)


class PasskeyRow(Base):
    """A passkey's public half, as an ERC-7913 signer (chain/passkeys.py).

    Anybody may register one. `used_at`: when it last signed in, null: it never did.
    """

    __tablename__ = "passkeys"

    # At most 1023 bytes (WebAuthn level 3, section 4, "credential ID").
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), primary_key=True)
    signer: Mapped[Bytes]
    address: Mapped[Address] = mapped_column(index=True)
    sign_count: Mapped[Number]
    created_at: Mapped[Moment]
    used_at: Mapped[Moment | None] = mapped_column(index=True)
