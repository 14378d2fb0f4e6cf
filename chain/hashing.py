"""Keccak-256 as the EVM has it, for the many short values that evidence is made of. Pure."""

from eth_hash.auto import keccak as _keccak


def keccak(data: bytes) -> bytes:
    """keccak256, 32 bytes. Unlike `eth_utils.keccak` it takes bytes alone, at less cost."""
    return _keccak(data)
