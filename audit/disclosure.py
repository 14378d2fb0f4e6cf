"""What a site shows a reviewer of one round: every leaf of its cohort tree, opened.

Canonical JSON (RFC 8785), schema "assent-disclosure-1": chain_id, ledger, study, site, round,
attempt, and `leaves` in the order of the tokens' indices, each with status and salt (hex). It says
of each token of the site whether it was admitted, and the salts open the receipts: it is for
reviewers, and travels encrypted (`study.disclosure_envelope`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit import canonical_json, fields
from audit.cohort import SALT_BYTES, Status, leaf, root
from audit.errors import AuditError, DisclosureInvalid
from chain.messages import token_id

SCHEMA = "assent-disclosure-1"
MAX_LEAVES = 1 << 20


@dataclass(frozen=True)
class Disclosure:
    """A site's cohort of one commitment. ``leaves``: status and 32-byte salt, by index."""

    chain_id: int
    ledger: str
    study: int
    site: str
    round_number: int
    attempt: int
    leaves: tuple[tuple[Status, bytes], ...]

    @property
    def root(self) -> bytes:
        """The root of its tree, 32 bytes. Raises CohortInvalid."""
        return root(
            [
                leaf(
                    self.chain_id,
                    self.ledger,
                    self.study,
                    self.site,
                    self.round_number,
                    index,
                    token_id(self.study, self.site, index),
                    status,
                    salt,
                )
                for index, (status, salt) in enumerate(self.leaves)
            ]
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json.dumps(
            {
                "schema": SCHEMA,
                "chain_id": self.chain_id,
                "ledger": self.ledger,
                "study": self.study,
                "site": self.site,
                "round": self.round_number,
                "attempt": self.attempt,
                "leaves": [
                    {"status": int(status), "salt": salt.hex()} for status, salt in self.leaves
                ],
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Disclosure:
        """What `to_bytes` gave. Raises DisclosureInvalid for anything else."""
        try:
            return cls._read(canonical_json.loads(data, "disclosure"))
        except (AuditError, fields.FieldInvalid) as error:
            raise DisclosureInvalid(f"it is no disclosure: {error}") from error

    @classmethod
    def _read(cls, raw: Any) -> Disclosure:
        names = ("schema", "chain_id", "ledger", "study", "site", "round", "attempt", "leaves")
        fields.members(raw, names, "the disclosure")
        if raw["schema"] != SCHEMA:
            raise fields.FieldInvalid(f"schema must be {SCHEMA!r}")
        return cls(
            fields.integer(raw["chain_id"], "chain_id", 1),
            fields.address(raw["ledger"], "ledger"),
            fields.integer(raw["study"], "study", 1),
            fields.address(raw["site"], "site"),
            fields.integer(raw["round"], "round", 1, 2**32 - 1),
            fields.integer(raw["attempt"], "attempt", 1, 2**32 - 1),
            fields.array(raw["leaves"], "leaves", _leaf, MAX_LEAVES),
        )


def _leaf(value: Any, where: str) -> tuple[Status, bytes]:
    fields.members(value, ("status", "salt"), where)
    status = fields.integer(value["status"], f"{where}.status", 1, max(Status))
    salt = fields.hexadecimal(f"0x{value['salt']}", f"{where}.salt")
    if len(salt) != SALT_BYTES:
        raise fields.FieldInvalid(f"{where}.salt must have {SALT_BYTES} bytes")
    return Status(status), salt
