"""How much rho each record of a hospital was charged, over all studies: one SQLite file for all.

A study's ceiling bounds what a record gives to that study. This file bounds what it gives to all
of the hospital's studies together. Rho adds up, also when each round is chosen after looking at
earlier ones, as long as a round that would pass the ceiling does not use the record: a privacy
filter (Whitehouse, Ramdas, Rogers and Wu, ICML 2023, arXiv 2203.05481).

A record is held for a round's rho before any noise is drawn for it. The hold counts like a charge
until the ledger has decided: a sealed round turns it into one, a round that can never be sealed
lets it go. A round whose records are not known here (lost file, old copy) counts for every record.
So whenever a process dies, a tally is never below what sealed rounds have charged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from federation.gate.private_database import DatabaseUnusable, PrivateDatabase
from federation.gate.sqlite_words import in_words

_KIND = 0x5A170007
# rho is TEXT, decimal: it may pass 63 bits. What is settled names no study.
_SCHEMA = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    chain_id TEXT NOT NULL,
    ledger TEXT NOT NULL,
    study INTEGER NOT NULL,
    site TEXT NOT NULL,
    settled INTEGER NOT NULL, -- rounds up to this one are decided and counted
    UNIQUE (chain_id, ledger, study, site)
) STRICT;
CREATE TABLE holds (
    account INTEGER NOT NULL REFERENCES accounts (id),
    round INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    rho TEXT NOT NULL,
    everyone INTEGER NOT NULL CHECK (everyone IN (0, 1)), -- its records are not known
    PRIMARY KEY (account, round, attempt)
) STRICT;
CREATE TABLE held_records (
    account INTEGER NOT NULL,
    round INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    record_id TEXT NOT NULL,
    PRIMARY KEY (account, round, attempt, record_id),
    FOREIGN KEY (account, round, attempt) REFERENCES holds (account, round, attempt)
) STRICT;
CREATE TABLE charged_records (record_id TEXT PRIMARY KEY, rho TEXT NOT NULL) STRICT;
CREATE TABLE charged_everyone (
    one INTEGER PRIMARY KEY CHECK (one = 1), rho TEXT NOT NULL
) STRICT;
INSERT INTO charged_everyone VALUES (1, '0')
"""
_ACCOUNT = "SELECT id, settled FROM accounts WHERE chain_id=? AND ledger=? AND study=? AND site=?"
_HOLD = "SELECT everyone FROM holds WHERE account=? AND round=? AND attempt=?"


class RecordTallyRefused(Exception):
    """The tally of records cannot be used, or does not fit the round. Names the file."""


class RoundSettled(RecordTallyRefused):
    """The ledger has decided the round; nothing can be held for it."""


@dataclass(frozen=True)
class SiteAccount:
    """One of the hospital's accounts in one study; addresses as EIP-55 strings."""

    chain_id: int
    ledger: str
    study_id: int
    site: str

    @property
    def key(self) -> tuple[str, str, int, str]:
        """As the tally names it."""
        return str(self.chain_id), self.ledger.lower(), self.study_id, self.site

    def __str__(self) -> str:
        return f"study {self.study_id}, site {self.site}"


