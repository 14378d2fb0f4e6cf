"""Solidity types as annotations: one dataclass states the fields, the ABI and the EIP-712 type.

`Uint64` is `int` to a type checker and `uint64` to the ABI. A dataclass whose fields are annotated
so is a struct; `tuple[Address, ...]` is `address[]`; an `IntEnum` is `uint8`. Names are snake_case
here and camelCase there.
Specification: https://docs.soliditylang.org/en/latest/abi-spec.html
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import cache, lru_cache
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from eth_utils.address import to_checksum_address

from chain.light_dataclass import light_dataclass

Hint = Any
S = TypeVar("S")


@light_dataclass(frozen=True)
class Abi:
    """Marks an annotation with the Solidity type it stands for."""

    name: str


Uint8 = Annotated[int, Abi("uint8")]
Uint16 = Annotated[int, Abi("uint16")]
Uint24 = Annotated[int, Abi("uint24")]
Uint32 = Annotated[int, Abi("uint32")]
Uint40 = Annotated[int, Abi("uint40")]
Uint48 = Annotated[int, Abi("uint48")]
Uint64 = Annotated[int, Abi("uint64")]
Uint256 = Annotated[int, Abi("uint256")]
Bool = Annotated[bool, Abi("bool")]
Bytes4 = Annotated[bytes, Abi("bytes4")]
Bytes8 = Annotated[bytes, Abi("bytes8")]
Bytes32 = Annotated[bytes, Abi("bytes32")]
Bytes = Annotated[bytes, Abi("bytes")]
String = Annotated[str, Abi("string")]
Address = Annotated[str, Abi("address")]

ZERO_ADDRESS = "0x" + "00" * 20


@cache
def camel(name: str) -> str:
    """`study_id` -> `studyId`; a trailing underscore (a reserved word in Python) is dropped."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def members(struct: Any) -> tuple[tuple[str, Hint], ...]:
    """(attribute name, annotation) of every field of a dataclass, in order."""
    return _members(struct)


@cache
def _members(struct: Any) -> tuple[tuple[str, Hint], ...]:
    stated = tuple((f.name, f.type) for f in fields(struct))
    if not any(isinstance(hint, str) for _, hint in stated):
        return stated
    hints = get_type_hints(struct, include_extras=True)
    return tuple((name, hints[name]) for name, _ in stated)


@cache
def abi_type(hint: Hint) -> str:
    """The canonical ABI type, structs as tuples: what selectors and topics are hashed over."""
    origin: Any = get_origin(hint)
    if origin is Annotated:
        return str(get_args(hint)[1].name)
    if origin is tuple:
        return abi_type(get_args(hint)[0]) + "[]"
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return "uint8"
    if is_dataclass(hint):
        return "(" + ",".join(abi_type(h) for _, h in members(hint)) + ")"
    raise TypeError(f"{hint!r} stands for no Solidity type")


def is_array(hint: Hint) -> bool:
    """Whether a type is an array of Solidity's: a tuple of one type."""
    origin: Any = get_origin(hint)
    return origin is tuple


def to_abi(value: Any, hint: Hint) -> Any:
    """The value as `eth_abi` and `web3` take it: structs become tuples, arrays lists."""
    if is_array(hint):
        return [to_abi(item, get_args(hint)[0]) for item in value]
    if is_dataclass(hint):
        return tuple(to_abi(getattr(value, name), h) for name, h in members(hint))
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value


def from_abi(raw: Any, hint: Hint) -> Any:
    """The inverse of `to_abi`; addresses come back checksummed (EIP-55)."""
    if is_array(hint):
        return tuple(from_abi(item, get_args(hint)[0]) for item in raw)
    if is_dataclass(hint):
        return struct_from_abi(raw, cast(Any, hint))
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return hint(raw)
    name = abi_type(hint)
    if name == "address":
        return str(to_checksum_address(raw))
    return bytes(raw) if name.startswith("bytes") else raw


def struct_from_abi(raw: Any, struct: type[S]) -> S:
    """A dataclass from its ABI tuple."""
    named = zip(raw, members(struct), strict=True)
    return struct(**{name: from_abi(item, hint) for item, (name, hint) in named})


def check_members(value: Any) -> None:
    """Refuses a struct whose values do not fit their Solidity types.

    Raises ValueError that names the struct and the field: a node would fail without a reason.
    """
    struct: Any = type(value)
    for name, hint, fits in _fitting(struct):
        held = getattr(value, name)
        if not fits(held):
            _check(held, hint, f"{type(value).__name__}.{name}")


@cache
def _fitting(struct: Any) -> tuple[tuple[str, Hint, Callable[[Any], bool]], ...]:
    """For each field a short test that the common values pass; `_check` judges the others."""
    return tuple((name, hint, _fits(hint)) for name, hint in members(struct))


def _fits(hint: Hint) -> Callable[[Any], bool]:
    if is_array(hint):
        return lambda value: False
    if isinstance(hint, type):
        return lambda value: isinstance(value, hint)
    name = abi_type(hint)
    if name.startswith("uint"):
        limit = 1 << int(name.removeprefix("uint"))
        return lambda value: type(value) is int and 0 <= value < limit
    if name == "address":
        return lambda value: type(value) is str and len(value) == 42 and _has_checksum(value)
    if name.startswith("bytes") and name != "bytes":
        size = int(name.removeprefix("bytes"))
        return lambda value: type(value) is bytes and len(value) == size
    return lambda value: False


def _check(value: Any, hint: Hint, where: str) -> None:
    if is_array(hint):
        if not isinstance(value, tuple):
            raise ValueError(f"{where} must be a tuple, not {type(value).__name__}")
        for position, item in enumerate(value):
            _check(item, get_args(hint)[0], f"{where}[{position}]")
        return
    if isinstance(hint, type):
        if not isinstance(value, hint):
            raise ValueError(f"{where} must be a {hint.__name__}, not {value!r}")
        return
    name = abi_type(hint)
    if name.startswith("uint"):
        bits = int(name.removeprefix("uint"))
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << bits:
            raise ValueError(f"{where} must be an integer in [0, 2^{bits}), not {value!r}")
    elif name == "address":
        if not isinstance(value, str) or len(value) != 42 or not _has_checksum(value):
            raise ValueError(f"{where} must be an EIP-55 checksummed address, not {value!r}")
    elif name.startswith("bytes"):
        size = name.removeprefix("bytes")
        if not isinstance(value, bytes) or (size and len(value) != int(size)):
            raise ValueError(f"{where} must be {size or 'any number of'} bytes, not {value!r}")
    elif name == "bool" and not isinstance(value, bool):
        raise ValueError(f"{where} must be true or false, not {value!r}")
    elif name == "string" and not isinstance(value, str):
        raise ValueError(f"{where} must be text, not {value!r}")


# The checksum is a hash, and one act names the same few addresses several times.
@lru_cache(maxsize=65_536)
def checksummed(address: bytes) -> str:
    """The EIP-55 form of an address of 20 bytes."""
    return str(to_checksum_address(address))


def _has_checksum(address: str) -> bool:
    try:
        raw = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        return False
    return len(raw) == 20 and checksummed(raw) == address
