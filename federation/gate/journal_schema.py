"""What the journal keeps, what it gives back and why it refuses."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

KIND = 0x5A170003
# rho is TEXT, decimal: it may pass 63 bits. Destroyed values are NULL; their rows stay, so that
# no attempt, charge or delivery can be repeated as if it had never been.
SCHEMA = """
CREATE TABLE identity (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL) STRICT;
CREATE TABLE incarnation (
    one INTEGER PRIMARY KEY CHECK (one = 1), first_draw INTEGER NOT NULL CHECK (first_draw >= 0)
) STRICT;
CREATE TABLE attempts (
    study INTEGER NOT NULL,
    round INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    draw INTEGER NOT NULL,
    inputs BLOB,
    salt BLOB,
    mask_private BLOB,
    cohort BLOB,
    vector BLOB,
    vector_hash BLOB,
    PRIMARY KEY (study, round, attempt, draw)
) STRICT;
CREATE TABLE charges (
    study INTEGER NOT NULL,
    round INTEGER NOT NULL,
    rho TEXT NOT NULL,
    ledger_spent TEXT NOT NULL,
    PRIMARY KEY (study, round)
) STRICT;
CREATE TABLE deliveries (
    study INTEGER NOT NULL,
    round INTEGER NOT NULL,
    seal_digest BLOB NOT NULL,
    masked_hash BLOB NOT NULL,
    masked BLOB,
    signature BLOB NOT NULL,
    PRIMARY KEY (study, round)
) STRICT;
CREATE TABLE snapshots (
    study INTEGER NOT NULL,
    round INTEGER NOT NULL,
    name TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (study, round, name)
) STRICT;
CREATE TABLE ended_rounds (
    study INTEGER NOT NULL,
    round INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (study, round)
) STRICT
"""

ATTEMPT = "SELECT * FROM attempts WHERE study=? AND round=? AND attempt=? AND draw=?"
STORE = (
    "UPDATE attempts SET vector=?, vector_hash=? WHERE study=? AND round=? AND attempt=? AND draw=?"
)
WIPE = (
    "UPDATE attempts SET inputs=NULL, salt=NULL, mask_private=NULL, vector=NULL, cohort=NULL"
    " WHERE study=? AND round=?"
)
WIPE_BUT_COHORT = WIPE.replace(", cohort=NULL", "")
UNDER_WAY = (
    "SELECT DISTINCT study, round FROM attempts"
    " EXCEPT SELECT study, round FROM deliveries EXCEPT SELECT study, round FROM ended_rounds"
)


def snapshot_prefix(attempt: int, draw: int) -> str:
    """What the names of an attempt's pieces in `snapshots` begin with; no wildcard of LIKE."""
    return f"{attempt}.{draw}."


class JournalError(Exception):
    """The journal refused. The message names study and round, never a record.

    JournalError
    ├── JournalOfAnotherSite
    ├── AttemptNotNext
    ├── NothingReserved
    ├── VectorContradicted
    ├── ChargeContradicted
    ├── BudgetExceeded
    ├── NotCharged
    ├── SealContradicted
    ├── DeliveredAlready
    └── RoundEnded
    """


class JournalOfAnotherSite(JournalError):
    """The journal file belongs to another chain, ledger or site."""


class AttemptNotNext(JournalError):
    """An attempt number went backwards."""


class NothingReserved(JournalError):
    """No attempt like that was reserved or stored, or it was destroyed."""


class VectorContradicted(JournalError):
    """Other bytes were kept under the same name before."""


class ChargeContradicted(JournalError):
    """The ledger's account and the site's own tally cannot both be true."""


class BudgetExceeded(JournalError):
    """One more round would pass the study's rho ceiling."""


class NotCharged(JournalError):
    """A delivery was asked for before its round was charged."""


class SealContradicted(JournalError):
    """The round was delivered under another seal digest."""


class DeliveredAlready(JournalError):
    """The round takes no new commitment, because its contribution was delivered."""


class RoundEnded(JournalError):
    """The round was abandoned, or its replay window is over; what it needed was destroyed."""


@dataclass(frozen=True)
class Attempt:
    """One reserved attempt; secret fields stay out of its repr.

    Attributes:
        study_id, round_number: the round.
        attempt: as the commitment names it, from 1.
        draw_number: which vector of this attempt, from 0 (after a restore, from a random number);
            goes into the noise key.
        salt: 32 bytes, for the vector's salted hash.
        mask_private: 32 bytes, the attempt's X25519 private key.
        cohort: what `reserve` was given.
        vector: the noised vector once stored; vector_hash: its salted hash.
    """

    study_id: int
    round_number: int
    attempt: int
    draw_number: int
    salt: bytes = field(repr=False)
    mask_private: bytes = field(repr=False)
    cohort: bytes = field(repr=False)
    vector: bytes | None = field(repr=False)
    vector_hash: bytes | None

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Attempt:
        """From a row of `attempts` that was not destroyed."""
        return cls(
            row["study"],
            row["round"],
            row["attempt"],
            row["draw"],
            row["salt"],
            row["mask_private"],
            row["cohort"],
            row["vector"],
            row["vector_hash"],
        )


@dataclass(frozen=True)
class Delivery:
    """What a site sends for a sealed round: masked bytes and its signature."""

    masked: bytes = field(repr=False)
    signature: bytes
