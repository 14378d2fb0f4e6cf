"""Bundle jobs as they are told."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.blocks import BLOCK_EXAMPLE, BlockShown
from api.review.bundling.tables import BundleJob
from api.review.verification import failed, faults
from chain.blocks import Block

_STAGES = {
    "waiting": "Waits for its turn: one bundle is gathered at a time.",
    "chain": "Gathers events and storage proofs from the chain's node.",
    "objects": "Fetches documents, manifests, masked vectors and checkpoints from IPFS.",
    "verifying": "Recomputes every round, as `assent verify` does.",
    "packing": "Packs the file.",
    "done": "The file can be downloaded until `kept_until`, or until ten newer ones are there.",
    "failed": "No bundle was made; `reason` says why. Ask again once that is mended.",
    "expired": "The file is no longer kept; the report is. Ask for a new bundle.",
}
_CHECK = (
    "Do not believe this service. Ask two sites, over a channel that the coordinator does not"
    " control, for the hash of block {block} (`assent study block {block}`). Then, on your own"
    " machine and with no network: `assent verify BUNDLE --trust-block HASH --deployment FILE`,"
    " with the deployment file as those sites have it. The check `anchor` fails in the report here,"
    " because a hash that we gave would be our own word."
)


class BundleProgress(BaseModel):
    """How far a stage is; `total` 0: not known."""

    done: int
    total: int


class BundleVerdict(BaseModel):
    """The report in short. `holds`: every check but the anchor holds.

    `faults`: duties that somebody broke, on record with the consequence; they fail no check.
    """

    holds: bool
    checks: int
    failed: list[str]
    faults: list[str]


class BundleFile(BaseModel):
    """The file, a tar that `assent verify` reads as it is; called by its SHA-256."""

    sha256: str
    bytes: int
    path: str
    kept_until: datetime


class BundleReason(BaseModel):
    """Why there is no bundle: a stable code and a sentence."""

    code: str
    detail: str


class BundleTold(BaseModel):
    """A job that gathers a study's evidence bundle, and what it made."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "1f6c2a9be07d4c58a3e1d0b7f4c98a62",
                "study_id": 1,
                "state": "done",
                "stage": "done",
                "words": _STAGES["done"],
                "progress": {"done": 1, "total": 1},
                "asked_at": "2026-11-21T16:00:00Z",
                "ended_at": "2026-11-21T16:00:09Z",
                "block": BLOCK_EXAMPLE,
                "verdict": {"holds": True, "checks": 212, "failed": [], "faults": []},
                "file": {
                    "sha256": "0x" + "7a" * 32,
                    "bytes": 183214,
                    "path": "/v1/bundles/1f6c2a9be07d4c58a3e1d0b7f4c98a62/file",
                    "kept_until": "2026-12-21T16:00:09Z",
                },
                "reason": None,
                "how_to_check": _CHECK.format(block=1204),
            }
        }
    )

    id: str
    study_id: int
    state: str
    stage: str
    words: str
    progress: BundleProgress
    asked_at: datetime
    ended_at: datetime | None
    block: BlockShown | None = Field(
        description="The block at which the bundle ends, as this service's node has it."
    )
    verdict: BundleVerdict | None
    file: BundleFile | None
    reason: BundleReason | None
    how_to_check: str | None


def told(job: BundleJob) -> BundleTold:
    """A job as it is told."""
    return BundleTold(
        id=job.id,
        study_id=job.study_id,
        state=job.state,
        stage=job.stage,
        words=_STAGES[job.state if job.state == "expired" else job.stage],
        progress=BundleProgress(done=job.steps_done, total=job.steps_total),
        asked_at=job.asked_at,
        ended_at=job.ended_at,
        block=block_of(job),
        verdict=_verdict(job),
        file=_file(job),
        reason=None
        if job.reason_code is None
        else BundleReason(code=job.reason_code, detail=job.reason or ""),
        how_to_check=None if job.block_number is None else _CHECK.format(block=job.block_number),
    )


def block_of(job: BundleJob) -> BlockShown | None:
    """The block at which a job's bundle ends; None while there is no bundle."""
    if job.block_number is None or job.block_hash is None or job.report is None:
        return None
    time = int(job.report["holds_until"]["time"])
    return BlockShown.of(Block(job.block_number, job.block_hash, time))


def _verdict(job: BundleJob) -> BundleVerdict | None:
    if job.report is None:
        return None
    wrong = sorted({f"{one['name']}: {one['object']}" for one in failed(job.report)})
    checks = job.report["checks"]
    return BundleVerdict(
        holds=not wrong, checks=len(checks), failed=wrong, faults=list(faults(checks))
    )


def _file(job: BundleJob) -> BundleFile | None:
    if job.state != "done" or job.file_sha256 is None or job.kept_until is None:
        return None
    return BundleFile(
        sha256="0x" + job.file_sha256.hex(),
        bytes=job.file_bytes or 0,
        path=f"/v1/bundles/{job.id}/file",
        kept_until=job.kept_until,
    )
