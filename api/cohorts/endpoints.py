"""A site's active cohort over HTTP. Nobody need be signed in: the contract answers anyone."""

from __future__ import annotations

from typing import Annotated

from eth_utils.address import to_checksum_address
from fastapi import APIRouter, Path, Query

from api.blocks import BlockShown
from api.cohorts.models import ActiveToken, CohortPage
from api.cohorts.reading import active_page, first_question, next_question
from api.dependencies import ChainOf
from api.http.paging import Paging, cursor
from chain.clients.consent import PAGE_SIZE
from chain.messages import token_id

router = APIRouter(tags=["cohorts"])


@router.get(
    "/studies/{study_id}/sites/{site}/cohort",
    summary="The active tokens of a site at a block",
    description=(
        "The contract's own paged view, asked at one block for all pages. `limit` is how many"
        " indices a page looks at. `active_at` asks which tokens stay active to a later second,"
        " such as a round's close deadline."
    ),
)
def cohort(
    study_id: Annotated[int, Path(ge=1, lt=1 << 63, examples=[1])],
    site: Annotated[
        str,
        Path(
            pattern="^0x[0-9a-fA-F]{40}$", examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
        ),
    ],
    chain: ChainOf,
    block: Annotated[
        int | None, Query(ge=0, lt=1 << 63, description="The newest if left out.")
    ] = None,
    active_at: Annotated[
        int | None,
        Query(ge=0, lt=1 << 40, description="Seconds since 1970; the block's if left out."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE)] = 200,
    after: Annotated[str | None, Query(max_length=512)] = None,
) -> CohortPage:
    account = str(to_checksum_address(site))
    key = Paging(limit, after).key(int, str, str, int, int)
    question = (
        first_question(chain, study_id, account, block, active_at)
        if key is None
        else next_question(chain, (key[0], key[1], key[2], key[3], key[4]))
    )
    indices, following = active_page(chain, study_id, account, question, limit)
    return CohortPage(
        items=[
            ActiveToken(index=index, token_id=str(token_id(study_id, account, index)))
            for index in indices
        ],
        next=cursor(*question.cursor(following)) if following else None,
        study_id=study_id,
        site=account,
        active_at=question.active_at,
        purposes=str(question.purposes),
        as_of=BlockShown.of(question.block),
    )
