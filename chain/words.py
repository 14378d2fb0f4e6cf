"""ABI data of types that have a fixed size, read word by word.

Ten times as fast as `eth_abi`, which decodes, and encodes again to see that the encoding is the
canonical one. Here nothing else is read: each type fills its 32-byte words in one way only.
Specification: https://docs.soliditylang.org/en/latest/abi-spec.html#formal-specification-of-the-encoding
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any, get_origin

from eth_utils.address import to_checksum_address

from chain.solidity import Hint, abi_type, members

WORD = 32
Reader = Callable[[Iterator[bytes]], Any]

_checksummed = lru_cache(maxsize=65_536)(to_checksum_address)


class WordInvalid(ValueError):
    """A word that the type's encoding never gives."""


@cache
def words_in(hint: Hint) -> int | None:
    """How many words a type fills; None for one of no fixed size (arrays, bytes, strings)."""
    if _is_struct(hint):
        inside = [words_in(inner) for _, inner in members(hint)]
        known = [count for count in inside if count is not None]
        return sum(known) if len(known) == len(inside) else None
    origin: Any = get_origin(hint)
    if origin is tuple or abi_type(hint) in ("bytes", "string"):
        return None
    return 1


@cache
def reader_of(hint: Hint) -> Reader:
    """Reads a value as `chain.solidity.from_abi` gives it; it raises ValueError."""
    if _is_struct(hint):
        fields = [(name, reader_of(inner)) for name, inner in members(hint)]
        return lambda words: hint(**{name: read(words) for name, read in fields})
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        number = _number(8)
        return lambda words: hint(number(next(words)))
    name = abi_type(hint)
    if name == "address":
        return lambda words: _address(next(words))
    if name == "bool":
        return lambda words: bool(_number(1)(next(words)))
    if name.startswith("uint"):
        read_number = _number(int(name.removeprefix("uint")))
        return lambda words: read_number(next(words))
    if name.startswith("bytes"):
        size = int(name.removeprefix("bytes"))
        return lambda words: _left(next(words), size)
    raise TypeError(f"{name} is not read word by word")


def _is_struct(hint: Hint) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


def _number(bits: int) -> Callable[[bytes], int]:
    limit = 1 << bits

    def read(word: bytes) -> int:
        found = int.from_bytes(word)
        if found >= limit:
            raise WordInvalid(f"{found} has more than {bits} bits")
        return found

    return read


def _address(word: bytes) -> str:
    if any(word[:12]):
        raise WordInvalid("an address has more than 20 bytes")
    return str(_checksummed(word[12:]))


def _left(word: bytes, size: int) -> bytes:
    if any(word[size:]):
        raise WordInvalid(f"more than {size} bytes are filled")
    return word[:size]
