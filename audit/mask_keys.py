"""X25519 public keys (RFC 7748) that members of a round may mask with."""

from __future__ import annotations

KEY_BYTES = 32
_FIELD_PRIME = 2**255 - 19  # RFC 7748, section 4.1
# The u coordinates of Curve25519's points of order 1, 2, 4 and 8 and of its twist's: every shared
# secret with them is zero (Bernstein, "Curve25519: new Diffie-Hellman speed records", section 3).
_LOW_ORDER = frozenset(
    {
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        _FIELD_PRIME - 1,
    }
)


def why_unusable(public: bytes) -> str | None:
    """Why nobody may mask with a key; None for the one encoding of a point of large order."""
    if len(public) != KEY_BYTES:
        return f"has {len(public)} bytes; it must have {KEY_BYTES}"
    u = int.from_bytes(public, "little")
    if u >= _FIELD_PRIME:
        return "is not canonical"
    return "is a point of low order" if u in _LOW_ORDER else None
