"""Canonical JSON (RFC 8785): one byte string for each value, and a reader that accepts no other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import rfc8785

from audit.errors import NotCanonical

LARGEST_SAFE_INTEGER = 2**53 - 1
"""RFC 8785 section 3.1 (I-JSON, RFC 7493): integers beyond it go in JSON as decimal strings."""

_encode_list = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring
_name = itemgetter(0)


class _NotPlain(Exception):
    """A value that rfc8785 has to write, or to refuse."""


def dumps(value: Any) -> bytes:
    """The canonical UTF-8 bytes of a JSON value, without a newline.

    Raises NotCanonical when the value has no canonical form (NaN, infinity, integers above 2^53 -
    1, keys that are not strings, lone surrogates, other types, nesting beyond the interpreter's
    recursion limit).
    """
    try:
        return _plain(value).encode("ascii")
    except (_NotPlain, rfc8785.CanonicalizationError, UnicodeError, RecursionError):
        pass
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise NotCanonical(f"no canonical JSON form: {error}") from error


def _plain(value: Any) -> str:
    """What rfc8785 writes, ten times as fast, of values without text beyond ASCII (whose keys it
    orders by UTF-16 units). Raises _NotPlain for what it may write otherwise or refuse.
    """
    kind = type(value)
    if kind is str:
        return _quoted(value)  # beyond ASCII it fails to encode
    if kind is int:
        if not -LARGEST_SAFE_INTEGER <= value <= LARGEST_SAFE_INTEGER:
            raise _NotPlain
        return str(value)
    if kind is dict:
        if not _is_plain_text(value):
            raise _NotPlain
        # most values are text, which needs no call of its own
        members = [
            f"{_quoted(k)}:{_quoted(v) if type(v) is str else _plain(v)}"
            for k, v in sorted(value.items(), key=_name)
        ]
        return "{" + ",".join(members) + "}"
    if kind is list:
        kinds = set(map(type, value))
        if kinds == {str}:
            return _encode_list(value)
        if kinds == {float} and all(map(_is_written_alike, value)):  # a constant for each number
            return _encode_list([int(item) if item.is_integer() else item for item in value])
        return "[" + ",".join(map(_plain, value)) + "]"
    if kind is float:
        return rfc8785.dumps(value).decode("ascii")
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]
    raise _NotPlain


def _is_plain_text(names: Iterable[Any]) -> bool:
    """Whether all of an object's names are text in ASCII."""
    try:
        return "".join(names).isascii()
    except TypeError:
        return False


def _is_written_alike(value: float) -> bool:
    """Whether Python writes a float as ECMAScript does (2024, section 6.1.6.1.20), but for the
    ".0" behind a whole number.

    Both write the fewest digits that give it back; Python puts an exponent below 1e-4 and from 1e16
    on, ECMAScript below 1e-6 and from 1e21.
    """
    return 1e-4 <= abs(value) <= LARGEST_SAFE_INTEGER or value == 0


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
