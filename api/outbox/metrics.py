"""The queue and the relayer's account as metrics, read from the database when they are asked for.

The worker has no address of its own, so the web process tells what both know.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from api.outbox import relay_repository as repository
from api.service import Service

_WEI = 10**18


class OutboxMetrics(Collector):
    """`assent_outbox_acts`, `assent_outbox_oldest_seconds`, `assent_relayer_...`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Names alone: registering asks the database nothing."""
        yield from _families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing of the queue while the database is away: a zero would be a lie."""
        acts, oldest, balance, seen = _families()
        now = self._service.clock()
        try:
            with self._service.sessions() as database:
                database.connection(execution_options={"reads_only": True})
                queue = repository.queue(database)
                facts = repository.facts(database)
        except DBAPIError:
            return
        for state in ("accepted", "waiting", "sent"):
            count, since = queue.get(state, (0, now))
            acts.add_metric([state], count)
            oldest.add_metric([state], max(0.0, (now - since).total_seconds()))
        yield acts
        yield oldest
        if facts is not None:
            balance.add_metric([], facts.balance / _WEI)
            seen.add_metric([], max(0.0, (now - facts.seen_at).total_seconds()))
            yield balance
            yield seen


def _families() -> tuple[GaugeMetricFamily, ...]:
    return (
        GaugeMetricFamily("assent_outbox_acts", "Signed acts that are not over.", labels=["state"]),
        GaugeMetricFamily(
            "assent_outbox_oldest_seconds",
            "Age of the oldest signed act that is not over.",
            labels=["state"],
        ),
        GaugeMetricFamily("assent_relayer_balance_ether", "What the relayer's account has."),
        GaugeMetricFamily(
            "assent_relayer_seen_seconds", "Since the worker last looked at its account."
        ),
    )
