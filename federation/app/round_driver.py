"""The coordinator's side of one round: open, watch, seal, collect, apply, store, close or abort.

The driver decides nothing that the ledger does not check again. It learns who committed and who is
current from the chain, never from a site's reply; from a reply it takes only a masked vector and
a signature that recovers to a sealed member.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from audit.cid import digest_of
from audit.errors import AuditError
from audit.recipe import Recipe
from chain.errors import (
    ChainError,
    ContractRefused,
    LedgerNotAllCurrent,
    LedgerTooFewSites,
    LedgerWrongState,
)
from chain.messages import Closure, RoundState, Terms, ledger_domain
from federation.app.barring import bar_undelivered
from federation.app.chain_facts import Looks, chain_time, time_at
from federation.app.coordinator import Coordinator
from federation.app.inbox import Inbox, Replies
from federation.app.opening import barred_sites
from federation.app.round_result import RoundResult, result_of
from ipfs.objects import ObjectStoreError

_STORE_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Pacing:
    """How long the coordinator holds a round open for those who watch it.

    Attributes:
        seal_after_seconds: how long no site's commitment must have changed before the seal.
        close_after_seconds: earliest close, counted from the seal.
        poll_seconds: how often chain and replies are looked at.
    """

    seal_after_seconds: float = 0.0
    close_after_seconds: float = 0.0
    poll_seconds: float = 0.1


class RoundAborted(Exception):
    """A round ended without a checkpoint.

    Attributes:
        reason: a fixed name, such as ``ConsentChanged``.
        again: whether running the round again can succeed.
    """

    def __init__(self, round_number: int, reason: str, detail: str, *, again: bool) -> None:
        super().__init__(f"round {round_number} aborted ({reason}): {detail}")
        self.round_number = round_number
        self.reason = reason
        self.again = again


@dataclass
class RoundDriver:
    """Drives one open round to its end.

    Attributes:
        coordinator: the opened coordinator folder.
        terms, recipe: the version in force.
        round_number: the round, already opened.
        replies: called at each poll; returns new deliveries and withheld codes by site.
        on_sealed: called once the round is sealed, before deliveries are waited for.
    """

    coordinator: Coordinator
    terms: Terms
    recipe: Recipe
    round_number: int
    replies: Replies
    pacing: Pacing = field(default_factory=Pacing)
    on_sealed: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._chain = self.coordinator.chain
        self._study = self.coordinator.config.study_id
        self._ledger = self._chain.ledger
        self._unchanged_since = time.monotonic()
        self._inbox = Inbox(self.coordinator, self.terms, self.round_number, self.replies)
        self._last_note = ""

    def run(self) -> bytes:
        """Runs to the close.

        Returns:
            SHA-256 of the round's checkpoint.

        Raises:
            RoundAborted: the round was aborted on chain, its masked vectors destroyed.
        """
        try:
            self._until_sealed()
            self.on_sealed()
            self._until_delivered()
            return self._close()
        except RoundAborted:
            self._abort_on_chain()
            self.coordinator.destroy_deliveries(self.round_number)
            raise

    def _until_sealed(self) -> None:
        announced: set[str] = set()
        looks = Looks(self._chain)
        while True:
            self._inbox.look()
            if looks.may_differ():
                info = self._ledger.round(self._study, self.round_number)
                if info.state == RoundState.SEALED:
                    return
                if info.state != RoundState.OPEN:
                    raise self._aborted(
                        "RoundEnded", f"the ledger says {info.state.name}", again=True
                    )
                barred = barred_sites(self._chain, self._study, self.terms)
                awaited = [site for site in self.terms.sites if site not in barred]
                current = self._current(awaited)
                for site in sorted(set(current) - announced):
                    self._note_commitment(site)
                for site in sorted(announced - set(current)):
                    self._note("consent-ended", site=site)
                if announced != set(current):
                    self._unchanged_since = time.monotonic()
                announced = set(current)
            now = time_at(looks.head)
            over = now >= info.commit_deadline
            held = time.monotonic() - self._unchanged_since < self.pacing.seal_after_seconds
            if over and len(current) < self.terms.min_sites:
                raise self._aborted(
                    "TooFewSites",
                    f"{len(current)} of at least {self.terms.min_sites} sites committed "
                    f"by the deadline; codes: {self._inbox.codes}",
                    again=False,
                )
            if now >= info.seal_deadline:
                raise self._aborted("SealDeadlinePassed", "not sealed in time", again=True)
            if self._inbox.all_answered and len(current) < self.terms.min_sites:
                raise self._aborted(
                    "TooFewSites",
                    f"every site answered and {len(current)} of at least "
                    f"{self.terms.min_sites} committed; codes: {self._inbox.codes}",
                    again=False,
                )
            if not held and (over or current == awaited) and self._try_seal():
                return
            time.sleep(self.pacing.poll_seconds)

    def _try_seal(self) -> bool:
        try:
            self._ledger.seal(self._study, self.round_number)
        except (LedgerNotAllCurrent, LedgerTooFewSites, LedgerWrongState) as refusal:
            # A site's epoch, or the round, may move between our look and the ledger's: look again.
            self._note_once("seal-refused", error=type(refusal).__name__)
            return False
        except ContractRefused as refusal:
            # A study that was suspended or changed: looking again would not help.
            raise self._aborted(
                type(refusal).__name__, f"the ledger refused to seal: {refusal}", again=False
            ) from refusal
        self._note("sealed")
        return True

    def _until_delivered(self) -> None:
        sealed_at, looks = time.monotonic(), Looks(self._chain)
        self._members = self._ledger.members(self._study, self.round_number)
        sealed = self._ledger.round(self._study, self.round_number)
        self._seal_digest = sealed.seal_digest
        while True:
            # Known before the look: reading one member's reply may take as long as it likes, and
            # what the others have sent by then is taken at the next.
            late = time_at(looks.head) >= sealed.delivery_deadline
            self._inbox.look()
            if looks.may_differ():
                self._refuse_if_hopeless()
            missing = [site for site in self._members if site not in self._inbox.deliveries]
            held = time.monotonic() - sealed_at < self.pacing.close_after_seconds
            if not missing and not held:
                return
            # Not before, whatever was answered: no code is signed, so one member could give it in
            # another's name, and who ends a round early can have nobody barred for it.
            if missing and late and bar_undelivered(self.coordinator, self.round_number, missing):
                raise self._aborted(
                    "DeliveryDeadlinePassed",
                    f"no delivery from {missing}; codes: {self._inbox.codes}",
                    again=True,
                )
            time.sleep(self.pacing.poll_seconds)

    def _refuse_if_hopeless(self) -> None:
        current = self._current(self._members)
        for site in self._members:
            if site not in current:
                raise self._aborted(
                    "ConsentChanged",
                    f"a consent at {site} was withdrawn after the seal",
                    again=True,
                )

    def _close(self) -> bytes:
        deliveries = [self._inbox.deliveries[site] for site in self._members]
        masked = [delivery.masked for delivery in deliveries]
        try:
            result = self._make_and_store(masked)
        except AuditError as error:
            # The same sum would be refused again: reviewers must look at base and recipe first.
            raise self._aborted(type(error).__name__, str(error), again=False) from error
        checkpoint_hash, manifest_hash = digest_of(result.checkpoint), digest_of(result.manifest)
        deployment = self._chain.deployment
        closure = Closure(self._seal_digest, checkpoint_hash, manifest_hash).sign(
            self.coordinator.account, ledger_domain(deployment.chain_id, deployment.ledger)
        )
        try:
            self._ledger.close(
                self._study,
                self.round_number,
                checkpoint_hash,
                manifest_hash,
                [digest_of(data) for data in masked],
                [delivery.signature for delivery in deliveries],
                closure,
            )
        except ContractRefused as refusal:
            self._refuse_if_hopeless()
            raise self._aborted(
                type(refusal).__name__, f"the ledger refused to close: {refusal}", again=True
            ) from refusal
        self._note("closed", checkpoint="0x" + checkpoint_hash.hex())
        return checkpoint_hash

    def _make_and_store(self, masked: Sequence[bytes]) -> RoundResult:
        """Again and again while there is time: an IPFS daemon may be starting anew."""
        deadline = self._ledger.round(self._study, self.round_number).close_deadline
        arguments = (self.coordinator, self.terms, self.recipe, self.round_number)
        while True:
            try:
                result = result_of(*arguments, self._members, masked)
                for data in (*masked, result.checkpoint, result.manifest):
                    self.coordinator.store.put(data)
            except ObjectStoreError as error:
                if chain_time(self._chain) >= deadline:
                    raise self._aborted("EvidenceNotStored", str(error), again=True) from error
                self._note_once("store-retry", error=type(error).__name__)
                self._refuse_if_hopeless()
                time.sleep(_STORE_RETRY_SECONDS)
            else:
                return result

    def _abort_on_chain(self) -> None:
        try:
            if self._ledger.round(self._study, self.round_number).state in (
                RoundState.OPEN,
                RoundState.SEALED,
            ):
                self._ledger.abort(self._study, self.round_number)
        except ChainError as error:
            # Anyone may abort after the deadline; the round is dead either way.
            self._note("abort-failed", error=type(error).__name__)

    def _aborted(self, reason: str, detail: str, *, again: bool) -> RoundAborted:
        self._note("aborted", reason=reason, detail=detail)
        return RoundAborted(self.round_number, reason, detail, again=again)

    def _current(self, sites: Sequence[str]) -> list[str]:
        """Those of the sites whose commitments are current, in the same order."""
        current = self._ledger.current_sites(self._study, self.round_number, sites)
        return [site for site in sites if site in current]

    def _note_commitment(self, site: str) -> None:
        commitment = self._ledger.commitment_of(self._study, self.round_number, site)
        self._note(
            "committed", site=site, attempt=commitment.attempt, tokens=commitment.cohort_size
        )

    def _note_once(self, phase: str, **facts: object) -> None:
        """Notes what each poll may find again, unless it was the last thing noted."""
        if self._last_note != (noted := f"{phase} {facts}"):
            self._note(phase, **facts)
            self._last_note = noted

    def _note(self, phase: str, **facts: object) -> None:
        self._last_note = ""
        self.coordinator.note(self.round_number, phase, **facts)
