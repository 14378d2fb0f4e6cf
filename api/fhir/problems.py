"""What a FHIR request is refused for. Told as OperationOutcome (`api.fhir.outcomes`)."""

from __future__ import annotations

from api.problems import ServiceProblem


class FhirParameterInvalid(ServiceProblem):
    code = "fhir-parameter-invalid"
    status_code_ = 400
    summary = "A search parameter is not one that this resource can be searched by, or its value"
    why = "With `Prefer: handling=strict` unknown parameters are refused; wrong values always are."
    fix = "`GET /fhir/metadata` lists the parameters; `detail` names the one that is wrong."


class FhirFormatRefused(ServiceProblem):
    code = "fhir-format-refused"
    status_code_ = 406
    summary = "Resources are given as JSON of FHIR 4.0 only"
    why = "Neither `_format` nor `Accept` names a form that the service writes."
    fix = "Ask for `application/fhir+json`."


class FhirContentInvalid(ServiceProblem):
    code = "fhir-content-invalid"
    status_code_ = 422
    summary = "The body is not the resource that the operation takes"
    why = "An element is missing, unknown or of another type than FHIR R4 says."
    fix = "`expression` names the element; the OpenAPI document shows an example."


class FhirContentDiffers(ServiceProblem):
    code = "fhir-content-differs"
    status_code_ = 422
    summary = "The resource says something else than the act that was signed"
    why = "Only what was signed counts on the chain, so nothing beside it may say more or less."
    fix = "`expression` names the element; leave it out, or write what the signed act says."


class FhirDisclosureUnknown(ServiceProblem):
    code = "fhir-disclosure-unknown"
    status_code_ = 422
    summary = "The chain knows of no such disclosure"
    why = "Disclosures are what sites have committed to on the chain; no other is kept here."
    fix = "Name the commitment (STUDY/ROUND/SITE/ATTEMPT) or the round (STUDY/ROUND) as an entity."
