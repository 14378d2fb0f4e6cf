"""The coordinator's side of one round: open, watch, seal, collect, apply, store, close or abort.

The driver decides nothing that the ledger does not check again. It learns who committed and who is
current from the chain, never from a site's reply; from a reply it takes only a masked vector and
a signature that recovers to a sealed member.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from audit.checkpoint import read as read_checkpoint
from audit.checkpoint import write as write_checkpoint
from audit.cid import cid_of_sha256, sha256
from audit.codec import from_bytes
from audit.manifest import ManifestFacts
from audit.manifest import build as build_manifest
from audit.recipe import Recipe
from audit.update import apply_round, unmask_sum
from chain.errors import ChainError, ContractRefused
from chain.messages import (
    Closure,
    Delivery,
    Domain,
    RoundState,
    Terms,
    ledger_domain,
    recover,
)
from federation.app.chain_facts import chain_time, sealed_event
from federation.app.coordinator import Coordinator, MaskedDelivery
from federation.app.objects import ObjectStoreError
from federation.app.reply import WithheldCode


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
    """

    coordinator: Coordinator
    terms: Terms
    recipe: Recipe
    round_number: int
    replies: Callable[[], tuple[list[MaskedDelivery], list[tuple[str, WithheldCode]], bool]]
    pacing: Pacing = field(default_factory=Pacing)

    def __post_init__(self) -> None:
        self._chain = self.coordinator.chain
        self._study = self.coordinator.config.study_id
        self._ledger = self._chain.ledger
        self._unchanged_since = time.monotonic()
        self._deliveries = self.coordinator.deliveries(self.round_number)
        self._early: list[MaskedDelivery] = []
        self._silent: dict[str, WithheldCode] = {}
        self._all_answered = False

    def run(self) -> bytes:
        """Runs to the close.

        Returns:
            SHA-256 of the round's checkpoint.

        Raises:
            RoundAborted: the round was aborted on chain, its masked vectors destroyed.
        """
        try:
            self._until_sealed()
            self._until_delivered()
            return self._close()
        except RoundAborted:
            self._abort_on_chain()
            self.coordinator.destroy_deliveries(self.round_number)
            raise

    def _until_sealed(self) -> None:
        announced: set[str] = set()
        while True:
            self._collect()
            info = self._ledger.round(self._study, self.round_number)
            if info.state == RoundState.SEALED:
                return
            if info.state != RoundState.OPEN:
                raise self._aborted("RoundEnded", f"the ledger says {info.state.name}", again=True)
            current = [site for site in self.terms.sites if self._is_current(site)]
            for site in sorted(set(current) - announced):
                self._note_commitment(site)
            for site in sorted(announced - set(current)):
                self._note("consent-ended", site=site)
            if announced != set(current):
                self._unchanged_since = time.monotonic()
            announced = set(current)
            now = chain_time(self._chain)
            over = now >= info.commit_deadline
            held = time.monotonic() - self._unchanged_since < self.pacing.seal_after_seconds
            if over and len(current) < self.terms.min_sites:
                raise self._aborted(
                    "TooFewSites",
                    f"{len(current)} of at least {self.terms.min_sites} sites committed "
                    f"by the deadline; codes: {self._codes()}",
                    again=False,
                )
            if now >= info.seal_deadline:
                raise self._aborted("SealDeadlinePassed", "not sealed in time", again=True)
            if self._all_answered and len(current) < self.terms.min_sites:
                raise self._aborted(
                    "TooFewSites",
                    f"every site answered and {len(current)} of at least "
                    f"{self.terms.min_sites} committed; codes: {self._codes()}",
                    again=False,
                )
            if not held and (over or len(current) == len(self.terms.sites)):
                self._try_seal()
            time.sleep(self.pacing.poll_seconds)

    def _try_seal(self) -> None:
        try:
            self._ledger.seal(self._study, self.round_number)
        except ContractRefused as refusal:
            # A site's epoch may move between our look and the ledger's: look again.
            self._note("seal-refused", error=type(refusal).__name__)
            return
        self._note("sealed")

    def _until_delivered(self) -> None:
        sealed_at = time.monotonic()
        self._members = self._ledger.members(self._study, self.round_number)
        self._seal_digest = self._ledger.round(self._study, self.round_number).seal_digest
        while True:
            self._collect()
            self._refuse_if_hopeless()
            missing = [site for site in self._members if site not in self._deliveries]
            held = time.monotonic() - sealed_at < self.pacing.close_after_seconds
            if not missing and not held:
                return
            withheld = [site for site in missing if site in self._silent]
            if withheld or (missing and self._all_answered):
                raise self._aborted(
                    "DeliveryWithheld",
                    f"sealed but not delivered: {withheld or missing}; codes: {self._codes()}",
                    again=True,
                )
            info = self._ledger.round(self._study, self.round_number)
            if missing and chain_time(self._chain) > info.delivery_deadline:
                raise self._aborted(
                    "DeliveryDeadlinePassed", f"no delivery from {missing}", again=True
                )
            time.sleep(self.pacing.poll_seconds)

    def _refuse_if_hopeless(self) -> None:
        for site in self._members:
            if not self._is_current(site):
                raise self._aborted(
                    "ConsentChanged",
                    f"a consent at {site} was withdrawn after the seal",
                    again=True,
                )

    def _close(self) -> bytes:
        info = self._ledger.round(self._study, self.round_number)
        masked = [self._deliveries[site].masked for site in self._members]
        commitments = [
            self._ledger.commitment_of(self._study, self.round_number, site)
            for site in self._members
        ]
        count = sum(commitment.cohort_size for commitment in commitments)
        total = unmask_sum([from_bytes(data) for data in masked])
        base = read_checkpoint(self.coordinator.store.get(cid_of_sha256(info.base)))
        checkpoint = write_checkpoint(apply_round(base, total, count, self.terms, self.recipe))
        record, sealed = sealed_event(self._chain, self._study, self.round_number)
        manifest = build_manifest(
            ManifestFacts(
                deployment=self._chain.deployment,
                study_id=self._study,
                round_number=self.round_number,
                round=info,
                terms=self.terms,
                members=tuple(self._members),
                commitments=tuple(commitments),
                masked=tuple(masked),
                parent_hash=sealed.parent_hash,
                seal_block=record.block_number,
                count=count,
                total=total,
                checkpoint=checkpoint,
                rho=sealed.rho,
                rho_spent=sealed.rho_spent,
            )
        )
        self._store([*masked, checkpoint, manifest], info.close_deadline)
        checkpoint_hash, manifest_hash = sha256(checkpoint), sha256(manifest)
        closure = Closure(self._seal_digest, checkpoint_hash, manifest_hash)
        try:
            self._ledger.close(
                self._study,
                self.round_number,
                checkpoint_hash,
                manifest_hash,
                [sha256(data) for data in masked],
                [self._deliveries[site].signature for site in self._members],
                closure.sign(self.coordinator.account, self._domain()),
            )
        except ContractRefused as refusal:
            self._refuse_if_hopeless()
            raise self._aborted(
                type(refusal).__name__, f"the ledger refused to close: {refusal}", again=True
            ) from refusal
        self._note("closed", checkpoint="0x" + checkpoint_hash.hex())
        return checkpoint_hash

    def _store(self, objects: Sequence[bytes], close_deadline: int) -> None:
        """Stores all, again and again while there is time: a daemon may be starting anew."""
        while True:
            try:
                for data in objects:
                    self.coordinator.store.put(data)
            except ObjectStoreError as error:
                if chain_time(self._chain) >= close_deadline:
                    raise self._aborted("EvidenceNotStored", str(error), again=True) from error
                self._note("store-retry", error=type(error).__name__)
                self._refuse_if_hopeless()
                time.sleep(1.0)
            else:
                return

    def _collect(self) -> None:
        new, silent, self._all_answered = self.replies()
        self._silent.update(dict(silent))
        self._early += new
        info = self._ledger.round(self._study, self.round_number) if self._early else None
        if info is None or info.state != RoundState.SEALED:
            return
        members = set(self._ledger.members(self._study, self.round_number))
        for delivery in self._early:
            digest = Delivery(info.seal_digest, sha256(delivery.masked)).digest(self._domain())
            try:
                site = recover(digest, delivery.signature)
            except ValueError:
                site = ""
            if site not in members or len(delivery.masked) != 8 * self.terms.vector_length:
                self._note("delivery-refused", site=site)
                continue
            self.coordinator.keep_delivery(self.round_number, site, delivery)
            self._deliveries.setdefault(site, delivery)
            self._note("delivered", site=site)
        self._early = []

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

    def _is_current(self, site: str) -> bool:
        return self._ledger.is_current(self._study, self.round_number, site)

    def _domain(self) -> Domain:
        deployment = self._chain.deployment
        return ledger_domain(deployment.chain_id, deployment.ledger)

    def _note_commitment(self, site: str) -> None:
        commitment = self._ledger.commitment_of(self._study, self.round_number, site)
        self._note(
            "committed", site=site, attempt=commitment.attempt, tokens=commitment.cohort_size
        )

    def _note(self, phase: str, **facts: object) -> None:
        self.coordinator.note(self.round_number, phase, **facts)

    def _codes(self) -> str:
        return ", ".join(f"{site}: {code}" for site, code in self._silent.items()) or "none"
