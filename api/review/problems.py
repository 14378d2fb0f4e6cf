"""What can be wrong with a reviewer's request."""

from __future__ import annotations

from api.problems import ServiceProblem


class ExpiryInvalid(ServiceProblem):
    code = "approval-expiry-invalid"
    status_code_ = 422
    summary = "An approval cannot hold until then"
    why = "An approval expires at a date in the future, at most 366 days ahead."
    fix = "Give a date such as 2027-03-01, or 90d, 12w, 6m, 1y; a year less a day without it."


class NothingInForce(ServiceProblem):
    code = "no-version-in-force"
    status_code_ = 409
    summary = "The study has no version in force"
    why = "Only what was approved can be renewed."
    fix = "Draft an approval of the newest proposed version."


class VersionNotPending(ServiceProblem):
    code = "version-not-pending"
    status_code_ = 409
    summary = "This version can no longer be approved"
    why = "A reviewer approves the newest proposed version, or renews the one in force."
    fix = "Look at the newest version of the study and draft its approval."


class DocumentsDoNotHold(ServiceProblem):
    code = "documents-do-not-hold"
    status_code_ = 409
    summary = "What would be signed does not hold"
    why = (
        "Every document that the terms name was fetched, hashed and opened again, and something"
        " is not as the terms say. `findings` names it."
    )
    fix = "Do not sign. Tell the sponsor and the other reviewers what was found."


class ActNotYours(ServiceProblem):
    code = "act-not-yours"
    status_code_ = 422
    summary = "The signed act speaks for another account"
    why = "Here a reviewer submits what they signed themself."
    fix = "Sign in with the account that signed, or let anybody carry it: `assent irb submit`."


class ActNotForReview(ServiceProblem):
    code = "act-not-for-review"
    status_code_ = 422
    summary = "This is no reviewer's act for this study"
    why = (
        "Reviewers sign Approval, Suspension, Resumption, Replacement, Readmission, Rollback and"
        " Challenge, each for one study."
    )
    fix = "Take `typed_data` of a draft of this study as it is, and sign that."


class SeatNotFilled(ServiceProblem):
    code = "seat-cannot-be-given"
    status_code_ = 409
    summary = "The seat cannot be given to this account"
    why = (
        "Who leaves has to be a reviewer, and who comes may be neither a reviewer already nor the"
        " sponsor or a coordinator of the study: who gains from a study does not judge it."
    )
    fix = "Name a present reviewer as `outgoing`, and an account without a part in the study."


class SiteNotBarred(ServiceProblem):
    code = "site-not-barred"
    status_code_ = 409
    summary = "The site is not barred"
    why = "Only a barred site can be readmitted."
    fix = "Look at the study's standing, which lists barred sites."


class NotSuspended(ServiceProblem):
    code = "study-not-suspended"
    status_code_ = 409
    summary = "The study is not suspended"
    why = "A resumption is signed for one suspension."
    fix = "Nothing has to be done: the study goes on."


class AlreadySuspended(ServiceProblem):
    code = "study-already-suspended"
    status_code_ = 409
    summary = "The study is suspended already"
    why = "Another reviewer has suspended it; it needs no second suspension."
    fix = "Nothing has to be done: no round goes on and no consent counts."


class RoundNotAskable(ServiceProblem):
    code = "round-not-askable"
    status_code_ = 409
    summary = "The site cannot be asked about this round"
    why = (
        "A site is asked about a round that is over, that it committed to, within the challenge"
        " period of the terms, and once by reviewers."
    )
    fix = "`detail` says which of these it is."


class DocumentMissing(ServiceProblem):
    code = "document-not-on-ipfs"
    status_code_ = 404
    summary = "The service's IPFS node does not have this document"
    why = "The terms name it by hash, and nobody has put it where this service looks."
    fix = "Ask the sponsor for it, and compare its SHA-256 with the one in the terms."
