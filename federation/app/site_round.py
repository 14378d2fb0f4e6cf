"""One round at one site: admit, train, clip, noise, commit; wait for the seal; mask and sign.

Everything is asked of the site's own chain node. Nothing leaves the site before the seal but the
commitment on chain, and nothing after it but the masked vector, once.
"""

from __future__ import annotations

import time

import numpy as np

from audit.checkpoint import Checkpoint
from audit.checkpoint import read as read_checkpoint
from audit.cid import cid_of_sha256, digest_of
from audit.codec import sum_rows, to_bytes, wrap
from audit.cohort import vector_hash
from audit.privacy import site_variance
from audit.recipe import Recipe
from audit.recipe import parse as parse_recipe
from chain.errors import (
    LedgerAttemptNotNext,
    LedgerDeadlinePassed,
    LedgerEpochMoved,
    LedgerKeyReused,
    LedgerSiteBarred,
    LedgerWrongState,
)
from chain.events import Sealed
from chain.light_dataclass import light_dataclass
from chain.messages import (
    Commitment,
    Delivery,
    Round,
    RoundState,
    Terms,
    ledger_domain,
    rho_of_round,
    seal_digest,
)
from federation.app.admit import Cohort, admit, cohort_root
from federation.app.chain_facts import (
    chain_time,
    in_force,
    sealed_event,
    time_at,
    wait_for_block,
)
from federation.app.environment import environment_facts, environment_hash
from federation.app.masks import mask, mask_key_pair
from federation.app.models import model_named
from federation.app.noise import draw, noise_key
from federation.app.reply import WithheldCode
from federation.app.snapshot import save_snapshot
from federation.app.train import clipped_rows, read_records
from federation.gate.given_up import give_up
from federation.gate.journal_schema import Attempt
from federation.gate.kept_cohort import KeptCohort
from federation.gate.record_cap import record_ids_of
from federation.gate.record_tally import RoundSettled
from federation.gate.site import Site
from federation.gate.snapshots import Snapshots