class RecordTally:
    """The tally of one hospital.

    Raises:
        PrivateFileUnsafe, DatabaseUnusable: on opening.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = PrivateDatabase(path, _SCHEMA, _KIND)

    def accounts(self, chain_id: int, ledger: str) -> list[tuple[SiteAccount, int]]:
        """The hospital's accounts at one ledger, each with its last settled round."""
        rows = self._database.rows(
            "SELECT study, site, settled FROM accounts WHERE chain_id=? AND ledger=? ORDER BY id",
            str(chain_id),
            ledger.lower(),
        )
        return [
            (SiteAccount(chain_id, ledger, row["study"], row["site"]), row["settled"])
            for row in rows
        ]

    def account_count(self) -> int:
        """How many accounts share the tally, one for each study and site."""
        return int(self._database.rows("SELECT count(*) AS found FROM accounts")[0]["found"])

    def knows(self, account: SiteAccount) -> bool:
        """Whether the account's rounds are counted here."""
        return self._database.row(_ACCOUNT, *account.key) is not None

    def add(self, account: SiteAccount) -> None:
        """Count an account's rounds from its first one on. May be repeated."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO accounts (chain_id, ledger, study, site, settled)"
                " VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
                account.key,
            )

    def hold(
        self,
        account: SiteAccount,
        round_number: int,
        attempt: int,
        rho: int,
        record_ids: Collection[str],
        ceiling: int,
    ) -> frozenset[str]:
        """Hold a round's rho for the records of one attempt, before its noise is drawn.

        A record's holds in one round count once, for one attempt at most is sealed. A record that
        another account of the hospital holds for the same round has no room: two sites' noise of
        one round covers it once.

        Args:
            rho: of the round; ceiling: of a record; both in 1e-18.

        Returns:
            The records without room; they must contribute exactly zero.

        Raises:
            RecordTallyRefused: the account is unknown.
            RoundSettled: the round is settled already.
        """
        with self._transaction() as connection:
            place, settled = self._place(connection, account)
            if round_number <= settled:
                raise RoundSettled(
                    f"{self.path} has settled round {round_number} of {account}; it takes no new"
                    " attempt. Ask the chain node's operator whether blocks were lost"
                )
            everyone, held = _counted(connection, but=(place, round_number))
            is_taken = _in_same_round(connection, account, round_number)
            without = frozenset(
                one
                for one in record_ids
                if is_taken(one)
                or _charged(connection, one) + everyone + held.get(one, 0) + rho > ceiling
            )
            key = (place, round_number, attempt)
            connection.execute(
                "INSERT INTO holds VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING", (*key, str(rho))
            )
            connection.executemany(
                "INSERT INTO held_records VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(*key, one) for one in record_ids if one not in without],
            )
            return without

    def hold_everyone(
        self, account: SiteAccount, round_number: int, attempt: int, rho: int
    ) -> None:
        """As `hold`, for an attempt on the ledger whose records are not known here.

        Does nothing when it is held already, or settled.
        """
        with self._transaction() as connection:
            place, settled = self._place(connection, account)
            if round_number > settled:
                connection.execute(
                    "INSERT INTO holds VALUES (?, ?, ?, ?, 1) ON CONFLICT DO NOTHING",
                    (place, round_number, attempt, str(rho)),
                )

    def holds(self, account: SiteAccount, round_number: int, attempt: int) -> bool:
        """Whether a sealed attempt is counted: held, or settled since."""
        account_row = self._database.row(_ACCOUNT, *account.key)
        if account_row is None:
            return False
        place = (account_row["id"], round_number, attempt)
        return account_row["settled"] >= round_number or (
            self._database.row(_HOLD, *place) is not None
        )

    def settle(
        self, account: SiteAccount, round_number: int, sealed_attempt: int | None, rho: int
    ) -> None:
        """Turn a decided round's holds into charges, or let them go; rounds in order, once each.

        Args:
            sealed_attempt: the attempt that the seal names; None when the round was not sealed
                with this account, and never can be.
            rho: of the round, in 1e-18.

        Raises:
            RecordTallyRefused: the account is unknown, or a round was left out.
        """
        with self._transaction() as connection:
            place, settled = self._place(connection, account)
            if round_number <= settled:
                return
            if round_number != settled + 1:
                raise RecordTallyRefused(f"{self.path}: round {settled + 1} of {account} is open")
            if sealed_attempt is not None:
                self._charge(connection, (place, round_number, sealed_attempt), rho)
            where = (place, round_number)
            connection.execute("DELETE FROM held_records WHERE account=? AND round=?", where)
            connection.execute("DELETE FROM holds WHERE account=? AND round=?", where)
            connection.execute("UPDATE accounts SET settled=? WHERE id=?", (round_number, place))

    def totals(self, record_ids: Collection[str]) -> dict[str, int]:
        """Rho of each record in 1e-18, charged and held together."""
        with self._transaction() as connection:
            everyone, held = _counted(connection)
            return {
                one: _charged(connection, one) + everyone + held.get(one, 0) for one in record_ids
            }

    def forget_whose_holds(self) -> None:
        """Make a tally that comes from a backup safe: what was held meanwhile is not known."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM held_records")
            connection.execute("UPDATE holds SET everyone=1")

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._database.transaction() as connection:
                yield connection
        except DatabaseUnusable as error:
            raise RecordTallyRefused(f"{error}. Nothing was counted or sent") from error
        except sqlite3.DatabaseError as error:
            raise DatabaseUnusable(in_words(self.path, error)) from error

    def _place(self, connection: sqlite3.Connection, account: SiteAccount) -> tuple[int, int]:
        row = connection.execute(_ACCOUNT, account.key).fetchone()
        if row is None:
            raise RecordTallyRefused(f"{self.path} does not count {account}")
        return int(row["id"]), int(row["settled"])

    @staticmethod
    def _charge(connection: sqlite3.Connection, key: tuple[int, int, int], rho: int) -> None:
        hold = connection.execute(_HOLD, key).fetchone()
        if hold is None or hold["everyone"]:
            total = _everyone(connection) + rho
            connection.execute("UPDATE charged_everyone SET rho=?", (str(total),))
            return
        records = connection.execute(
            "SELECT record_id FROM held_records WHERE account=? AND round=? AND attempt=?", key
        ).fetchall()
        connection.executemany(
            "INSERT INTO charged_records VALUES (?, ?)"
            " ON CONFLICT (record_id) DO UPDATE SET rho = excluded.rho",
            [(row[0], str(_charged(connection, row[0]) + rho)) for row in records],
        )


