"""Strict reading of JSON objects: every field present, none unknown, each of the right form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeVar

from eth_utils.address import is_checksum_address

T = TypeVar("T")

_is_checksummed = lru_cache(maxsize=65_536)(is_checksum_address)  # a hash, for each address
_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,77}")
_BYTES32 = re.compile(r"0x[0-9a-f]{64}")
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")


class FieldInvalid(ValueError):
    """A field that is missing, unknown or of the wrong form; the message starts with its path."""


def members(value: Any, names: Iterable[str], where: str) -> dict[str, Any]:
    """``value`` as an object that has exactly these members. Raises FieldInvalid."""
    if not isinstance(value, dict):
        raise FieldInvalid(f"{where} must be an object")
    wanted = set(names)
    if missing := wanted - value.keys():
        raise FieldInvalid(f"{where} lacks {', '.join(sorted(missing))}")
    if unknown := value.keys() - wanted:
        raise FieldInvalid(f"{where} has unknown {', '.join(sorted(map(repr, unknown)))}")
    return value


def integer(value: Any, where: str, low: int = 0, high: int = 2**53 - 1) -> int:
    """A JSON integer in [low, high]. Raises FieldInvalid."""
    if type(value) is not int or not low <= value <= high:
        raise FieldInvalid(f"{where} must be an integer from {low} to {high}")
    return value


def decimal(value: Any, where: str, low: int = 0, high: int = 2**256 - 1) -> int:
    """An integer in [low, high] written as a decimal string without leading zeros. Raises
    FieldInvalid.
    """
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or not low <= int(value) <= high:
        raise FieldInvalid(f"{where} must be a decimal string from {low} to {high}")
    return int(value)


def number(value: Any, where: str) -> float:
    """A finite JSON number. Raises FieldInvalid."""
    if type(value) not in (int, float):
        raise FieldInvalid(f"{where} must be a number")
    return float(value)


def text(value: Any, where: str, longest: int = 200) -> str:
    """A non-empty string. Raises FieldInvalid."""
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise FieldInvalid(f"{where} must be a string of 1 to {longest} characters")
    return value


def hexadecimal(value: Any, where: str) -> bytes:
    """Bytes written as 0x and lower-case hexadecimal digits. Raises FieldInvalid."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise FieldInvalid(
            f"{where} must be 0x and an even number of lower-case hexadecimal digits"
        )
    return bytes.fromhex(value[2:])


def bytes32(value: Any, where: str) -> bytes:
    """32 bytes written as 0x and 64 lower-case hexadecimal digits. Raises FieldInvalid."""
    if not isinstance(value, str) or not _BYTES32.fullmatch(value):
        raise FieldInvalid(f"{where} must be 0x and 64 lower-case hexadecimal digits")
    return bytes.fromhex(value[2:])


def address(value: Any, where: str) -> str:
    """An account address with its EIP-55 checksum. Raises FieldInvalid."""
    if not isinstance(value, str) or not _is_checksummed(value):
        raise FieldInvalid(f"{where} must be an address with its EIP-55 checksum")
    return value


def array(
    value: Any, where: str, item: Callable[[Any, str], T], longest: int = 1_000_000
) -> tuple[T, ...]:
    """A JSON array whose items all pass ``item``. Raises FieldInvalid."""
    if not isinstance(value, list) or len(value) > longest:
        raise FieldInvalid(f"{where} must be an array of at most {longest} items")
    return tuple(item(entry, f"{where}[{position}]") for position, entry in enumerate(value))


def hex_of(data: bytes) -> str:
    """Bytes as 0x and lower-case hexadecimal digits."""
    return "0x" + data.hex()
