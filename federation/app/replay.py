"""A site's part of a round, computed again from its kept snapshot and its secrets.

Runs in a process of its own with the approved app of the round's version (see
`federation.gate.replaying`); writes nothing and sends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audit.checkpoint import read as read_checkpoint
from audit.cid import cid_of_sha256, digest_of
from audit.codec import from_bytes, sum_rows, to_bytes, unwrap, wrap
from audit.cohort import Status, vector_hash
from audit.privacy import site_variance
from audit.recipe import parse as parse_recipe
from audit.replays import Difference, Part, ReplayReport
from chain.chain import Chain
from chain.events import Sealed
from chain.messages import Commitment
from federation.app.admit import cohort_root
from federation.app.chain_facts import sealed_event
from federation.app.environment import environment_facts, environment_hash
from federation.app.masks import MaskRefused, mask
from federation.app.noise import draw, noise_key
from federation.app.snapshot import Snapshot, SnapshotIncomplete, open_snapshot, row_hash
from federation.app.train import clipped_rows
from federation.gate.journal import Journal
from federation.gate.journal_schema import Attempt
from federation.gate.kept_cohort import KeptCohort
from federation.gate.keys import KeyFolderInvalid, SiteKeys
from federation.gate.site import SiteConfig, connect
from federation.gate.snapshots import Snapshots
from ipfs.objects import ObjectStore

IntArray = NDArray[np.int64]


class NothingToReplay(Exception):
    """The round has no sealed contribution of this site. The message says why."""


@dataclass(frozen=True)
class _Recomputed:
    rows: IntArray
    total: IntArray
    noise: IntArray

    @property
    def vector(self) -> IntArray:
        """Modulo 2^64, as the site summed it."""
        return self.total + self.noise


def replay_round(folder: Path, number: int) -> ReplayReport:
    """Computes this site's commitment and masked vector of a sealed round again, and compares.

    A piece that is missing gives a report that says so. What is only away for now raises.

    Args:
        folder: the site's folder.

    Raises:
        NothingToReplay: the round is not sealed, or this site is not in its seal.
        chain.errors.ChainError, ipfs.objects.ObjectStoreError, SiteFolderInvalid,
        PrivateFileUnsafe, KeyFolderInvalid, DatabaseUnusable
    """
    config = SiteConfig.load(folder)
    with (
        closing(SiteKeys.open(folder / "keys")) as keys,
        closing(Journal.open(folder / "state.db")) as journal,
        ObjectStore(config.ipfs_api) as store,
    ):
        chain = connect(folder, config)
        return _Replay(keys, journal, store, chain, config.study_id, number).report()


class _Replay:
    def __init__(
        self,
        keys: SiteKeys,
        journal: Journal,
        store: ObjectStore,
        chain: Chain,
        study_id: int,
        number: int,
    ) -> None:
        self._keys, self._journal, self._store, self._chain = keys, journal, store, chain
        self._study, self._number, self._site = study_id, number, keys.public.account
        self._opened = chain.ledger.round(study_id, number)
        if not any(self._opened.seal_digest):
            raise NothingToReplay(f"round {number} is not sealed; there is nothing to replay yet")
        _, self._sealed = sealed_event(chain, study_id, number)
        if self._site not in self._sealed.members:
            raise NothingToReplay(f"the seal of round {number} does not name this site")
        self._commitment: Commitment = chain.ledger.commitment_of(study_id, number, self._site)
        self._terms = chain.registry.terms(study_id, self._opened.version)

    def report(self) -> ReplayReport:
        deployment = self._chain.deployment
        told = self._journal.delivered(self._study, self._number)
        empty = ReplayReport(
            chain_id=deployment.chain_id,
            ledger=deployment.ledger,
            study=self._study,
            round_number=self._number,
            site=self._site,
            attempt=self._commitment.attempt,
            then=None,
            now=environment_facts(self._terms.app_hash),
            committed=self._commitment.vector_hash,
            recomputed=None,
            delivered=told[1] if told else None,
            masked=None,
            missing="",
            differences=(),
            replayed_at=int(time.time()),
        )
        try:
            attempt, snapshot = self._kept()
            empty = replace(empty, then=snapshot.environment)
            if told is None:
                raise SnapshotIncomplete("this site delivered nothing for the round")
            if told[0] != self._sealed.seal_digest:
                raise SnapshotIncomplete("what it delivered was for another seal")
            return self._compared(attempt, snapshot, empty)
        except (SnapshotIncomplete, MaskRefused) as error:
            return replace(empty, missing=str(error)[:400])
        except KeyFolderInvalid:  # its message names a path of this machine
            return replace(empty, missing="the noise secret is not the one that was registered")

    def _kept(self) -> tuple[Attempt, Snapshot]:
        """The committed attempt with its snapshot, each checked against the chain."""
        attempt = self._journal.committed(self._study, self._number, self._commitment.vector_hash)
        if attempt is None:
            why = self._journal.ended(self._study, self._number)
            raise SnapshotIncomplete(
                why or "its journal does not hold what was committed; is this the right folder?"
            )
        snapshot = open_snapshot(Snapshots(self._journal).load(attempt))
        if environment_hash(snapshot.environment) != self._commitment.environment_hash:
            raise SnapshotIncomplete("the kept environment is not the one in the commitment")
        statuses = KeptCohort.parse(attempt.cohort).statuses
        if self._root(attempt, statuses) != self._commitment.cohort_root:
            raise SnapshotIncomplete("the kept cohort is not the one in the commitment")
        admitted = tuple(i for i, status in enumerate(statuses) if status is Status.ADMITTED)
        if snapshot.indices != admitted:
            raise SnapshotIncomplete("the snapshot is not of the cohort in the commitment")
        return attempt, snapshot

    def _root(self, attempt: Attempt, statuses: Sequence[Status]) -> bytes:
        deployment = self._chain.deployment
        place = (deployment.chain_id, deployment.ledger, self._study, self._number)
        return cohort_root(
            self._chain,
            self._study,
            self._number,
            self._site,
            statuses,
            lambda index: self._keys.leaf_salt(*place, attempt.attempt, index),
        )

    def _compared(self, attempt: Attempt, snapshot: Snapshot, report: ReplayReport) -> ReplayReport:
        found = self._recompute(attempt, snapshot)
        members = _members(self._chain, self._study, self._number, self._sealed)

        def masked_hash(vector: IntArray) -> bytes:
            seal = self._sealed.seal_digest
            masked = mask(vector, attempt.mask_private, self._site, seal, members)
            return digest_of(to_bytes(masked))

        made = replace(
            report,
            recomputed=vector_hash(attempt.salt, to_bytes(wrap(found.vector))),
            masked=masked_hash(found.vector),
        )
        if (made.recomputed, made.masked) == (made.committed, made.delivered):
            return made
        assert attempt.vector is not None
        if vector_hash(attempt.salt, attempt.vector) != made.committed:
            raise SnapshotIncomplete("the kept vector is not the one in the commitment")
        vector = unwrap(from_bytes(attempt.vector))
        differences = self._differences(attempt, snapshot, found, vector)
        if masked_hash(vector) != made.delivered:
            differences.append(Difference(Part.MASK, len(vector), None))
        return replace(made, differences=tuple(differences))

    def _recompute(self, attempt: Attempt, snapshot: Snapshot) -> _Recomputed:
        recipe = parse_recipe(self._store.get(cid_of_sha256(self._terms.recipe_hash)))
        base = read_checkpoint(self._store.get(cid_of_sha256(self._opened.base)))
        rows = clipped_rows(snapshot.series, base, recipe, self._terms)
        deployment = self._chain.deployment
        key = noise_key(
            self._keys.noise_secret,
            deployment.chain_id,
            deployment.ledger,
            self._study,
            self._site,
            self._number,
            attempt.attempt,
            self._opened.pinned_block,
            self._opened.pinned_block_hash,
            attempt.draw_number,
        )
        noise = draw(key, site_variance(self._terms), self._terms.vector_length)
        return _Recomputed(rows, sum_rows(rows), noise)

    def _differences(
        self, attempt: Attempt, snapshot: Snapshot, found: _Recomputed, vector: IntArray
    ) -> list[Difference]:
        """Which part of a recomputed vector is not as it was, by the kept vector and hashes."""
        differences = []
        hashes = [row_hash(attempt.salt, row) for row in found.rows]
        other = sum(one != kept for one, kept in zip(hashes, snapshot.rows, strict=True))
        if other:
            differences.append(Difference(Part.ROWS, other, None))
        same_sum = self._journal.is_sum_of(attempt, to_bytes(wrap(found.total)))
        same_noise = self._journal.is_sum_of(attempt, to_bytes(wrap(vector - found.noise)))
        apart = found.vector - vector
        count, largest = int(np.count_nonzero(apart)), _largest(apart)
        if not same_sum:
            # When both are off, what lies between the vectors is theirs together.
            differences.append(Difference(Part.SUM, max(1, count), largest if same_noise else None))
        if not same_noise:
            differences.append(Difference(Part.NOISE, max(1, count), largest if same_sum else None))
        return differences


def _largest(apart: IntArray) -> int:
    return max((abs(int(number)) for number in apart), default=0)


def _members(
    chain: Chain, study_id: int, number: int, sealed: Sealed
) -> tuple[tuple[str, bytes], ...]:
    commitments = chain.ledger.commitments_of(study_id, number, sealed.members)
    keys = [commitment.mask_key for commitment in commitments]
    return tuple(zip(sealed.members, keys, strict=True))
