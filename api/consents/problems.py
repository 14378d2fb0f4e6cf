"""What a draft or a patient's signature is refused for."""

from __future__ import annotations

from api.problems import ServiceProblem


class EnrolmentUnusable(ServiceProblem):
    code = "enrolment-unusable"
    status_code_ = 422
    summary = "This is not an enrolment for this deployment"
    why = "An enrolment is the hospital's signed file, unchanged, for one contract on one chain."
    fix = "`detail` names the member. Send the file as the hospital gave it, or ask for another."


class EnrolmentNotAccepted(ServiceProblem):
    code = "enrolment-not-accepted"
    status_code_ = 409
    summary = "The chain would not accept a grant with this enrolment now"
    why = "The study's standing, the enrolment's time or an earlier consent is against it."
    fix = "`detail` says which, and what to do."


class ChoiceUnusable(ServiceProblem):
    code = "choice-unusable"
    status_code_ = 422
    summary = "No grant can say that"
    why = "A purpose or condition is unknown, or does not fit the study."
    fix = "`detail` names it; docs/purposes.md lists all names."


class LanguageUnknown(ServiceProblem):
    code = "language-unknown"
    status_code_ = 422
    summary = "The consent text is not there in this language"
    why = "A grant names the language of the text that was shown."
    fix = "`detail` lists the languages that the study has."


class ConsentTextMissing(ServiceProblem):
    code = "consent-text-missing"
    status_code_ = 503
    summary = "The consent text cannot be shown"
    why = "The IPFS node does not hold it, or it is none; nobody should sign what was not shown."
    fix = "Try again later, and tell the study's coordinator."


class SignatureUnusable(ServiceProblem):
    code = "signature-unusable"
    status_code_ = 422
    summary = "The signature does not fit what was to be signed"
    why = "It is another signer's, for something else, or for another deployment."
    fix = "`detail` says what does not fit. Ask for a fresh draft and sign that, unchanged."


class WithdrawalNotThere(ServiceProblem):
    code = "withdrawal-not-there"
    status_code_ = 409
    summary = "There is no withdrawal to tell of"
    why = "Only of a consent that its holder withdrew is there anything to tell."
    fix = "`detail` says which it is. After a revocation, ask again once it is confirmed."
