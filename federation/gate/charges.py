"""Whether a sealed round may be charged: the site's own tally and the ledger's account must fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from federation.gate.journal_schema import BudgetExceeded, ChargeContradicted


@dataclass(frozen=True)
class Charge:
    """A round's rho, and what the ledger said that the study had spent after its seal; in 1e-18."""

    rho: int
    ledger_spent: int


def require_same(name: str, before: Charge, now: Charge) -> None:
    """Refuses a round that was charged otherwise.

    Args:
        name: of study and round, for the message.

    Raises:
        ChargeContradicted
    """
    if before != now:
        raise ChargeContradicted(
            f"{name} was charged {before.rho}e-18 with {before.ledger_spent}e-18 spent on the"
            f" ledger; now it says {now.rho}e-18 and {now.ledger_spent}e-18. Do not trust this"
            " chain before you know why"
        )


def require_chargeable(
    name: str, charges: Mapping[int, Charge], round_number: int, charge: Charge, ceiling: int
) -> None:
    """Refuses a round that the study has no room for, or that what is charged contradicts.

    Args:
        name: of study and round, for the messages.
        charges: of the study's earlier rounds, by number.
        ceiling: the terms' rho ceiling, in 1e-18.

    Raises:
        BudgetExceeded, ChargeContradicted
    """
    rho, ledger_spent = charge.rho, charge.ledger_spent
    if rho <= 0:
        raise ChargeContradicted(f"{name} cannot cost rho {rho}")
    if charges and round_number < max(charges):
        raise ChargeContradicted(f"{name} comes after round {max(charges)}")
    least = max((earlier.ledger_spent for earlier in charges.values()), default=0) + rho
    if ledger_spent < least:
        raise ChargeContradicted(
            f"{name}: the ledger has spent {ledger_spent}e-18; by this site's tally it is at least"
            f" {least}e-18. Do not trust this chain before you know why"
        )
    spent = max(sum(earlier.rho for earlier in charges.values()) + rho, ledger_spent)
    if spent > ceiling:
        raise BudgetExceeded(
            f"{name} would bring the study to {spent}e-18, above its ceiling of {ceiling}e-18"
        )
