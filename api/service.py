"""What every request shares: settings, database, chain, documents, clock, metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from api.clock import Clock, system_clock
from api.database.opening import open_database
from api.index.tables import IndexedBlock
from api.kept import Kept
from api.node import Node
from api.settings import Settings
from api.webhooks.keys import WebhookKeys
from ipfs.objects import ObjectStore

if TYPE_CHECKING:
    from api.review.examining import Examined

# What is kept of one is mostly its consent texts, 1 MiB at most.
_EXAMINATIONS = 32


@dataclass
class Service:
    """One running service. `sessions` makes a database session; close the service when done."""

    settings: Settings
    engine: Engine
    node: Node
    clock: Clock = system_clock
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.sessions: sessionmaker[Session] = sessionmaker(self.engine, expire_on_commit=False)
        self.examinations: Kept[tuple[int, int, bytes], Examined] = Kept(
            _EXAMINATIONS, lambda: self.clock()
        )
        self.webhook_keys = WebhookKeys.load(self.settings.webhook_keys)

    @classmethod
    def start(cls, settings: Settings, clock: Clock = system_clock) -> Service:
        """Opens the database, at this installation's schema. The chain is asked when needed.

        Raises:
            DatabaseUnusable
        """
        engine = open_database(settings.database_url.get_secret_value())
        return cls(settings, engine, Node(str(settings.rpc_url), settings.deployment), clock)

    def lag(self, database: Session) -> int:
        """How many blocks the index is behind the chain's head. Raises ChainError."""
        newest = database.scalar(select(IndexedBlock.number).order_by(IndexedBlock.number.desc()))
        start = self.node.deployment.block_number - 1
        return self.node.chain().head().number - (start if newest is None else newest)

    def documents(self) -> ObjectStore | None:
        """A connection to IPFS, to be closed; None when the service has none."""
        return None if self.settings.ipfs is None else ObjectStore(self.settings.ipfs)

    def close(self) -> None:
        """Closes the database's connections."""
        self.engine.dispose()
