"""Bundles over HTTP: asked for, told about, downloaded."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from api.dependencies import ChainOf, Database, ServiceOf, Transaction
from api.http.paging import Page, PagingOf
from api.problems import DocumentsNotServed, NotFound
from api.review.bundling import repository
from api.review.bundling.folder import BundleFolder
from api.review.bundling.models import BundleTold, told
from api.review.bundling.problems import BundleGone, BundleNotReady
from api.review.bundling.tables import BundleJob
from api.review.entitled import require_part
from api.review.parameters import StudyId
from api.review.terms import known_study
from api.signin.caller import Caller, requires
from api.signin.scopes import Scope

router = APIRouter(tags=["bundles"])
_Reader = Annotated[Caller, Depends(requires(Scope.STUDY_READ))]
_JobId = Annotated[str, InPath(pattern=r"^[0-9a-f]{32}$", description="The bundle's id.")]
_ASK_AGAIN_SECONDS = "2"
_REPORT = {
    "schema": "assent-report-1",
    "ok": False,
    "faults": 0,
    "study": 1,
    "chain_id": 31337,
    "contracts": {
        "registry": "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
        "consent_token": "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9",
        "ledger": "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
        "compared": False,
    },
    "reviewers": [
        "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
        "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
    ],
    "threshold": 2,
    "holds_until": {
        "block": 1204,
        "hash": "0x" + "5c" * 32,
        "time": 1790000000,
        "trusted": False,
    },
    "checks": [
        {
            "name": "anchor",
            "ok": False,
            "object": "chain/header.rlp",
            "detail": "no trusted block hash was given",
            "kind": "recomputed",
        }
    ],
    "rounds": [],
}


@router.post(
    "/studies/{study_id}/bundles",
    status_code=202,
    summary="Ask for a study's evidence bundle, gathered and verified",
)
def ask_for_bundle(
    study_id: StudyId,
    caller: _Reader,
    service: ServiceOf,
    chain: ChainOf,
    database: Transaction,
    response: Response,
) -> BundleTold:
    """Reviewers, sites, sponsor and coordinator of a study may ask. While one is being gathered the
    same one is answered. `Location` tells where to ask how far it is."""
    known_study(chain, study_id)
    require_part(chain, study_id, caller)
    if service.settings.ipfs is None:
        raise DocumentsNotServed
    job = repository.ask(database, study_id, service.clock())
    response.headers["Location"] = f"/v1/bundles/{job.id}"
    return _told(job, response)


@router.get("/studies/{study_id}/bundles", summary="A study's bundles, newest first")
def bundles(
    study_id: StudyId, caller: _Reader, database: Database, paging: PagingOf
) -> Page[BundleTold]:
    """Whoever is signed in may see them: all that a bundle holds is on the chain and on IPFS."""
    key = paging.key(int)
    rows = repository.of_study(
        database, study_id, None if key is None else key[0], paging.limit + 1
    )
    return paging.page(rows, lambda job: (job.sequence,), told)


@router.get("/bundles/{job_id}", summary="How far a bundle is, and what was found")
def one_bundle(
    job_id: _JobId, caller: _Reader, database: Database, response: Response
) -> BundleTold:
    """State and progress; once done, the verdict, and how to check it yourself."""
    return _told(_found(database, job_id), response)


@router.get(
    "/bundles/{job_id}/report",
    summary="The whole report, as `assent verify --json` prints it",
    responses={200: {"content": {"application/json": {"example": _REPORT}}}},
)
def report(job_id: _JobId, caller: _Reader, database: Database) -> dict[str, Any]:
    """Made without a trusted block: `anchor` fails and `ok` is false, whatever else holds."""
    job = _found(database, job_id)
    _refuse_unfinished(job)
    if job.report is None:
        raise BundleGone(job.reason)
    return job.report


@router.get(
    "/bundles/{job_id}/file",
    summary="Download a bundle (tar)",
    response_class=FileResponse,
    responses={200: {"content": {"application/x-tar": {"example": "(a tar file)"}}}},
)
def file(
    job_id: _JobId, caller: _Reader, service: ServiceOf, database: Database, request: Request
) -> Response:
    """`Repr-Digest` (RFC 9530) and `ETag` hold its SHA-256; `Range` gets a part."""
    job = _found(database, job_id)
    _refuse_unfinished(job)
    path = None
    if job.state == "done" and job.file_sha256 is not None:
        path = BundleFolder(service.settings.bundle_folder).file(job.file_sha256)
    if path is None or job.file_sha256 is None or not path.is_file():
        raise BundleGone(job.reason)
    tag = f'"{job.file_sha256.hex()}"'
    headers = {
        "ETag": tag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(job.file_sha256).decode()}:",
        "Cache-Control": "private, max-age=86400, immutable",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    name = f"assent-study-{job.study_id}-block-{job.block_number}.tar"
    return FileResponse(path, media_type="application/x-tar", filename=name, headers=headers)


def _found(database: Database, job_id: str) -> BundleJob:
    job = repository.find(database, job_id)
    if job is None:
        raise NotFound
    return job


def _refuse_unfinished(job: BundleJob) -> None:
    if job.state in repository.UNFINISHED:
        raise BundleNotReady(headers={"Retry-After": _ASK_AGAIN_SECONDS})


def _told(job: BundleJob, response: Response) -> BundleTold:
    if job.state in repository.UNFINISHED:
        response.headers["Retry-After"] = _ASK_AGAIN_SECONDS
    return told(job)
