"""Canonical JSON (RFC 8785): one byte string for each value, and a reader that accepts no other."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

from audit.errors import NotCanonical

LARGEST_SAFE_INTEGER = 2**53 - 1
"""RFC 8785 section 3.1 (I-JSON, RFC 7493): integers beyond it go in JSON as decimal strings."""

_PLAIN = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
"""Writes plain values (see `_is_plain`) in their canonical form, ten times as fast as rfc8785:
without floats and beyond ASCII only the order of keys (by UTF-16 units) differs.
"""


def dumps(value: Any) -> bytes:
    """The canonical UTF-8 bytes of a JSON value, without a newline.

    Raises NotCanonical when the value has no canonical form (NaN, infinity, integers above 2^53 -
    1, keys that are not strings, lone surrogates, other types, nesting beyond the interpreter's
    recursion limit).
    """
    try:
        if _is_plain(value):
            return _PLAIN.encode(value).encode("ascii")
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise NotCanonical(f"no canonical JSON form: {error}") from error


def _is_plain(value: Any) -> bool:
    """Whether it is made of ASCII strings, safe integers, booleans and nulls alone."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is list:
        if all(type(item) is str for item in value):  # a sum of a million numbers is one list
            return "".join(value).isascii()
        return all(map(_is_plain, value))
    if kind is dict:
        return all(type(key) is str and key.isascii() for key in value) and all(
            map(_is_plain, value.values())
        )
    if kind is int:
        return bool(-LARGEST_SAFE_INTEGER <= value <= LARGEST_SAFE_INTEGER)
    return kind is bool or value is None


def _integer(digits: str) -> int | float:
    """RFC 8785 writes whole floats without exponent up to 1e21, so beyond 2^53 - 1 digits can only
    mean a float.
    """
    if len(digits) <= 17 and abs(int(digits)) <= LARGEST_SAFE_INTEGER:
        return int(digits)
    return float(digits)


def loads(data: bytes, what: str = "JSON") -> Any:
    """The value of canonical JSON bytes. ``what`` names them in errors.

    Raises NotCanonical when the bytes are not JSON, or are not the canonical form of the value that
    they hold.
    """
    try:
        value = json.loads(data.decode("utf-8"), parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"{what} is not JSON in UTF-8: {error}") from error
    try:
        again = dumps(value)
    except NotCanonical as error:
        raise NotCanonical(f"{what}: {error}") from error
    if again != data:
        raise NotCanonical(f"{what} is JSON, but not in its canonical form (RFC 8785)")
    return value
