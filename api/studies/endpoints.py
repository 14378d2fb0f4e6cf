"""Studies over HTTP. Nobody need be signed in: all of it is on the chain or published."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Database, ServiceOf
from api.http.paging import PagingOf
from api.index import repository
from api.index.as_of import NewestOf
from api.index.state import study_state
from api.studies import documents, telling
from api.studies.models import (
    ConsentText,
    DocumentList,
    StudyPage,
    StudyShown,
)

router = APIRouter(tags=["studies"])

StudyId = Annotated[int, Path(ge=1, lt=1 << 63, examples=[1])]
Version = Annotated[int, Path(ge=1, lt=1 << 32, examples=[1])]


@router.get("/studies", summary="Studies in plain words")
def studies(database: Database, paging: PagingOf, as_of: NewestOf) -> StudyPage:
    after = paging.key(int)
    ids = repository.study_ids(database, after[0] if after else 0, paging.limit + 1)
    states = {study_id: study_state(database, study_id) for study_id in ids[: paging.limit]}
    page = paging.page(ids, lambda key: (key,), lambda key: telling.summary_of(states[key]))
    return StudyPage(items=page.items, next=page.next, as_of=as_of)


@router.get("/studies/{study_id}", summary="One study: terms in words and numbers, standing")
def study(study_id: StudyId, database: Database, as_of: NewestOf) -> StudyShown:
    return telling.study_shown(study_state(database, study_id), as_of)


@router.get(
    "/studies/{study_id}/versions/{version}/documents",
    summary="The documents that a version's terms name by hash",
)
def list_documents(
    study_id: StudyId, version: Version, database: Database, service: ServiceOf
) -> DocumentList:
    facts = telling.facts_of(study_state(database, study_id), version)
    return DocumentList(
        study_id=study_id, version=version, documents=documents.listed(service, facts.terms)
    )


@router.get(
    "/studies/{study_id}/versions/{version}/consent-text",
    summary="The approved consent text in a language",
)
def consent_text(
    study_id: StudyId,
    version: Version,
    database: Database,
    service: ServiceOf,
    language: Annotated[
        str | None, Query(max_length=35, description="BCP 47 tag", examples=["en"])
    ] = None,
) -> ConsentText:
    facts = telling.facts_of(study_state(database, study_id), version)
    return documents.consent_text(service, facts.terms, study_id, version, language)
