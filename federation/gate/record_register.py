"""Which token belongs to which record, and the salts that tie the two: SQLite at the site.

Without a record's salt, its commitments and tags on chain are numbers that lead nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from federation.gate.private_database import PrivateDatabase

_KIND = 0x5A170002
_ENROLMENTS = """
CREATE TABLE enrolments (
    study_id INTEGER NOT NULL,
    record_commitment BLOB NOT NULL CHECK (length(record_commitment) = 32),
    issued_at INTEGER NOT NULL CHECK (issued_at >= 0), -- 0: before that was kept
    record_id TEXT NOT NULL REFERENCES record_salts (record_id),
    holder BLOB NOT NULL CHECK (length(holder) = 20),
    PRIMARY KEY (study_id, record_commitment, issued_at)
) STRICT;
CREATE INDEX enrolments_by_commitment ON enrolments (record_commitment);
CREATE INDEX enrolments_by_record ON enrolments (record_id)
"""
_SCHEMA = f"""
CREATE TABLE record_salts (
    record_id TEXT PRIMARY KEY,
    salt BLOB CHECK (length(salt) = 32) -- NULL once destroyed
) STRICT;
{_ENROLMENTS}
"""
# What was once enrolled stays linked to its record: receipts and withdrawals need that for ever.
_UPGRADES = {
    0x5A170001: ";".join(
        (
            "DROP INDEX enrolments_by_commitment",
            "DROP INDEX enrolments_by_record",
            "ALTER TABLE enrolments RENAME TO enrolments_with_nonces",
            _ENROLMENTS,
            "INSERT INTO enrolments SELECT DISTINCT study_id, record_commitment, 0, record_id,"
            " holder FROM enrolments_with_nonces",
            "DROP TABLE enrolments_with_nonces",
        )
    )
}


class RecordSaltDestroyed(Exception):
    """The record was made unlinkable for good; it can never be enrolled again."""


@dataclass(frozen=True)
class EnrolmentEntry:
    """What the site remembers of one enrolment; commitment 32 bytes, holder 20.

    `issued_at` is in seconds since 1970; 0 in entries from before it was kept.
    """

    study_id: int
    record_commitment: bytes
    issued_at: int
    record_id: str
    holder: bytes


class RecordRegister:
    """Salts and enrolments of a site's records.

    Raises:
        PrivateFileUnsafe, DatabaseUnusable: on opening.
    """

    def __init__(self, path: Path) -> None:
        self._database = PrivateDatabase(path, _SCHEMA, _KIND, _UPGRADES)

    def record_salt(self, record_id: str) -> bytes:
        """The record's 32-byte salt, made at the first call and durable when this returns.

        Raises:
            RecordSaltDestroyed: it was destroyed.
            ValueError: the record id is empty.
        """
        if not record_id:
            raise ValueError("a record id is not empty")
        query = "SELECT salt FROM record_salts WHERE record_id = ?"
        row = self._database.row(query, record_id)
        if row is None:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO record_salts VALUES (?, ?) ON CONFLICT DO NOTHING",
                    (record_id, os.urandom(32)),
                )
            row = self._database.row(query, record_id)
        if row is None or row["salt"] is None:
            raise RecordSaltDestroyed("the salt of this record was destroyed")
        return bytes(row["salt"])

    def destroy_salt(self, record_id: str) -> None:
        """Forget the salt and every enrolment of a record, for good.

        Only the record's id stays, so that it cannot be enrolled a second time under a new tag.
        """
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM enrolments WHERE record_id = ?", (record_id,))
            connection.execute(
                "INSERT INTO record_salts VALUES (?, NULL)"
                " ON CONFLICT (record_id) DO UPDATE SET salt = NULL",
                (record_id,),
            )
        self._database.forget_old_pages()

    def add_enrolment(self, entry: EnrolmentEntry) -> None:
        """Remember an enrolment before its signature leaves the site; once is enough.

        Raises:
            RecordSaltDestroyed: the record's salt was destroyed meanwhile.
        """
        with self._database.transaction() as connection:
            found = connection.execute(
                "SELECT salt FROM record_salts WHERE record_id = ?", (entry.record_id,)
            ).fetchone()
            if found is None or found["salt"] is None:
                raise RecordSaltDestroyed("the salt of this record was destroyed")
            connection.execute(
                "INSERT INTO enrolments VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    entry.study_id,
                    entry.record_commitment,
                    entry.issued_at,
                    entry.record_id,
                    entry.holder,
                ),
            )

    def record_of(self, record_commitment: bytes) -> str | None:
        """The record that a token's commitment names; None when unknown or destroyed."""
        row = self._database.row(
            "SELECT DISTINCT record_id FROM enrolments WHERE record_commitment = ?",
            record_commitment,
        )
        return None if row is None else str(row["record_id"])

    def enrolments(self, record_id: str) -> list[EnrolmentEntry]:
        """Every enrolment of a record, oldest first."""
        rows = self._database.rows(
            "SELECT * FROM enrolments WHERE record_id = ? ORDER BY issued_at", record_id
        )
        return [EnrolmentEntry(*row) for row in rows]

    def records_of_holder(self, study_id: int, holder: bytes) -> list[str]:
        """The records that were enrolled for a holder (20 bytes) in a study."""
        rows = self._database.rows(
            "SELECT DISTINCT record_id FROM enrolments WHERE study_id = ? AND holder = ?"
            " ORDER BY record_id",
            study_id,
            holder,
        )
        return [str(row["record_id"]) for row in rows]

    def close(self) -> None:
        self._database.close()


def record_tag(salt: bytes, chain_id: int, study_id: int, record_id: str) -> bytes:
    """A record's pseudonym in one study, the same for every holder, 32 bytes.

    HMAC-SHA256(salt, "assent/record-tag/1" || chain id 32 || study 8 || record id in UTF-8),
    integers big endian.
    """
    message = (
        b"assent/record-tag/1"
        + chain_id.to_bytes(32, "big")
        + study_id.to_bytes(8, "big")
        + record_id.encode()
    )
    return hmac.new(salt, message, hashlib.sha256).digest()


def record_commitment(salt: bytes, record_id: str, holder: bytes) -> bytes:
    """What a grant commits to, 32 bytes.

    SHA-256("assent/record-commitment/1" || salt 32 || length of record id 4 || record id in UTF-8
    || holder 20), integers big endian.

    Raises:
        ValueError: salt or holder has the wrong length.
    """
    if len(salt) != 32 or len(holder) != 20:
        raise ValueError("a salt has 32 bytes and a holder 20")
    record = record_id.encode()
    return hashlib.sha256(
        b"assent/record-commitment/1" + salt + len(record).to_bytes(4, "big") + record + holder
    ).digest()
