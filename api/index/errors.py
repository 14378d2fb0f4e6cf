"""Why the index refuses to go on."""

from __future__ import annotations


class IndexRefused(Exception):
    """Nothing is read and nothing was changed; the message says what to do."""


class OtherDeployment(IndexRefused):
    """The database holds the index of other contracts, or of another chain."""

    def __init__(self) -> None:
        super().__init__(
            "the database was filled from another deployment or another chain; name the"
            " deployment.json that it belongs to, or give the service an empty database"
        )


class ReorganisationTooDeep(IndexRefused):
    """The chain has replaced more blocks than the index can undo."""

    def __init__(self, newest: int, limit: int) -> None:
        super().__init__(
            f"the chain replaced more than {limit} blocks below block {newest}, which the index"
            " has read; find out why before you trust this node, then give the service an empty"
            " database to read the chain again"
        )
        self.newest, self.limit = newest, limit
