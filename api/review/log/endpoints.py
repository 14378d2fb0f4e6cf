"""The audit log over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.dependencies import Database, ServiceOf
from api.http.paging import PagingOf
from api.index.as_of import NewestOf
from api.review.log.asking import AskedOf
from api.review.log.models import AuditLog
from api.review.log.reading import log_as_csv, log_page, require_study
from api.review.parameters import StudyId

router = APIRouter(tags=["audit log"])


@router.get("/studies/{study_id}/audit-log", summary="What happened in a study, event by event")
def audit_log(
    study_id: StudyId, asked: AskedOf, paging: PagingOf, database: Database, newest: NewestOf
) -> AuditLog:
    """Every event of the contracts about this study, oldest first; anybody may read it.

    It is as complete as the chain's node that this service asks. A bundle proves completeness: its
    running hashes are in the contracts' proven storage.
    """
    key = paging.key(int)
    after = 0 if key is None else key[0]
    items, following = log_page(database, study_id, asked, after, paging.limit)
    return AuditLog(study_id=study_id, as_of=newest, items=items, next=following)


@router.get(
    "/studies/{study_id}/audit-log.csv",
    summary="The same as CSV",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                "text/csv": {
                    "example": "sequence,kind,contract,block_number,block_hash,tx_hash,log_index,"
                    "happened_at,words,values\r\n"
                }
            }
        }
    },
)
def audit_log_csv(
    study_id: StudyId, asked: AskedOf, service: ServiceOf, database: Database
) -> StreamingResponse:
    """All entries, with the same questions as the paged log, for a spreadsheet."""
    require_study(database, study_id)
    name = f"audit-log-study-{study_id}.csv"
    return StreamingResponse(
        log_as_csv(service, study_id, asked),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
