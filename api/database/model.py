"""What every table builds on: the declarative base and column types of this field."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from eth_utils.address import to_checksum_address
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

# Names for constraints, so that a migration can speak of each on either database.
_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=_NAMES)


class AddressType(TypeDecorator[str]):
    """An account: 20 bytes in the database, EIP-55 text in Python."""

    impl = LargeBinary(20)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else bytes.fromhex(value[2:])

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _checksummed(bytes(value))


# The checksum is a hash: of a list's addresses, most are the same few.
@lru_cache(maxsize=65_536)
def _checksummed(account: bytes) -> str:
    return str(to_checksum_address(account))


class Uint256Type(TypeDecorator[int]):
    """A uint256: 32 bytes big endian in the database, so that order is kept; int in Python."""

    impl = LargeBinary(32)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.to_bytes(32)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else int.from_bytes(bytes(value))


class UtcTime(TypeDecorator[datetime]):
    """A moment with time zone UTC, also from SQLite, which keeps none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment has a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Address = Annotated[str, mapped_column(AddressType)]
Uint256 = Annotated[int, mapped_column(Uint256Type)]
Hash = Annotated[bytes, mapped_column(LargeBinary(32))]
Bytes = Annotated[bytes, mapped_column(LargeBinary)]
Number = Annotated[int, mapped_column(BigInteger)]
Moment = Annotated[datetime, mapped_column(UtcTime)]
Word = Annotated[str, mapped_column(String(64))]
Json = Annotated[dict[str, Any], mapped_column(JSON().with_variant(JSONB(), "postgresql"))]
