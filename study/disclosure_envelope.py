"""Disclosures on their way: encrypted to one reviewer's X25519 key, in a file of their own.

JSON, schema "assent-sealed-disclosure-1": chain_id, ledger, study, site, round, x25519 (whose key
opens it) and `sealed` (hex, `study.hpke`). `info` binds the ciphertext to where it belongs:

    "assent/disclosure/1" || chain id 32 || ledger 20 || study 8 || site 20 || round 4  (big endian)
"""

from __future__ import annotations

import json
from typing import Any

from audit import fields
from audit.disclosure import Disclosure
from audit.errors import DisclosureInvalid
from study.hpke import decrypt, encrypt

SCHEMA = "assent-sealed-disclosure-1"
MAX_BYTES = 256 << 20


def seal_disclosure(disclosure: Disclosure, x25519: bytes) -> bytes:
    """The file's bytes. Raises EnvelopeInvalid for a key that cannot be used."""
    place: dict[str, Any] = {
        "schema": SCHEMA,
        "chain_id": disclosure.chain_id,
        "ledger": disclosure.ledger,
        "study": disclosure.study,
        "site": disclosure.site,
        "round": disclosure.round_number,
    }
    sealed = encrypt(disclosure.to_bytes(), x25519, _info(place))
    members = place | {"x25519": "0x" + x25519.hex(), "sealed": "0x" + sealed.hex()}
    return json.dumps(members, indent=2).encode() + b"\n"


def open_disclosure(data: bytes, private: bytes) -> Disclosure:
    """What a site sealed; whether it is true is for `audit.checks.cohorts` to check.

    Args:
        private: the reviewer's X25519 private key, 32 bytes.

    Raises:
        DisclosureInvalid: it is no such file, or what is in it is another site's or round's.
        EnvelopeInvalid: the key does not open it.
    """
    try:
        raw = json.loads(data)
        names = ("schema", "chain_id", "ledger", "study", "site", "round", "x25519", "sealed")
        fields.members(raw, names, "it")
        if raw["schema"] != SCHEMA:
            raise fields.FieldInvalid(f"schema must be {SCHEMA!r}")
        info, sealed = _info(raw), fields.hexadecimal(raw["sealed"], "sealed")
    except (ValueError, RecursionError) as error:
        raise DisclosureInvalid(f"it is no sealed disclosure: {error}") from error
    found = Disclosure.parse(decrypt(sealed, private, info, "study, site and round"))
    within = (found.chain_id, found.ledger, found.study, found.site, found.round_number)
    if within != tuple(raw[name] for name in ("chain_id", "ledger", "study", "site", "round")):
        raise DisclosureInvalid("what was sealed is of another study, site or round than it says")
    return found


def _info(raw: dict[str, Any]) -> bytes:
    """Raises FieldInvalid."""
    return (
        b"assent/disclosure/1"
        + fields.integer(raw["chain_id"], "chain_id", 1).to_bytes(32)
        + bytes.fromhex(fields.address(raw["ledger"], "ledger")[2:])
        + fields.integer(raw["study"], "study", 1).to_bytes(8)
        + bytes.fromhex(fields.address(raw["site"], "site")[2:])
        + fields.integer(raw["round"], "round", 1, 2**32 - 1).to_bytes(4)
    )
