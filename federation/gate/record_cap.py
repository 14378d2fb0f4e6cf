"""The hospital's own ceiling on what one record gives to all of its studies together.

A record that a round would bring above it contributes exactly zero to that round. It is admitted
and counted all the same: a cohort's size and every abort depend on chain facts alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from chain.chain import Block, Chain
from chain.light_dataclass import light_dataclass
from chain.messages import Consent, Round, RoundState
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.record_tally import RecordTally, RecordTallyRefused, SiteAccount


@light_dataclass(frozen=True)
class Fate:
    """What the ledger has decided of a round, for good, for one account.

    `attempt` is the account's sealed attempt, None when the round was not sealed with it and never
    can be; `rho` is that of the round, in 1e-18.
    """

    attempt: int | None
    rho: int


@light_dataclass(frozen=True)
class Committed:
    """A commitment that the ledger holds: its attempt, and the rho that its round would cost in
    1e-18.
    """

    attempt: int
    rho: int


class Decisions(Protocol):
    """What the tally has to know of the ledger."""

    def round_count(self, study_id: int) -> int:
        """Rounds of a study so far."""

    def fate(self, account: SiteAccount, number: int) -> Fate | None:
        """What was decided of a round; None while it is open, or while a decision is not final."""

    def committed(self, account: SiteAccount, number: int) -> Committed | None:
        """The account's newest commitment to a round; None without one."""


class LedgerDecisions:
    """The decisions that a site's own node shows; later asked again, it must still have them."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        head = chain.head()
        number = max(head.number - chain.finality.confirmations, chain.deployment.block_number)
        self._relied = False
        self._final: Block = head if number == head.number else chain.block(number)

    def round_count(self, study_id: int) -> int:
        return self._chain.ledger.round_count(study_id)

    def fate(self, account: SiteAccount, number: int) -> Fate | None:
        ledger, study, block = self._chain.ledger, account.study_id, self._final.number
        found: Round = ledger.round(study, number, block=block)
        if found.state == RoundState.NONE:
            return None
        # The ledger seals no round at or after its seal deadline, and the next block is later.
        if found.state == RoundState.OPEN and self._final.timestamp < found.seal_deadline:
            return None
        if not self._relied:
            self._chain.rely_on(self._final)
            self._relied = True
        rho, members, own = self._chain.together(
            lambda: ledger.rho_of_round(study, found.version, block=block),
            lambda: ledger.members(study, number, block=block),
            lambda: ledger.commitment_of(study, number, account.site, block=block),
        )
        return Fate(own.attempt if account.site in members else None, rho)

    def committed(self, account: SiteAccount, number: int) -> Committed | None:
        ledger, study = self._chain.ledger, account.study_id
        attempt = ledger.commitment_of(study, number, account.site).attempt
        if not attempt:
            return None
        rho = ledger.rho_of_round(study, ledger.round(study, number).version)
        return Committed(attempt, rho)


def catch_up(tally: RecordTally, chain_id: int, ledger: str, decisions: Decisions) -> None:
    """Bring the tally to what the ledger has decided, for all accounts of the hospital there.

    A sealed round, or a commitment, whose records the tally does not know counts for everyone.

    Raises:
        RecordTallyRefused, DatabaseUnusable: the tally cannot be written.
        chain.errors.ChainError
    """
    for account, settled in tally.accounts(chain_id, ledger):
        number, newest = settled + 1, decisions.round_count(account.study_id)
        while number <= newest and (fate := decisions.fate(account, number)) is not None:
            tally.settle(account, number, fate.attempt, fate.rho)
            number += 1
        for undecided in range(number, newest + 1):
            committed = decisions.committed(account, undecided)
            if committed is not None:
                tally.hold_everyone(account, undecided, committed.attempt, committed.rho)


class RecordCap:
    """The ceiling, as one site folder meets it in its study.

    Args:
        path: of the tally; ceiling: of a record, in 1e-18.
        site: the folder's account.
        journal: of the folder; None when it has none yet.

    Raises:
        RecordTallyRefused: the folder has charged rounds, and the tally does not count them.
        PrivateFileUnsafe, DatabaseUnusable
    """

    def __init__(
        self,
        path: Path,
        ceiling: int,
        study_id: int,
        chain: Chain,
        site: str,
        journal: Journal | None,
    ) -> None:
        deployment = chain.deployment
        self._chain, self.ceiling = chain, ceiling
        self.account = SiteAccount(deployment.chain_id, deployment.ledger, study_id, site)
        charged = journal is not None and journal.spent(study_id) > 0
        if charged and not path.exists():
            raise RecordTallyRefused(f"{path} is missing, but {_HAS_CHARGED}")
        self.tally = RecordTally(path)
        if charged and not self.tally.knows(self.account):
            self.tally.close()
            raise RecordTallyRefused(f"{path} does not count {self.account}, but {_HAS_CHARGED}")

    def without_room(
        self, round_number: int, attempt: int, rho: int, record_ids: Iterable[str]
    ) -> frozenset[str]:
        """Hold a round's rho for an attempt's records; gives those that must contribute zero.

        Call it before the attempt's noise is drawn; durable when it returns. May be repeated.

        Raises:
            RecordTallyRefused, DatabaseUnusable, chain.errors.ChainError
        """
        self.tally.add(self.account)
        self._catch_up()
        return self.tally.hold(
            self.account, round_number, attempt, rho, frozenset(record_ids), self.ceiling
        )

    def require_held(self, round_number: int, attempt: int) -> None:
        """Before a sealed vector leaves: the tally counts it.

        Raises:
            RecordTallyRefused: it does not; the file was replaced since the commitment.
        """
        if not self.tally.holds(self.account, round_number, attempt):
            raise RecordTallyRefused(
                f"{self.tally.path} does not hold round {round_number} of {self.account}: it is"
                " not the file that the round was committed with. Nothing is sent"
            )

    def totals(self, record_ids: Collection[str]) -> dict[str, int]:
        """Rho of each record over all studies in 1e-18, as far as the ledger has decided."""
        if self.tally.knows(self.account):
            self._catch_up()
        return self.tally.totals(record_ids)

    def make_anew(self) -> None:
        """Count this folder's study from the chain alone, its past rounds for every record."""
        self.tally.add(self.account)
        self._catch_up()

    def close(self) -> None:
        self.tally.close()

    def _catch_up(self) -> None:
        account = self.account
        catch_up(self.tally, account.chain_id, account.ledger, LedgerDecisions(self._chain))


def record_ids_of(consents: Iterable[Consent], keys: SiteKeys) -> frozenset[str]:
    """The records behind consents; one whose record is unknown or unlinkable has none."""
    found = (keys.record_of(consent.record_commitment) for consent in consents)
    return frozenset(one for one in found if one is not None)


_HAS_CHARGED = (
    "this site has taken part in rounds: without it the ceiling of each record would be passed."
    " Restore it from the backup of any of the hospital's site folders, or mend `record_tally` in"
    " site.json; if it is lost, run `assent site record-tally FOLDER --make-new` for each of them,"
    " which counts all their past rounds for every record"
)
