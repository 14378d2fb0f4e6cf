"""What a reviewer reads: terms, differences, documents, findings, and what a study has done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import ChainOf, Database, ServiceOf
from api.index.as_of import NewestOf
from api.review import examining, terms
from api.review.parameters import StudyId, VersionNumber
from api.review.record import study_record
from api.review.record_models import StudyRecord
from api.review.terms_models import ExaminationTold, VersionDifferences, VersionTerms

router = APIRouter(tags=["review"])
_Version = Annotated[int, Query(ge=1, lt=2**32)]


@router.get(
    "/studies/{study_id}/versions/{version}", summary="A version's terms, in words and in numbers"
)
def one_version(study_id: StudyId, version: VersionNumber, chain: ChainOf) -> VersionTerms:
    """The terms as the chain has them now, and the hash that an approval of them signs."""
    return terms.terms_of_version(chain, study_id, version)


@router.get(
    "/studies/{study_id}/differences", summary="What differs between two versions of the terms"
)
def differences(
    study_id: StudyId, before: _Version, after: _Version, chain: ChainOf
) -> VersionDifferences:
    """Each term that differs, and whether patients would have to consent anew."""
    return terms.differences(chain, study_id, before, after)


@router.get(
    "/studies/{study_id}/versions/{version}/examination",
    summary="Every document fetched, hashed and opened again",
)
def examination(
    study_id: StudyId, version: VersionNumber, service: ServiceOf, chain: ChainOf
) -> ExaminationTold:
    """What a reviewer should know before signing. An approval is drafted only when all holds.

    Done again at most every ten minutes, and every 15 s while something is missing.
    """
    return examining.examination(service, chain, study_id, version).told


@router.get(
    "/studies/{study_id}/versions/{version}/documents/{name}",
    summary="One document of a version, by its hash from IPFS",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {"example": "(the document's bytes)"}}}
    },
)
def document(
    study_id: StudyId,
    version: VersionNumber,
    name: str,
    service: ServiceOf,
    chain: ChainOf,
    request: Request,
) -> Response:
    """`protocol`, `consent-text.json`, `dpia`, `recipe.json`, `app.fab` or `checkpoint`.

    The bytes hash to what the terms say; `ETag` is that SHA-256.
    """
    sha256, data = terms.document(service, chain, study_id, version, name)
    tag = f'"{sha256.hex()}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get(
    "/studies/{study_id}/record", summary="What a study has done: rounds, privacy, bars, questions"
)
def record(study_id: StudyId, database: Database, newest: NewestOf) -> StudyRecord:
    """For continuing review; the newest 200 rounds, each with what verification says of it."""
    return study_record(database, study_id, newest)
