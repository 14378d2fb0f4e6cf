"""Barring: the price of being sealed into a round and delivering nothing.

The ledger allows it after the delivery deadline, while the round was not ended before. It excuses a
site where a consent was withdrawn, one whose delivery is on record, and every site once the study
was suspended or amended after the seal; what a site says of its own reasons counts for nothing
here.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.errors import (
    BarsAlreadyBarred,
    BarsDeliveryRecorded,
    BarsExcused,
    BarsNotLastSealed,
    ChainError,
    LedgerTooEarly,
)
from federation.app.coordinator import Coordinator


def bar_undelivered(coordinator: Coordinator, number: int, sites: Sequence[str]) -> bool:
    """Bars members of a sealed round that delivered nothing, where the ledger allows it.

    Never raises for what ledger or node say: a bar is no condition of the next round. May be
    repeated.

    Returns:
        False when it is too early by the ledger's clock; nothing was done.
    """
    for site in sites:
        try:
            coordinator.chain.ledger.bar(coordinator.config.study_id, number, site)
        except LedgerTooEarly:
            return False
        except (
            BarsAlreadyBarred,
            BarsDeliveryRecorded,
            BarsExcused,
            BarsNotLastSealed,
        ) as refusal:
            coordinator.note(number, "not-barred", site=site, error=type(refusal).__name__)
        except ChainError as error:
            coordinator.note(number, "bar-failed", site=site, error=type(error).__name__)
        else:
            coordinator.note(number, "barred", site=site)
    return True
