"""`/healthz`, `/readyz` and `/metrics`, and the error catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text

from api.dependencies import Database, ServiceOf
from api.problems import NotFound, ServiceProblem, catalogue, refusal_codes

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: str = "ok"


class NotReady(ServiceProblem):
    code = "not-ready"
    status_code_ = 503
    summary = "The service is not ready"
    why = "Its database or chain does not answer, or its index is behind the chain."
    fix = "Send requests elsewhere until `/readyz` answers 200."


class ProblemEntry(BaseModel):
    """One entry of the error catalogue."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "not-found",
                    "status": 404,
                    "title": "There is no such thing, or it is not yours to see",
                    "why": "What is another person's is answered as what does not exist.",
                    "fix": "Check the address of the request.",
                }
            ]
        }
    )

    code: str
    status: int
    title: str
    why: str
    fix: str


@router.get("/healthz", summary="Whether the process runs")
def healthz() -> Health:
    return Health()


@router.get("/readyz", summary="Whether requests should be sent here")
def readyz(service: ServiceOf, database: Database) -> Health:
    database.execute(text("SELECT 1"))
    lag = service.lag(database)
    if lag > service.settings.max_lag_blocks:
        raise NotReady(f"the index is {lag} blocks behind the chain", {"Retry-After": "5"})
    return Health()


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": "assent_index_lag_blocks 0.0\n"}}}},
)
def metrics(service: ServiceOf) -> Response:
    return Response(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/problems", summary="Every error code, why it comes and what to do")
def problems() -> list[ProblemEntry]:
    return [
        ProblemEntry(
            code=one.code, status=one.status_code_, title=one.summary, why=one.why, fix=one.fix
        )
        for one in catalogue()
    ]


@router.get("/problems/{code}", summary="One error code")
def problem(code: Annotated[str, Path(examples=["not-found"])]) -> ProblemEntry:
    for one in problems():
        if one.code == code:
            return one
    if code in refusal_codes():
        return ProblemEntry(
            code=code,
            status=409,
            title="The contract would refuse this",
            why=refusal_codes()[code],
            fix="Do as the sentence says.",
        )
    raise NotFound
