"""What the verifier found: named checks, each with the object it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from audit.fields import hex_of
from audit.manifest import Contracts
from audit.packed_rows import PackedRows
from audit.remedies import Withdrawal
from audit.spending import Charge, Spending


class Kind(StrEnum):
    """How far a check goes."""

    RECOMPUTED = "recomputed"
    """Computed again from bytes in the bundle."""
    ATTESTED = "attested"
    """Stated by a site, or accepted by contract code whose hash is proven; not computed again."""
    PENDING = "pending"
    """Nothing is wrong up to the block; the deadline that decides lies beyond it."""
    FAULT = "fault"
    """A site or coordinator broke a duty, and the chain has it on record with its consequence: the
    evidence holds, and whoever reads it must know.
    """


class Check(NamedTuple):
    """One thing that must hold. ``object`` names what it is about, e.g. a file or a round."""

    name: str
    ok: bool
    object: str
    detail: str
    kind: Kind = Kind.RECOMPUTED

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ok": self.ok,
            "object": self.object,
            "detail": self.detail,
            "kind": self.kind.value,
        }


class Seats(NamedTuple):
    """Who reviews the study at the block (EIP-55 addresses), and how many of them have to agree."""

    reviewers: tuple[str, ...]
    threshold: int


@dataclass(frozen=True)
class RoundSummary:
    """One round in a line. ``retired``: it closed, and the study went back behind it since;
    ``cohort``: the sealed cohort sizes together; ``charge``: None before a seal.
    """

    number: int
    state: str
    retired: bool
    version: int
    members: tuple[str, ...]
    cohort: int
    charge: Charge | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """``rho_spent`` and ``epsilon_spent``: of all rounds up to it; 0 of one never sealed."""
        charge = self.charge
        return {
            "number": self.number,
            "state": self.state,
            "retired": self.retired,
            "version": self.version,
            "members": list(self.members),
            "cohort": self.cohort,
            "rho": str(charge.rho if charge else 0),
            "rho_spent": str(charge.rho_spent if charge else 0),
            "epsilon_spent": charge.epsilon if charge else 0.0,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Report:
    """The verdict on a bundle, and up to which block and chain time (s) it holds.

    ``checks``: all of them, in the order in which they were made; ``failed``, those that do not
    hold; ``faults``: broken duties that are on record, which hold as evidence and do not fail the
    report.

    ``privacy``: what its rounds spent together; None when its events give no history.

    ``contracts``: whose evidence it is, by the bundle's own word unless ``compared``: then the
    check `deployment` says whether they are those that the reader knows. ``committee``: None when
    its events give no history.
    """

    study: int
    contracts: Contracts
    compared: bool
    committee: Seats | None
    block_number: int
    block_hash: bytes
    block_time: int | None
    trusted: bool
    checks: Sequence[Check]
    failed: tuple[Check, ...]
    faults: tuple[Check, ...]
    rounds: tuple[RoundSummary, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    privacy: Spending | None = None

    @property
    def chain_id(self) -> int:
        return self.contracts.chain_id

    @property
    def ok(self) -> bool:
        return bool(self.checks) and not self.failed

    @property
    def exit_code(self) -> int:
        """0 when every check holds, 1 otherwise. (2 is for a bundle that could not be read.)

        A fault on record does not change it: the evidence says truly that somebody failed.
        """
        return 0 if self.ok else 1

    def table(self) -> list[tuple[str, str, str, str, str]]:
        """Rows (verdict, check, object, kind, detail): what fails, then faults, then the rest."""
        ordered = sorted(self.checks, key=lambda check: (check.ok, check.kind is not Kind.FAULT))
        return [
            (
                "FAILED" if not c.ok else "FAULT" if c.kind is Kind.FAULT else "ok",
                c.name,
                c.object,
                c.kind.value,
                c.detail,
            )
            for c in ordered
        ]

    def to_json(self, checks: Sequence[Check] | None = None) -> dict[str, Any]:
        """For programs: canonical-JSON compatible. ``checks``: which of them, all by default."""
        return {
            "schema": "assent-report-1",
            "ok": self.ok,
            "faults": len(self.faults),
            "study": self.study,
            "chain_id": self.chain_id,
            "contracts": {
                "registry": self.contracts.registry,
                "consent_token": self.contracts.consent_token,
                "ledger": self.contracts.ledger,
                "compared": self.compared,
            },
            "reviewers": list(self.committee.reviewers) if self.committee else [],
            "threshold": self.committee.threshold if self.committee else 0,
            "holds_until": {
                "block": self.block_number,
                "hash": hex_of(self.block_hash),
                "time": self.block_time,
                "trusted": self.trusted,
            },
            "checks": [one.to_json() for one in (self.checks if checks is None else checks)],
            "privacy": self.privacy.to_json() if self.privacy else None,
            "rounds": [summary.to_json() for summary in self.rounds],
            "withdrawals": [one.to_json(every=False) for one in self.withdrawals],
        }


class CheckFailed(Exception):
    """Ends a group of checks whose later members make no sense any more; already recorded."""


@dataclass
class Recorder:
    """Collects checks. A failed one never stops the verifier; a group may stop itself."""

    checks: PackedRows[Check] = field(default_factory=lambda: PackedRows(Check._make))
    failed: list[Check] = field(default_factory=list)
    faults: list[Check] = field(default_factory=list)

    def add(
        self, name: str, object_: str, ok: bool, detail: str, kind: Kind = Kind.RECOMPUTED
    ) -> bool:
        """Record one check; returns ``ok``."""
        check = Check(name, ok, object_, detail, kind)
        self.checks.append(check)
        if not ok:
            self.failed.append(check)
        if kind is Kind.FAULT:
            self.faults.append(check)
        return ok

    def fault(self, name: str, object_: str, detail: str) -> None:
        """A broken duty that the chain has on record, with its consequence."""
        self.add(name, object_, True, detail, Kind.FAULT)

    def need(self, name: str, object_: str, ok: bool, detail: str) -> None:
        """Record one check that the rest of its group needs. Raises CheckFailed."""
        if not self.add(name, object_, ok, detail):
            raise CheckFailed

    def fail(self, name: str, object_: str, detail: str) -> None:
        self.add(name, object_, False, detail)

    @contextmanager
    def group(self, name: str, object_: str) -> Iterator[None]:
        """Run some checks: whatever they raise becomes one failed check with this name."""
        try:
            yield
        except CheckFailed:
            pass
        except Exception as error:  # noqa: BLE001, hostile bytes must never stop the verifier
            self.fail(name, object_, f"{type(error).__name__}: {error}"[:500])
