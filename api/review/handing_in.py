"""Whether what was handed in is the caller's own act, as a reviewer of this study."""

from __future__ import annotations

from api.outbox.models import SignedActBody
from api.outbox.problems import ActInvalid
from api.review.problems import ActNotForReview, ActNotYours
from api.signin.caller import Caller
from chain.messages import (
    Approval,
    Challenge,
    Readmission,
    Replacement,
    Resumption,
    Rollback,
    Suspension,
)
from chain.signed_act import SignedAct, SignedActInvalid

_REVIEWERS = (Approval, Suspension, Resumption, Replacement, Readmission, Rollback, Challenge)


def own_act(body: SignedActBody, study_id: int, caller: Caller) -> SignedAct:
    """The signed act, which is of the kinds that reviewers sign.

    Raises:
        ActInvalid, ActNotForReview, ActNotYours
    """
    try:
        act = SignedAct.from_json(body.model_dump(by_alias=True, exclude_none=True))
    except SignedActInvalid as error:
        raise ActInvalid(str(error)) from None
    message = act.message
    if not isinstance(message, _REVIEWERS) or message.study_id != study_id:
        raise ActNotForReview(f"a {type(message).__name__} for another study or person")
    if isinstance(message, Challenge) and message.token_id:
        raise ActNotForReview("reviewers ask for a replay, token 0; a receipt is its holder's")
    if act.account != caller.address:
        raise ActNotYours(f"it speaks for {act.account}")
    return act
