"""The newest block that somebody here has relied on: a chain that lost it is refused.

A node that comes back with less than it acknowledged (an unclean stop, an old backup, a swapped
data folder) would otherwise let a revocation be forgotten in silence.
"""

import sqlite3
from pathlib import Path
from typing import cast

from web3 import Web3

from chain.blocks import Block, block_of
from chain.errors import ChainBehind
from chain.rpc import NodeProvider
from chain.sqlite_file import transaction


class HighWater:
    """A durable record of one block, in an SQLite file; several processes may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with transaction(path) as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS high_water (number INTEGER PRIMARY KEY, hash BLOB)"
            )

    def record(self, block: Block) -> None:
        """Remembers a block once it is relied on; an older one than the newest changes nothing."""
        with transaction(self._path) as database:
            newest = self._newest(database)
            if newest is None or newest[0] < block.number:
                database.execute("DELETE FROM high_water")
                database.execute("INSERT INTO high_water VALUES (?, ?)", (block.number, block.hash))

    def newest(self) -> tuple[int, bytes] | None:
        """(number, hash) of the newest recorded block; None when nothing was recorded."""
        with transaction(self._path) as database:
            return self._newest(database)

    def check(self, w3: Web3) -> None:
        """Raises ChainBehind when the chain no longer has the recorded block."""
        newest = self.newest()
        if newest is None:
            return
        number, expected = newest
        newest_known, same = cast(NodeProvider, w3.provider).make_all(
            [("eth_getBlockByNumber", [which, False]) for which in ("latest", hex(number))]
        )
        head = block_of(newest_known).number
        if head < number or same is None:
            raise ChainBehind(number, expected, head, None)
        found = block_of(same).hash
        if found != expected:
            raise ChainBehind(number, expected, head, found)

    @staticmethod
    def _newest(database: sqlite3.Connection) -> tuple[int, bytes] | None:
        row = database.execute("SELECT number, hash FROM high_water").fetchone()
        return None if row is None else (int(row[0]), bytes(row[1]))
