"""Fetching what a closed round made, by the hash that the ledger keeps."""

from __future__ import annotations

from dataclasses import dataclass

from audit.checkpoint import Checkpoint
from audit.checkpoint import read as read_checkpoint
from audit.cid import cid_of_sha256, cid_of_sized
from chain.chain import Chain
from chain.messages import Round, RoundState
from ipfs.objects import ObjectStore
from study.overview import replay, require_study


class NoCheckpoint(Exception):
    """The round made no checkpoint. The message says why, and which round to ask for instead."""


class CheckpointWrong(Exception):
    """A closed round's checkpoint is not what its vectors make."""


@dataclass(frozen=True)
class FetchedCheckpoint:
    """A checkpoint whose bytes hash to what the chain names.

    Attributes:
        round: that made it; 0 for the one that the study starts from.
        sha256: of `data`, 32 bytes; `cid`: the same as IPFS names it.
        checkpoint: `data`, read.
        in_use: whether the study builds on it; not once its reviewers went back behind the round.
    """

    round: int
    sha256: bytes
    cid: str
    data: bytes
    checkpoint: Checkpoint
    in_use: bool


def fetch_checkpoint(
    chain: Chain, store: ObjectStore, study_id: int, number: int | None = None
) -> FetchedCheckpoint:
    """The checkpoint of a closed round; 0 is the first, and without `number` it is the one that the
    next round would start from.

    IPFS is not believed: what it gives must hash to what the ledger (or, of the first, the terms)
    names, and be a canonical checkpoint.

    Raises:
        NoCheckpoint: there is no such round, or it did not close.
        RegistryStudyUnknown, audit.errors.AuditError
        ipfs.objects.ObjectStoreError, chain.errors.ChainError
    """
    standing = require_study(chain, study_id)
    newest = chain.ledger.last_closed(study_id)
    chosen = newest if number is None else number
    if chosen == 0:
        version = standing.current_version or standing.proposed_version
        wanted = chain.registry.terms(study_id, version).initial_checkpoint
    else:
        wanted = _closed(chain, study_id, chosen).checkpoint_hash
    data = store.get(cid_of_sha256(wanted))
    cid = cid_of_sized(wanted, len(data))
    in_use = chosen in replay(chain, study_id).history.lineage(newest)
    return FetchedCheckpoint(chosen, wanted, cid, data, read_checkpoint(data), in_use)


def _closed(chain: Chain, study_id: int, number: int) -> Round:
    found = chain.ledger.round(study_id, number)
    if found.state == RoundState.CLOSED:
        return found
    last = chain.ledger.last_closed(study_id)
    newest = (
        f"round {last} is the newest that the study builds on"
        if last
        else "none has closed yet; 0 is where the study starts"
    )
    if found.state == RoundState.NONE:
        opened = chain.ledger.round_count(study_id)
        raise NoCheckpoint(
            f"study {study_id} has no round {number}; it has opened {opened}, and {newest}"
        )
    if found.state == RoundState.ABORTED:
        raise NoCheckpoint(
            f"round {number} of study {study_id} was abandoned and made no checkpoint; it started"
            f" from that of round {found.previous_closed}"
        )
    raise NoCheckpoint(
        f"round {number} of study {study_id} is {found.state.name.lower()} and has not closed;"
        f" {newest}"
    )
