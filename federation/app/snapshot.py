"""What a replay of a round needs of the records and the machine, as the site's journal keeps it.

A piece for each record (safetensors: times, channel, value, as `twin.series.PatientSeries`), and a
frame, canonical JSON:

    {"schema": "assent-snapshot-1", "environment": {...},
     "tokens": [{"index": 3, "series": "<sha256 of the piece>" or null, "row": "<salted hash>"}]}

Nothing that was derived from a record is kept, but a salted hash of its row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from audit import canonical_json
from audit.errors import AuditError
from chain.light_dataclass import light_dataclass
from federation.app.train import ReadRecord
from federation.gate.journal_schema import Attempt
from federation.gate.snapshots import ERASED, KeptSnapshot, Snapshots
from twin.series import PatientSeries

SCHEMA = "assent-snapshot-1"


class SnapshotIncomplete(Exception):
    """A snapshot lacks a piece, or has another than was kept. The message says which."""


@light_dataclass(frozen=True)
class Snapshot:
    """`environment`: the facts of the round; `series` and `rows` (salted hashes) of each admitted
    token, in the order of their indices, which are `indices`.
    """

    environment: dict[str, Any]
    indices: tuple[int, ...]
    series: tuple[PatientSeries | None, ...]
    rows: tuple[str, ...]


def row_hash(salt: bytes, row: NDArray[np.int64]) -> str:
    """SHA-256("assent/row/1" || salt 32 || the row, little endian), hexadecimal."""
    return hashlib.sha256(b"assent/row/1" + salt + row.astype("<i8").tobytes()).hexdigest()


def save_snapshot(
    snapshots: Snapshots,
    attempt: Attempt,
    environment: dict[str, Any],
    records: Sequence[ReadRecord],
    rows: NDArray[np.int64],
) -> None:
    """Keeps what an attempt was computed from, before its commitment is sent.

    Args:
        records, rows: of the admitted tokens, in the same order; rows int64 [patients, D].

    Raises:
        federation.gate.journal_schema.RoundEnded
    """
    pieces: dict[int, tuple[str, bytes]] = {}
    tokens: list[dict[str, Any]] = []
    for one, row in zip(records, rows, strict=True):
        digest = None
        if one.series is not None and one.record_id is not None:
            piece = _piece(one.series)
            pieces[one.index] = (one.record_id, piece)
            digest = hashlib.sha256(piece).hexdigest()
        tokens.append({"index": one.index, "series": digest, "row": row_hash(attempt.salt, row)})
    frame = {"schema": SCHEMA, "environment": environment, "tokens": tokens}
    snapshots.save(attempt, canonical_json.dumps(frame), pieces)


def open_snapshot(kept: KeptSnapshot | None) -> Snapshot:
    """A kept snapshot, whole.

    Raises:
        SnapshotIncomplete
    """
    if kept is None:
        raise SnapshotIncomplete("no snapshot of its records was kept")
    if kept.erased:
        raise SnapshotIncomplete(ERASED)
    try:
        raw = canonical_json.loads(kept.frame, "the snapshot")
        if raw["schema"] != SCHEMA:
            raise SnapshotIncomplete(f"its snapshot is of another form, {raw['schema']!r}")
        tokens = [(one["index"], one["series"], one["row"]) for one in raw["tokens"]]
        environment = dict(raw["environment"])
    except (AuditError, KeyError, TypeError, ValueError) as error:
        raise SnapshotIncomplete(f"its snapshot is damaged: {error}") from error
    return Snapshot(
        environment,
        tuple(index for index, _, _ in tokens),
        tuple(_series(kept, index, digest) for index, digest, _ in tokens),
        tuple(row for _, _, row in tokens),
    )


def _series(kept: KeptSnapshot, index: int, digest: str | None) -> PatientSeries | None:
    if digest is None:
        return None
    piece = kept.records.get(index)
    if piece is None:
        raise SnapshotIncomplete("the snapshot lacks a record that was in the cohort")
    if hashlib.sha256(piece).hexdigest() != digest:
        raise SnapshotIncomplete("a kept record was changed since the round")
    tensors = load_tensors(piece)
    return PatientSeries(tensors["times"], tensors["channel"], tensors["value"])


def _piece(series: PatientSeries) -> bytes:
    arrays = {"times": series.times, "channel": series.channel, "value": series.value}
    return save_tensors({name: np.ascontiguousarray(array) for name, array in arrays.items()})
