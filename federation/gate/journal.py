"""A site's durable memory of rounds: what it drew, what it charged, what it sent.

Order of use in a round: `reserve` (before any noise is drawn), `store` (before the commitment is
sent), then, once the seal is final, `charge` and `deliver_once`. Every call is one transaction and
may be repeated after a crash: the same question gets the same answer. A journal that cannot answer
refuses; nothing is ever sent on a guess.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

from audit.cid import digest_of
from federation.gate.charges import Charge, require_chargeable, require_same
from federation.gate.journal_schema import (
    ATTEMPT,
    KIND,
    SCHEMA,
    STORE,
    UNDER_WAY,
    WIPE,
    WIPE_BUT_COHORT,
    Attempt,
    AttemptNotNext,
    DeliveredAlready,
    Delivery,
    JournalOfAnotherSite,
    NotCharged,
    NothingReserved,
    RoundEnded,
    SealContradicted,
    VectorContradicted,
    snapshot_prefix,
)
from federation.gate.private_database import PrivateDatabase


class Journal:
    """The journal of one site on one chain.

    Raises:
        PrivateFileUnsafe, DatabaseUnusable: on opening.
    """

    def __init__(self, path: Path) -> None:
        self.database = PrivateDatabase(path, SCHEMA, KIND)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open the journal, or make an empty one."""
        return cls(path)

    def bind(self, chain_id: int, ledger: str, site: str) -> None:
        """Tie the journal to a site at a ledger, at the first call; later calls only compare.

        Raises:
            JournalOfAnotherSite: it is another one's.
        """
        wanted = f"{chain_id} {ledger.lower()} {site.lower()}"
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO identity VALUES (1, ?) ON CONFLICT DO NOTHING", (wanted,)
            )
            found = connection.execute("SELECT value FROM identity").fetchone()[0]
            if found != wanted:
                raise JournalOfAnotherSite(
                    f"{self.database.path} belongs to chain, ledger, site {found}; not {wanted}."
                    " Run each site, and each deployment, from a folder of its own"
                )

    def reserve(
        self, study_id: int, round_number: int, attempt: int, plain: bytes, cohort: bytes
    ) -> Attempt:
        """Reserve the noise and keys of one attempt for one vector, before any noise is drawn.

        The same vector and cohort get the same reservation for ever. Another vector for the same
        attempt (a process died before its commitment reached the chain, and consent changed) gets
        the next draw number, so that no noise key ever serves two vectors.

        Args:
            attempt: as the commitment will name it, from 1; never below one reserved before.
            plain: the sum of the patients' contributions, without noise. Only its hash is kept.
            cohort: what the site needs to make the cohort tree again.

        Raises:
            AttemptNotNext: a later attempt was reserved before.
            DeliveredAlready: the round's contribution was delivered.
            RoundEnded: the round was abandoned or its replay window is over.
        """
        if attempt < 1:
            raise AttemptNotNext(f"attempts count from 1; {attempt} was asked for")
        key = (study_id, round_number)
        with self.database.transaction() as connection:
            self.refuse_ended(connection, key)
            if _one(connection, "SELECT 1 FROM deliveries WHERE study=? AND round=?", key):
                raise DeliveredAlready(f"{_name(key)} was delivered; it takes no new commitment")
            latest = _one(
                connection, "SELECT max(attempt) FROM attempts WHERE study=? AND round=?", key
            )
            if latest is not None and attempt < (latest[0] or 0):
                raise AttemptNotNext(f"{_name(key)}: attempt {attempt} follows {latest[0]}")
            draws = connection.execute(
                "SELECT * FROM attempts WHERE study=? AND round=? AND attempt=? ORDER BY draw",
                (*key, attempt),
            ).fetchall()
            for row in draws:
                if row["salt"] and row["inputs"] == _inputs_digest(row["salt"], plain, cohort):
                    return Attempt.from_row(row)
            salt = os.urandom(32)
            draw = _first_draw(connection) + len(draws)
            connection.execute(
                "INSERT INTO attempts (study, round, attempt, draw, inputs, salt, mask_private,"
                " cohort) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *key,
                    attempt,
                    draw,
                    _inputs_digest(salt, plain, cohort),
                    salt,
                    os.urandom(32),
                    cohort,
                ),
            )
            return _attempt_at(connection, (*key, attempt, draw))

    def store(self, reserved: Attempt, vector: bytes, vector_hash: bytes) -> Attempt:
        """Keep the noised vector of a reservation; do this before its commitment is sent.

        Raises:
            VectorContradicted: another vector was stored for it.
            NothingReserved: it was destroyed or never made.
            RoundEnded: the round was abandoned or its replay window is over.
        """
        key = (reserved.study_id, reserved.round_number)
        place = (*key, reserved.attempt, reserved.draw_number)
        with self.database.transaction() as connection:
            self.refuse_ended(connection, key)
            row = _one(connection, ATTEMPT, place)
            if row is None or row["salt"] != reserved.salt:
                raise NothingReserved(f"{_name(key)}: attempt {reserved.attempt} is not reserved")
            kept = (row["vector"], row["vector_hash"])
            if kept not in ((None, None), (vector, vector_hash)):
                raise VectorContradicted(
                    f"{_name(key)}: attempt {reserved.attempt} has another vector; the computation"
                    " is not deterministic on this machine"
                )
            connection.execute(STORE, (vector, vector_hash, *place))
            return _attempt_at(connection, place)

    def committed(self, study_id: int, round_number: int, vector_hash: bytes) -> Attempt | None:
        """The stored attempt whose vector has this salted hash; None when there is none (left)."""
        row = self.database.row(
            "SELECT * FROM attempts"
            " WHERE study=? AND round=? AND vector_hash=? AND vector IS NOT NULL",
            study_id,
            round_number,
            vector_hash,
        )
        return None if row is None else Attempt.from_row(row)

    def cohort(self, study_id: int, round_number: int, vector_hash: bytes) -> bytes | None:
        """The cohort of the attempt with this salted hash, while it is kept."""
        row = self.database.row(
            "SELECT cohort FROM attempts WHERE study=? AND round=? AND vector_hash=?",
            study_id,
            round_number,
            vector_hash,
        )
        return None if row is None or row["cohort"] is None else bytes(row["cohort"])

    def charge(
        self, study_id: int, round_number: int, rho: int, ceiling: int, ledger_spent: int
    ) -> int:
        """Add a sealed round's rho to the site's own tally, once.

        Args:
            rho: of this round, in 1e-18, as the terms give it.
            ceiling: the terms' rho ceiling, in 1e-18.
            ledger_spent: RoundLedger.rhoSpent after the seal, in 1e-18.

        Returns:
            The site's tally of the study, in 1e-18.

        Raises:
            BudgetExceeded: the tally or the ledger would be above the ceiling; nothing is charged.
            ChargeContradicted: the round was charged otherwise, a later one was charged before, or
                the ledger has spent less than it must have.
            RoundEnded: the round was abandoned or its replay window is over.
        """
        key = (study_id, round_number)
        with self.database.transaction() as connection:
            self.refuse_ended(connection, key)
            charges = {
                row["round"]: Charge(int(row["rho"]), int(row["ledger_spent"]))
                for row in connection.execute("SELECT * FROM charges WHERE study=?", (study_id,))
            }
            charge = Charge(rho, ledger_spent)
            tally = sum(earlier.rho for earlier in charges.values())
            if round_number in charges:
                require_same(_name(key), charges[round_number], charge)
                return tally
            require_chargeable(_name(key), charges, round_number, charge, ceiling)
            connection.execute(
                "INSERT INTO charges VALUES (?, ?, ?, ?)", (*key, str(rho), str(ledger_spent))
            )
            return tally + rho

    def spent(self, study_id: int) -> int:
        """The site's own tally of a study's rho, in 1e-18."""
        rows = self.database.rows("SELECT rho FROM charges WHERE study=?", study_id)
        return sum(int(row["rho"]) for row in rows)

    def deliver_once(
        self,
        study_id: int,
        round_number: int,
        seal_digest: bytes,
        make: Callable[[], tuple[bytes, bytes]],
    ) -> Delivery:
        """The round's masked bytes and signature: made once, kept before they are returned.

        Args:
            make: gives (masked bytes, signature); called only when nothing was kept, alone among
                this journal's writers. It must not use the journal.

        Raises:
            SealContradicted: a delivery for another seal digest of this round was kept.
            NotCharged: the round was not charged.
            RoundEnded: the round was abandoned or its replay window is over.
        """
        key = (study_id, round_number)
        with self.database.transaction() as connection:
            self.refuse_ended(connection, key)
            row = _one(connection, "SELECT * FROM deliveries WHERE study=? AND round=?", key)
            if row is not None:
                if row["seal_digest"] != seal_digest:
                    raise SealContradicted(
                        f"{_name(key)} was delivered for seal {row['seal_digest'].hex()}; a second"
                        f" seal {seal_digest.hex()} is refused"
                    )
                return Delivery(bytes(row["masked"]), bytes(row["signature"]))
            if not _one(connection, "SELECT 1 FROM charges WHERE study=? AND round=?", key):
                raise NotCharged(f"{_name(key)} is not charged to this site's tally")
            masked, signature = make()
            connection.execute(
                "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?)",
                (*key, seal_digest, digest_of(masked), masked, signature),
            )
            return Delivery(masked, signature)

    def delivered(self, study_id: int, round_number: int) -> tuple[bytes, bytes] | None:
        """(seal digest, the 32 bytes that name the masked vector) of a delivery, once it was made.

        They are `audit.cid.digest_of` the masked bytes.
        """
        query = "SELECT seal_digest, masked_hash FROM deliveries WHERE study=? AND round=?"
        row = self.database.row(query, study_id, round_number)
        return None if row is None else (bytes(row["seal_digest"]), bytes(row["masked_hash"]))

    def ended(self, study_id: int, round_number: int) -> str | None:
        """Why a round has ended at this site, and what it needed was destroyed; None otherwise."""
        query = "SELECT reason FROM ended_rounds WHERE study=? AND round=?"
        row = self.database.row(query, study_id, round_number)
        return None if row is None else str(row["reason"])

    def is_sum_of(self, attempt: Attempt, plain: bytes) -> bool:
        """Whether an attempt was reserved for just this sum; only a salted hash of it is kept."""
        key = (attempt.study_id, attempt.round_number)
        row = self.database.row(ATTEMPT, *key, attempt.attempt, attempt.draw_number)
        return row is not None and row["inputs"] == _inputs_digest(
            attempt.salt, plain, attempt.cohort
        )

    def keep_only(self, study_id: int, round_number: int, vector_hash: bytes) -> None:
        """Destroy every attempt at a round but the one whose vector was sealed.

        Raises:
            NothingReserved: no stored attempt has that vector; nothing is destroyed.
        """
        key = (study_id, round_number)
        with self.database.transaction() as connection:
            stored = "SELECT * FROM attempts WHERE study=? AND round=? AND vector_hash=?"
            sealed = _one(connection, stored, (*key, vector_hash))
            if sealed is None:
                raise NothingReserved(f"{_name(key)}: no stored vector has the sealed hash")
            connection.execute(
                f"{WIPE} AND (vector_hash IS NULL OR vector_hash != ?)", (*key, vector_hash)
            )
            connection.execute(
                "DELETE FROM snapshots WHERE study=? AND round=? AND name NOT LIKE ?",
                (*key, f"{snapshot_prefix(sealed['attempt'], sealed['draw'])}%"),
            )
        self.database.forget_old_pages()

    def abandon_round(self, study_id: int, round_number: int) -> None:
        """Destroy vectors, salts, cohorts, keys, masked bytes and snapshots of a round, for good.

        What stays: which attempts there were, the charge, and hashes of what was delivered. The
        round can then neither be committed nor delivered. May be repeated.
        """
        self._end(study_id, round_number, "abandoned", WIPE)

    def end_replay_window(self, study_id: int, round_number: int, reason: str) -> None:
        """As `abandon_round`, but cohorts stay, for patients' receipts. May be repeated.

        Args:
            reason: what `ended` and every later refusal say.
        """
        self._end(study_id, round_number, reason, WIPE_BUT_COHORT)

    def begin_new_incarnation(self) -> list[tuple[int, int]]:
        """Make a journal that comes from a backup safe to go on with; call it before anything else.

        What was reserved after the backup is unknown. So rounds that were under way in it end
        (cohorts stay, for receipts), and draw numbers start at a random one: a noise key that was
        used after the backup never comes again. Returns (study, round) of each round that ended.
        """
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO incarnation VALUES (1, ?)"
                " ON CONFLICT (one) DO UPDATE SET first_draw = excluded.first_draw",
                (secrets.randbelow(_FIRST_DRAWS),),
            )
            under_way = [tuple(row) for row in connection.execute(UNDER_WAY)]
        for study_id, round_number in under_way:
            self._end(study_id, round_number, "restored from a backup", WIPE_BUT_COHORT)
        return under_way

    def close(self) -> None:
        self.database.close()

    def _end(self, study_id: int, round_number: int, reason: str, wipe: str) -> None:
        key = (study_id, round_number)
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO ended_rounds VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (*key, reason)
            )
            connection.execute(wipe, key)
            connection.execute("UPDATE deliveries SET masked=NULL WHERE study=? AND round=?", key)
            connection.execute("DELETE FROM snapshots WHERE study=? AND round=?", key)
        self.database.forget_old_pages()

    @staticmethod
    def refuse_ended(connection: sqlite3.Connection, key: tuple[int, int]) -> None:
        """Raises RoundEnded when the round has ended at this site; part of a transaction."""
        row = _one(connection, "SELECT reason FROM ended_rounds WHERE study=? AND round=?", key)
        if row is not None:
            raise RoundEnded(f"{_name(key)} has ended at this site: {row['reason']}")


_FIRST_DRAWS = 2**63 - 2**32  # room for counting on in SQLite's integers


def _first_draw(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT first_draw FROM incarnation").fetchone()
    return 0 if row is None else int(row[0])


def _inputs_digest(salt: bytes, plain: bytes, cohort: bytes) -> bytes:
    """Salted, so that it says nothing about the records once the salt is destroyed."""
    return hashlib.sha256(salt + len(plain).to_bytes(8, "big") + plain + cohort).digest()


def _one(
    connection: sqlite3.Connection, query: str, values: tuple[int | bytes, ...]
) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(query, values).fetchone()
    return row


def _attempt_at(connection: sqlite3.Connection, place: tuple[int, int, int, int]) -> Attempt:
    return Attempt.from_row(connection.execute(ATTEMPT, place).fetchone())


def _name(key: tuple[int, int]) -> str:
    return f"study {key[0]}, round {key[1]}"
