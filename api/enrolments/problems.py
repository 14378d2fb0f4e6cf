"""What a claim or an answer is refused for."""

from __future__ import annotations

from api.problems import ServiceProblem


class CodeUsed(ServiceProblem):
    code = "enrolment-code-used"
    status_code_ = 409
    summary = "This enrolment code was used before"
    why = "A code serves one address, once."
    fix = "If that was not you, tell the hospital, and ask it for another code."


class OfferNotClaimed(ServiceProblem):
    code = "enrolment-not-claimed"
    status_code_ = 409
    summary = "Nobody has claimed this enrolment yet"
    why = "The site answers a claim, once it has verified it."
    fix = "Wait until the patient has used the code."
