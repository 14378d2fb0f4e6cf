"""Rounds over HTTP. Nobody need be signed in: all of it is on the chain."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import Database
from api.http.paging import PagingOf
from api.index.as_of import NewestOf
from api.index.state import study_state
from api.problems import NotFound
from api.rounds import telling
from api.rounds.models import RoundPage, RoundShown

router = APIRouter(tags=["rounds"])

_StudyId = Annotated[int, Path(ge=1, lt=1 << 63, examples=[1])]


@router.get("/studies/{study_id}/rounds", summary="A study's rounds, newest first")
def rounds(study_id: _StudyId, database: Database, paging: PagingOf, as_of: NewestOf) -> RoundPage:
    after = paging.key(int)
    history = study_state(database, study_id).history
    newest = len(history.rounds) if after is None else min(after[0] - 1, len(history.rounds))
    numbers = list(range(newest, max(0, newest - paging.limit - 1), -1))
    page = paging.page(
        numbers,
        lambda number: (number,),
        lambda number: telling.summary_of(history, history.rounds[number]),
    )
    return RoundPage(items=page.items, next=page.next, as_of=as_of)


@router.get("/studies/{study_id}/rounds/{number}", summary="One round as the ledger recorded it")
def round_of_study(
    study_id: _StudyId,
    number: Annotated[int, Path(ge=1, lt=1 << 32, examples=[1])],
    database: Database,
    as_of: NewestOf,
) -> RoundShown:
    history = study_state(database, study_id).history
    facts = history.rounds.get(number)
    if facts is None:
        raise NotFound(f"study {study_id} has no round {number}")
    return telling.round_shown(history, facts, as_of)
