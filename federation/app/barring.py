"""Barring: the price of being sealed into a round and delivering nothing.

Who did not deliver is written down when a sealed round is aborted for it, and barred once the
ledger allows that: after the delivery deadline, and before another round is sealed. The ledger
excuses a site where a consent was withdrawn, one whose delivery is on record, and every site once
the study was suspended or amended after the seal; what a site says of its own reasons counts for
nothing here.
"""

from __future__ import annotations

from chain.errors import (
    BarsAlreadyBarred,
    BarsDeliveryRecorded,
    BarsExcused,
    BarsNotLastSealed,
    ChainError,
    LedgerTooEarly,
)
from federation.app.coordinator import Coordinator


def bar_undelivered(coordinator: Coordinator) -> list[str]:
    """Bars the sites that are written down, where the ledger allows it by now.

    Never raises for what ledger or node say: a bar is no condition of the next round. What cannot
    be done yet stays written down.

    Returns:
        The sites that were barred.
    """
    number, sites = coordinator.undelivered()
    barred, waiting = [], []
    for site in sites:
        try:
            coordinator.chain.ledger.bar(coordinator.config.study_id, number, site)
        except LedgerTooEarly:
            waiting.append(site)
        except (
            BarsAlreadyBarred,
            BarsDeliveryRecorded,
            BarsExcused,
            BarsNotLastSealed,
        ) as refusal:
            coordinator.note(number, "not-barred", site=site, error=type(refusal).__name__)
        except ChainError as error:
            coordinator.note(number, "bar-failed", site=site, error=type(error).__name__)
            waiting.append(site)
        else:
            coordinator.note(number, "barred", site=site)
            barred.append(site)
    if sites != waiting:
        coordinator.keep_undelivered(number, waiting)
    return barred
