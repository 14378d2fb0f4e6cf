"""Sites and coordinators over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from api.dependencies import ChainOf, ServiceOf
from api.review.parameters import Account, RoundNumber, StudyId
from api.review.reading import looking, newest_indexed
from api.signin.caller import Caller, requires
from api.signin.scopes import Scope
from api.sites import preflight as checks
from api.sites.models import Preflight, RoundProgress, SiteTold, UnsignedCall, WantedSiteCall
from api.sites.progress import round_progress
from api.sites.registration import site_told, unsigned_call

router = APIRouter(tags=["sites and coordinators"])
_Reader = Annotated[Caller, Depends(requires(Scope.STUDY_READ))]
_Site = Annotated[Caller, Depends(requires(Scope.SITE_WRITE))]
_EXAMPLES: dict[str, Any] = {
    "register": {
        "value": {
            "act": "register",
            "enrolment_key": "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
            "noise_secret_hash": "0x" + "3d" * 32,
        }
    },
    "rotate-enrolment-key": {
        "value": {
            "act": "rotate-enrolment-key",
            "enrolment_key": "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
        }
    },
}


@router.get("/sites/{address}", summary="A site as the registry has it")
def one_site(address: Account, service: ServiceOf, chain: ChainOf) -> SiteTold:
    """Registration, keys, bars, and the studies whose terms name it."""
    with looking(service) as database:
        return site_told(database, chain, address, newest_indexed(database))


@router.post("/site-calls", summary="The transaction with which your site registers itself")
def site_call(
    wanted: Annotated[WantedSiteCall, Body(openapi_examples=_EXAMPLES)],
    caller: _Site,
    chain: ChainOf,
) -> UnsignedCall:
    """Unsigned: the site's own account has to send it. It was tried against the registry."""
    return unsigned_call(chain, caller.address, wanted)


@router.get(
    "/studies/{study_id}/preflight", summary="Whether a round could begin, for you as you are"
)
def preflight(study_id: StudyId, caller: _Reader, service: ServiceOf, chain: ChainOf) -> Preflight:
    """For a site what it needs; for the coordinator whether enough sites are ready."""
    needs, coordinates, as_of = checks.asked_for(service, study_id, caller.address)
    return checks.preflight(service, chain, needs, caller.address, coordinates, as_of)


@router.get(
    "/studies/{study_id}/rounds/{number}/progress",
    summary="Who has committed, who is missing, what can be done next",
)
def progress(
    study_id: StudyId, number: RoundNumber, service: ServiceOf, chain: ChainOf
) -> RoundProgress:
    """Deadlines are in chain time; `next` follows the ledger's rules, which have the last word."""
    return round_progress(service, chain, study_id, number)
