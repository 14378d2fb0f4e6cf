"""What a reviewer does: see what waits, ask for a draft, hand in what was signed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Response

from api.dependencies import ChainOf, ServiceOf
from api.http.paging import Page, PagingOf
from api.outbox.intake import IntakeOf
from api.outbox.models import SignedActBody
from api.review import repository
from api.review.act_models import EXAMPLE, ReviewActAccepted
from api.review.draft_models import EXAMPLES, ReviewDraft, Wanted
from api.review.drafting import Drafting
from api.review.handing_in import own_act
from api.review.parameters import StudyId
from api.review.reading import looking
from api.review.terms import known_study
from api.review.waiting import WaitingItem, waiting_in
from api.roles.roles import require_reviewer
from api.signin.caller import Caller, requires
from api.signin.scopes import Scope

router = APIRouter(tags=["review"])
_Reader = Annotated[Caller, Depends(requires(Scope.STUDY_READ))]
_Reviewer = Annotated[Caller, Depends(requires(Scope.REVIEW_WRITE))]


@router.get("/review/waiting", summary="What waits for you in the studies that you review")
def waiting(
    caller: _Reader, service: ServiceOf, chain: ChainOf, paging: PagingOf
) -> Page[WaitingItem]:
    """Versions to approve, approvals that end within 60 days, and studies that stand still."""
    key = paging.key(int, int)
    after = (0, -1) if key is None else key
    found: list[tuple[int, int, WaitingItem]] = []
    with looking(service) as database:
        seats = repository.studies_seating(database, caller.address)
    for study_id in seats:
        if study_id < after[0]:
            continue
        items = waiting_in(service, chain, study_id, caller.address)
        places = ((study_id, place, item) for place, item in enumerate(items))
        found += [one for one in places if one[:2] > after]
        if len(found) > paging.limit:
            break
    return paging.page(found, lambda one: one[:2], lambda one: one[2])


@router.post(
    "/studies/{study_id}/drafts",
    summary="What you would sign: typed data and a summary",
)
def draft(
    study_id: StudyId,
    wanted: Annotated[Wanted, Body(openapi_examples=EXAMPLES)],
    caller: _Reviewer,
    service: ServiceOf,
    chain: ChainOf,
) -> ReviewDraft:
    """Nothing is signed, kept or sent. A draft is refused when signing it would be wrong or in
    vain: what an approval names is examined first."""
    known_study(chain, study_id)
    require_reviewer(chain, study_id, caller)
    return Drafting(service, chain, study_id, caller.address).draft(wanted)


@router.post(
    "/studies/{study_id}/review-acts",
    status_code=202,
    summary="Hand in what you have signed as a reviewer",
)
def hand_in(
    study_id: StudyId,
    body: Annotated[SignedActBody, Body(openapi_examples={"suspension": {"value": EXAMPLE}})],
    caller: _Reviewer,
    chain: ChainOf,
    intake: IntakeOf,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> ReviewActAccepted:
    """It is kept, and carried to the chain without gas; `path` tells how far it has come.

    A resumption and a replacement wait here until as many reviewers have handed in the same.
    """
    known_study(chain, study_id)
    require_reviewer(chain, study_id, caller)
    act = own_act(body, study_id, caller)
    accepted = intake.accept(act, caller.address, idempotency_key)
    response.headers["Location"] = accepted.path
    return ReviewActAccepted.of(accepted)