def _charged(connection: sqlite3.Connection, record_id: str) -> int:
    row = connection.execute(
        "SELECT rho FROM charged_records WHERE record_id=?", (record_id,)
    ).fetchone()
    return 0 if row is None else int(row["rho"])


def _everyone(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT rho FROM charged_everyone").fetchone()["rho"])


def _counted(
    connection: sqlite3.Connection, but: tuple[int, int] | None = None
) -> tuple[int, dict[str, int]]:
    """What counts against every record, and the holds of single ones, in 1e-18.

    A round counts once for a record, whatever its attempts; `but`, an account's round, not at all.
    """
    everyone, unknown = _everyone(connection), {but}
    for row in connection.execute("SELECT account, round, rho FROM holds WHERE everyone=1"):
        where = (row["account"], row["round"])
        everyone += 0 if where in unknown else int(row["rho"])
        unknown.add(where)
    held: dict[str, int] = {}
    for row in connection.execute(
        "SELECT DISTINCT account, round, rho, record_id FROM holds"
        " JOIN held_records USING (account, round, attempt)"
    ):
        if (row["account"], row["round"]) not in unknown:
            held[row["record_id"]] = held.get(row["record_id"], 0) + int(row["rho"])
    return everyone, held


def _in_same_round(
    connection: sqlite3.Connection, account: SiteAccount, round_number: int
) -> Callable[[str], bool]:
    """Whether another account of the hospital holds a record for the same round of a study."""
    others = connection.execute(
        "SELECT everyone, record_id FROM accounts JOIN holds ON holds.account = accounts.id"
        " LEFT JOIN held_records USING (account, round, attempt)"
        " WHERE chain_id=? AND ledger=? AND study=? AND site!=? AND round=?",
        (*account.key, round_number),
    ).fetchall()
    everyone = any(row["everyone"] for row in others)
    taken = {row["record_id"] for row in others}
    return lambda record_id: everyone or record_id in taken
