"""Signed acts over HTTP: brought by whoever has them, told by id."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Header, Path, Response

from api.dependencies import Database
from api.outbox import repository
from api.outbox.examples import SIGNED_REVOCATION
from api.outbox.intake import IntakeOf
from api.outbox.models import ActShown, SignedActBody
from api.outbox.problems import ActInvalid
from api.outbox.showing import shown
from api.outbox.states import OVER
from api.problems import NotFound
from api.signin.caller import MaybeCallerOf
from api.signin.problems import NotSignedIn
from chain.messages import Challenge, Grant, Revocation
from chain.signed_act import SignedAct, SignedActInvalid

router = APIRouter(tags=["signed acts"])
_PATIENTS = (Grant, Revocation, Challenge)
_ASK_AGAIN_SECONDS = "1"


@router.post(
    "/acts",
    status_code=202,
    summary="Have a signed act carried to the chain",
    description=(
        "The act is tried against the contracts as they stand, kept, and carried without gas."
        " Patients' acts need no sign-in: the signature authorises them. The same act may be"
        " brought again and gives the same answer. Anyone may also give it to the contract."
    ),
)
def bring_act(
    body: Annotated[
        SignedActBody, Body(openapi_examples={"revocation": {"value": SIGNED_REVOCATION}})
    ],
    intake: IntakeOf,
    caller: MaybeCallerOf,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> ActShown:
    try:
        act = SignedAct.from_json(body.model_dump(by_alias=True, exclude_none=True))
    except SignedActInvalid as error:
        raise ActInvalid(str(error)) from None
    if caller is None and not isinstance(act.message, _PATIENTS):
        raise NotSignedIn
    address = None if caller is None else caller.address
    accepted = intake.accept(act, address, idempotency_key)
    response.headers["Location"] = accepted.path
    _ask_again(accepted.shown, response)
    return accepted.shown


@router.get("/acts/{act_id}", summary="How far a signed act has come")
def one_act(
    act_id: Annotated[str, Path(examples=["5e" * 16])], database: Database, response: Response
) -> ActShown:
    found = repository.follow(database, act_id)
    if found is None:
        raise NotFound
    told = shown(found)
    _ask_again(told, response)
    return told


def _ask_again(told: ActShown, response: Response) -> None:
    if told.state not in OVER:
        response.headers["Retry-After"] = _ASK_AGAIN_SECONDS
