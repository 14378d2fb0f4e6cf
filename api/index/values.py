"""An event's members as JSON."""

from __future__ import annotations

from dataclasses import is_dataclass
from enum import IntEnum
from typing import Any, get_args

from chain.events import Event
from chain.solidity import abi_type, members

# Beside every uint256: amounts and bitmaps of 64 bits, which JavaScript's numbers cannot all hold.
_TEXT = frozenset({"purposes", "delta", "noise_multiplier", "clipping_norm"})


def values_of(event: Event) -> dict[str, Any]:
    """All members but the study.

    Bytes are 0x hex, enum members their name in kebab case, numbers that may pass 2^53 decimal
    text, and structs objects.
    """
    return {
        name: _value(getattr(event, name), name, hint)
        for name, hint in members(type(event))
        if name != "study_id"
    }


def struct_values(struct: Any) -> dict[str, Any]:
    """As `values_of`, of a struct of the contracts, such as `Terms`."""
    return {name: _value(getattr(struct, name), name, hint) for name, hint in members(type(struct))}


def _value(value: Any, name: str, hint: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return [_value(item, name, get_args(hint)[0]) for item in value]
    if is_dataclass(value):
        return struct_values(value)
    if isinstance(value, IntEnum):
        return value.name.lower().replace("_", "-")
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return str(value) if name in _TEXT or abi_type(hint) == "uint256" else int(value)
