"""How far the index has come, for Prometheus; asked at each scrape, in whichever process."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from api.index import repository
from api.service import Service
from chain.errors import ChainError


class IndexMetrics(Collector):
    """`assent_index_block`, and `assent_index_lag_blocks`, which is absent while nobody can say."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Names alone: registering asks neither chain nor database."""
        yield GaugeMetricFamily("assent_index_block", "Newest block that was indexed.")
        yield GaugeMetricFamily(
            "assent_index_lag_blocks", "Blocks between the index and the chain's head."
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        block, lag = self.describe()
        try:
            with self._service.sessions() as database:
                database.connection(execution_options={"reads_only": True})
                newest = repository.newest_block(database)
                if newest is not None:
                    block.add_metric([], newest.number)
                lag.add_metric([], self._service.lag(database))
        except (ChainError, DBAPIError):
            pass
        yield block
        yield lag