class Withheld(Exception):
    """The site sends no vector. The code may leave the site; the message is for its own log."""

    def __init__(self, code: WithheldCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@light_dataclass(frozen=True)
class _Sealed:
    """A seal that the site has recomputed, and the attempt of its own that it names."""

    digest: bytes
    members: tuple[tuple[str, bytes], ...]
    attempt: Attempt


class SiteRound:
    """One round of one study at one opened site.

    Raises:
        Withheld: the round is not open to this site.
    """

    def __init__(self, site: Site, study_id: int, number: int) -> None:
        self._site, self._chain = site, site.chain
        self._study, self._number = study_id, number
        deployment = self._chain.deployment
        self._chain_id, self._ledger = deployment.chain_id, deployment.ledger
        if study_id != site.config.study_id:
            raise Withheld(WithheldCode.NOT_IN_STUDY, f"the site has not joined study {study_id}")
        site.journal.bind(self._chain_id, self._ledger, site.address)
        self._opened = self._round()
        if self._opened.state not in (RoundState.OPEN, RoundState.SEALED):
            raise Withheld(WithheldCode.NOT_OPEN, f"round {number} is {self._opened.state.name}")
        self._terms: Terms = self._chain.registry.terms(study_id, self._opened.version)
        if site.address not in self._terms.sites:
            raise Withheld(WithheldCode.NOT_IN_STUDY, "the study's terms do not name this site")
        self._recipe: Recipe = parse_recipe(site.store.get(cid_of_sha256(self._terms.recipe_hash)))
        self._base: Checkpoint = read_checkpoint(site.store.get(cid_of_sha256(self._opened.base)))
        self._environment = environment_facts(self._terms.app_hash)

    def run(self) -> tuple[bytes, bytes]:
        """Takes part in the round.

        Returns:
            (masked vector bytes, 65-byte Delivery signature).

        Raises:
            Withheld: the site sends nothing, with a code that may be told.
        """
        if self._opened.state == RoundState.OPEN and not self._is_current():
            self._commit_until_current()
        self._wait_for_seal()
        return self._deliver(self._check_seal())

    # -- before the seal ---------------------------------------------------------------------

    def _commit_until_current(self) -> None:
        while True:
            barred_for: int
            committed: Commitment
            barred_for, committed = self._chain.together(self._barred_for, self._on_chain)
            _refuse_when_barred(barred_for)
            cohort = admit(self._chain, self._terms, self._study, self._opened, self._site.address)
            if cohort.size < self._terms.min_cohort:
                raise Withheld(
                    WithheldCode.COHORT_TOO_SMALL,
                    f"{cohort.size} tokens are active and the study needs {self._terms.min_cohort}",
                )
            try:
                attempt, root = self._prepare(cohort, committed.attempt + 1)
            except RoundSettled as error:
                self._withhold_when_over(error)
                raise
            try:
                self._chain.ledger.commit(
                    self._study, self._number, self._commitment(attempt, cohort, root)
                )
            except LedgerEpochMoved:
                continue  # a consent ended while we computed: again, without it
            except LedgerKeyReused:
                # Another member saw our commitment on its way and was quicker with our key in its
                # own: again, under another one.
                give_up(self._site.journal, attempt)
                continue
            except LedgerSiteBarred:
                continue  # since we looked; looking again says for which round
            except LedgerAttemptNotNext:
                # Another process of this site, which was asked twice, was quicker.
                if not self._is_current():
                    continue
            except LedgerWrongState as error:
                raise Withheld(WithheldCode.NOT_OPEN, str(error)) from error
            except LedgerDeadlinePassed as error:
                raise Withheld(WithheldCode.DEADLINE_PASSED, str(error)) from error
            return

    def _withhold_when_over(self, error: Exception) -> None:
        """What was settled while we looked is over; what the ledger holds open is not."""
        state = self._round().state
        if state == RoundState.ABORTED:
            raise Withheld(WithheldCode.ROUND_ABORTED, "the ledger says ABORTED") from error
        if state != RoundState.OPEN:
            raise Withheld(WithheldCode.NOT_OPEN, f"the ledger says {state.name}") from error
        if chain_time(self._chain) >= self._opened.seal_deadline:
            raise Withheld(WithheldCode.DEADLINE_PASSED, "the seal deadline passed") from error

    def _prepare(self, cohort: Cohort, number: int) -> tuple[Attempt, bytes]:
        """Computes and keeps the noised vector of an attempt, by its number; gives it with its
        cohort root.
        """
        site = self._site
        model = model_named(self._recipe.model)
        rho = rho_of_round(self._terms.noise_multiplier)
        record_ids = record_ids_of(cohort.consents.values(), site.keys)
        without_room = site.cap.without_room(self._number, number, rho, record_ids)
        records = read_records(cohort.consents, site.keys, site.records, model, without_room)
        series = [one.series for one in records]
        rows = clipped_rows(series, self._base, self._recipe, self._terms)
        total = sum_rows(rows)
        root = cohort_root(
            self._chain,
            self._study,
            self._number,
            site.address,
            cohort.statuses,
            lambda index: site.keys.leaf_salt(
                self._chain_id, self._ledger, self._study, self._number, number, index
            ),
        )
        kept = KeptCohort(number, cohort.block.number, root, cohort.statuses).to_bytes()
        plain = to_bytes(wrap(total))
        attempt = site.journal.reserve(self._study, self._number, number, plain, kept)
        save_snapshot(Snapshots(site.journal), attempt, self._environment, records, rows)
        key = noise_key(
            site.keys.noise_secret,
            self._chain_id,
            self._ledger,
            self._study,
            site.address,
            self._number,
            number,
            self._opened.pinned_block,
            self._opened.pinned_block_hash,
            attempt.draw_number,
        )
        noise = draw(key, site_variance(self._terms), self._terms.vector_length)
        vector = to_bytes(wrap(total + noise))
        return site.journal.store(attempt, vector, vector_hash(attempt.salt, vector)), root

    def _commitment(self, attempt: Attempt, cohort: Cohort, root: bytes) -> Commitment:
        assert attempt.vector_hash is not None
        return Commitment(
            attempt=attempt.attempt,
            cohort_root=root,
            cohort_size=cohort.size,
            block_number=cohort.block.number,
            block_hash=cohort.block.hash,
            epoch=cohort.epoch,
            vector_hash=attempt.vector_hash,
            mask_key=mask_key_pair(attempt.mask_private).public,
            environment_hash=environment_hash(self._environment),
        )

    # -- the seal ----------------------------------------------------------------------------

    def _wait_for_seal(self) -> None:
        began, head = time.monotonic(), self._chain.head()
        while True:
            found, newest, current = self._chain.together(
                self._round, self._chain.head, self._is_current
            )
            state = found.state
            if state == RoundState.SEALED:
                return
            if state != RoundState.OPEN:
                raise Withheld(WithheldCode.ROUND_ABORTED, f"the ledger says {state.name}")
            now = time_at(newest)
            if now < self._opened.commit_deadline and not current:
                self._commit_until_current()
            elif now >= self._opened.seal_deadline:
                raise Withheld(WithheldCode.DEADLINE_PASSED, "the round was not sealed in time")
            head = wait_for_block(self._chain, head, time.monotonic() - began)

    def _check_seal(self) -> _Sealed:
        """Waits until the seal is final, recomputes it and charges the site's own tally."""
        sealed = self._final_seal()
        members = tuple(sealed.members)
        if self._site.address not in members:
            raise Withheld(WithheldCode.NOT_SEALED_IN, "the seal does not name this site")
        if not in_force(self._chain, self._study, self._opened.version):
            raise Withheld(
                WithheldCode.STUDY_NOT_USABLE, "the study was suspended, or its terms changed"
            )
        if not self._is_current():
            self._site.journal.abandon_round(self._study, self._number)
            raise Withheld(
                WithheldCode.CONSENT_CHANGED, "a consent that the round used was withdrawn"
            )
        commitments = self._chain.ledger.commitments_of(self._study, self._number, members)
        digest = seal_digest(
            self._chain_id,
            self._ledger,
            self._study,
            self._number,
            sealed.parent_hash,
            members,
            commitments,
        )
        own = commitments[members.index(self._site.address)]
        attempt = self._site.journal.committed(self._study, self._number, own.vector_hash)
        if digest != sealed.seal_digest or attempt is None or len(members) < self._terms.min_sites:
            raise Withheld(
                WithheldCode.SEAL_CONTRADICTS, "the seal is not one that this site can recompute"
            )
        self._site.cap.require_held(self._number, own.attempt)
        self._site.journal.charge(
            self._study,
            self._number,
            rho_of_round(self._terms.noise_multiplier),
            self._terms.rho_ceiling,
            sealed.rho_spent,
        )
        self._site.journal.keep_only(self._study, self._number, own.vector_hash)
        keys = tuple(
            (member, commitment.mask_key)
            for member, commitment in zip(members, commitments, strict=True)
        )
        return _Sealed(digest, keys, attempt)

    def _final_seal(self) -> Sealed:
        """The seal, read when it was final already: by then no reorganisation takes it back."""
        while True:
            newest = self._chain.head().number
            record, sealed = sealed_event(
                self._chain, self._study, self._number, self._opened, newest
            )
            if record.block_number + self._chain.finality.confirmations <= newest:
                self._chain.rely_on(self._chain.block(record.block_number))
                return sealed
            self._chain.wait_final(record.block_number)

    def _deliver(self, sealed: _Sealed) -> tuple[bytes, bytes]:
        def make() -> tuple[bytes, bytes]:
            attempt = sealed.attempt
            assert attempt.vector is not None and attempt.mask_private is not None
            vector = np.frombuffer(attempt.vector, dtype="<u8").astype(np.uint64).view(np.int64)
            masked = to_bytes(
                mask(
                    vector,
                    attempt.mask_private,
                    self._site.address,
                    sealed.digest,
                    sealed.members,
                )
            )
            message = Delivery(sealed.digest, digest_of(masked))
            domain = ledger_domain(self._chain_id, self._ledger)
            return masked, message.sign(self._site.keys.account, domain)

        journal = self._site.journal
        kept = journal.deliver_once(self._study, self._number, sealed.digest, make)
        return kept.masked, kept.signature

    # -- the site's own node -----------------------------------------------------------------

    def _round(self) -> Round:
        return self._chain.ledger.round(self._study, self._number)

    def _barred_for(self) -> int:
        return self._chain.ledger.barred_for(self._study, self._site.address)

    def _on_chain(self) -> Commitment:
        return self._chain.ledger.commitment_of(self._study, self._number, self._site.address)

    def _is_current(self) -> bool:
        return self._chain.ledger.is_current(self._study, self._number, self._site.address)


def _refuse_when_barred(barred_for: int) -> None:
    """Before anything is computed: the ledger would not take the commitment."""
    if barred_for:
        raise Withheld(
            WithheldCode.BARRED,
            f"the site is barred for round {barred_for}: it was sealed in and did not deliver,"
            " or did not answer a challenge; ask a reviewer of the study to readmit it",
        )
