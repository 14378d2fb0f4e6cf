"""What a coordinator makes of a sealed round: sum, update, manifest, and the event of its close."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from eth_account.signers.local import LocalAccount
from numpy.typing import NDArray

from audit import checkpoint, codec
from audit.cid import digest_of
from audit.manifest import Contracts, Manifest, ManifestFacts, manifest_of
from audit.recipe import Recipe
from audit.unixfs import Buffer
from audit.update import apply_round, unmask_sum
from chain import events as ev
from chain.messages import (
    Closure,
    Commitment,
    Delivery,
    Round,
    RoundState,
    Terms,
    ledger_domain,
    seal_digest,
)


@dataclass
class SealedRound:
    """A round as far as its seal, and the vectors (masked, bytes) that came in for it, in the
    seal's order. ``opened_at`` in seconds, ``seal_block`` a block's number.
    """

    contracts: Contracts
    terms: Terms
    recipe: Recipe
    opened: ev.Opened
    opened_at: int
    commitments: Sequence[Commitment]
    sealed: ev.Sealed
    seal_block: int
    masked: Sequence[Buffer]
    base: checkpoint.Checkpoint

    def total(self) -> NDArray[np.int64]:
        """The sum (int64 [D]) of the vectors."""
        return unmask_sum(map(codec.from_bytes, self.masked))

    def count(self) -> int:
        return sum(commitment.cohort_size for commitment in self.commitments)

    def manifest(self, total: NDArray[np.int64], count: int, made: bytes) -> Manifest:
        opened, sealed = self.opened, self.sealed
        return manifest_of(
            ManifestFacts(
                deployment=self.contracts,
                study_id=opened.study_id,
                round_number=opened.round,
                round=Round(
                    state=RoundState.SEALED,
                    version=opened.version,
                    previous_sealed=opened.previous_sealed,
                    previous_closed=opened.previous_closed,
                    opened_at=self.opened_at,
                    commit_deadline=opened.commit_deadline,
                    seal_deadline=opened.seal_deadline,
                    delivery_deadline=opened.delivery_deadline,
                    close_deadline=opened.close_deadline,
                    pinned_block=opened.pinned_block,
                    pinned_block_hash=opened.pinned_block_hash,
                    base=opened.base,
                    seal_digest=sealed.seal_digest,
                    checkpoint_hash=bytes(32),
                    manifest_hash=bytes(32),
                ),
                terms=self.terms,
                members=sealed.members,
                commitments=tuple(self.commitments),
                masked=tuple(self.masked),
                parent_hash=sealed.parent_hash,
                seal_block=self.seal_block,
                count=count,
                total=total,
                checkpoint=made,
                rho=sealed.rho,
                rho_spent=sealed.rho_spent,
            )
        )


@dataclass
class Closing:
    """How a round is closed; each member is what an honest coordinator does unless it is set.

    ``total``, ``count``: of the update and the manifest. ``recipe``: of the update. ``after``:
    changes the checkpoint, ``manifest`` the manifest's bytes. ``signers``: whose key signs each
    delivery, instead of the member's own.
    """

    total: NDArray[np.int64] | None = None
    count: int | None = None
    recipe: Recipe | None = None
    after: Callable[[checkpoint.Checkpoint], checkpoint.Checkpoint] = lambda made: made
    manifest: Callable[[Manifest], bytes] = Manifest.to_bytes
    signers: Mapping[str, LocalAccount] = field(default_factory=dict)


def close(
    sealed: SealedRound, keys: Mapping[str, LocalAccount], closing: Closing
) -> tuple[ev.Closed, list[Buffer], checkpoint.Checkpoint]:
    """The Closed event, the objects that it names, and the new checkpoint.

    ``keys``: of every member and the coordinator, by address.
    """
    total = sealed.total() if closing.total is None else closing.total
    count = sealed.count() if closing.count is None else closing.count
    recipe = closing.recipe or sealed.recipe
    after = closing.after(apply_round(sealed.base, total, count, sealed.terms, recipe))
    made = checkpoint.write(after)
    manifest = closing.manifest(sealed.manifest(total, count, made))
    domain = ledger_domain(sealed.contracts.chain_id, sealed.contracts.ledger)
    digest = sealed.sealed.seal_digest
    hashes = tuple(digest_of(data) for data in sealed.masked)
    signing = {**keys, **closing.signers}
    closure = Closure(digest, digest_of(made), digest_of(manifest))
    event = ev.Closed(
        study_id=sealed.opened.study_id,
        round=sealed.opened.round,
        checkpoint_hash=digest_of(made),
        manifest_hash=digest_of(manifest),
        masked_hashes=hashes,
        delivery_signatures=tuple(
            Delivery(digest, masked).sign(signing[member], domain)
            for member, masked in zip(sealed.sealed.members, hashes, strict=False)
        ),
        coordinator_signature=closure.sign(keys[sealed.terms.coordinator], domain),
    )
    return event, [*sealed.masked, made, manifest], after


def resealed(
    contracts: Contracts, sealed: ev.Sealed, commitments: Sequence[Commitment]
) -> ev.Sealed:
    """The Sealed event with the digest that its members and commitments give."""
    digest = seal_digest(
        contracts.chain_id,
        contracts.ledger,
        sealed.study_id,
        sealed.round,
        sealed.parent_hash,
        sealed.members,
        commitments,
    )
    return ev.Sealed(**{**vars(sealed), "seal_digest": digest})
