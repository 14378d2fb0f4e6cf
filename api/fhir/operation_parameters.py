"""What $fileConsent, $revokeConsent and $recordDisclosure are given.

Names and parameters are those of HL7's Scalable Consent Management (FAST) guide, 1.0.0-ballot. The
document that goes with a consent is here always the signed act, because nothing else has effect.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.consent import Consent
from fhir.resources.R4B.documentreference import DocumentReference
from pydantic import BaseModel, ValidationError

from api.fhir.naming import Resource
from api.fhir.problems import FhirContentDiffers, FhirContentInvalid
from chain.messages import Grant, Revocation
from chain.signed_act import SignedAct, SignedActInvalid

_MODELS: dict[str, type[BaseModel]] = {
    "Consent": Consent,
    "DocumentReference": DocumentReference,
    "AuditEvent": AuditEvent,
}
_ACT_TYPE = "application/json"


def filed_consent(body: Any) -> tuple[Resource, SignedAct]:
    """The Consent and the signed grant of a $fileConsent.

    ``body`` is Parameters with `consent` (Consent) and `document` (DocumentReference whose only
    attachment is the signed act), or a Consent whose `sourceAttachment` is the signed act.

    Raises:
        FhirContentInvalid
        FhirContentDiffers: the Consent holds another signed act than the document.
    """
    if _type_of(body) == "Consent":
        consent = _checked(body, "Consent", "Consent")
        attachment = consent.get("sourceAttachment")
        act = _signed_act(attachment, "Consent.sourceAttachment")
    else:
        consent = _resource(body, "consent", "Consent")
        act = _documented_act(body)
        _require_same_act(consent.get("sourceAttachment"), act)
    if not isinstance(act.message, Grant):
        raise _invalid("the signed act is not a Grant", "Parameters.parameter.resource")
    return consent, act


def signed_revocation(body: Any) -> SignedAct:
    """The signed revocation of a $revokeConsent: the `document` of Parameters.

    Raises FhirContentInvalid.
    """
    act = _documented_act(body)
    if not isinstance(act.message, Revocation):
        raise _invalid("the signed act is not a Revocation", "Parameters.parameter.resource")
    return act


def reported_disclosure(body: Any) -> Resource:
    """The AuditEvent of a $recordDisclosure. Raises FhirContentInvalid."""
    return _resource(body, "disclosure", "AuditEvent")


def named_consent(body: Any) -> str | None:
    """The id in `consent` (a Reference) of Parameters; None when it is not given.

    Raises FhirContentInvalid.
    """
    found = _parameter(body, "consent", required=False)
    if found is None:
        return None
    reference = found.get("valueReference")
    named = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(named, str) or "Consent/" not in f"/{named}":
        raise _invalid("it names no Consent/ID", "Parameters.parameter.valueReference.reference")
    return named.rpartition("/")[2]


def named_patient(body: Any) -> dict[str, Any] | None:
    """The identifier in `patient` (a logical Reference) of Parameters; None when not given.

    Raises FhirContentInvalid.
    """
    found = _parameter(body, "patient", required=False)
    if found is None:
        return None
    reference = found.get("valueReference")
    identifier = reference.get("identifier") if isinstance(reference, dict) else None
    if not isinstance(identifier, dict):
        raise _invalid("it has no identifier", "Parameters.parameter.valueReference.identifier")
    return identifier


def _documented_act(body: Any) -> SignedAct:
    document = _resource(body, "document", "DocumentReference")
    content = document["content"]
    path = "Parameters.parameter.resource.content"
    if len(content) != 1:
        raise _invalid("a document has one attachment, the signed act", path)
    return _signed_act(content[0].get("attachment"), f"{path}[0].attachment")


def _signed_act(attachment: Any, path: str) -> SignedAct:
    if not isinstance(attachment, dict) or not isinstance(attachment.get("data"), str):
        raise _invalid("the signed act is missing: JSON in base64", f"{path}.data")
    if attachment.get("contentType") != _ACT_TYPE:
        raise _invalid(f"a signed act is {_ACT_TYPE}", f"{path}.contentType")
    try:
        return SignedAct.parse(base64.b64decode(attachment["data"], validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid("it is not base64 of JSON", f"{path}.data") from None
    except SignedActInvalid as error:
        raise _invalid(f"it is not a signed act: {error}", f"{path}.data") from None


def _require_same_act(attachment: Any, act: SignedAct) -> None:
    path = "Consent.sourceAttachment"
    if not isinstance(attachment, dict) or "data" not in attachment:
        return
    if _signed_act(attachment, path).to_json() != act.to_json():
        raise FhirContentDiffers("it is another signed act", expression=f"{path}.data")


def _resource(body: Any, name: str, type_: str) -> Resource:
    found = _parameter(body, name, required=True)
    assert found is not None
    path = "Parameters.parameter.resource"
    if _type_of(found.get("resource")) != type_:
        raise _invalid(f"the parameter {name} must be a {type_}", path)
    return _checked(found["resource"], type_, path)


def _parameter(body: Any, name: str, *, required: bool) -> dict[str, Any] | None:
    if _type_of(body) != "Parameters":
        raise _invalid("the body must be Parameters", "Parameters")
    listed = body.get("parameter")
    parameters = listed if isinstance(listed, list) else []
    found = [one for one in parameters if isinstance(one, dict) and one.get("name") == name]
    if len(found) > 1 or (required and not found):
        raise _invalid(f"there must be one parameter {name}", "Parameters.parameter")
    return found[0] if found else None


def _checked(resource: Any, type_: str, path: str) -> Resource:
    model = _MODELS[type_]
    try:
        model.model_validate(resource)
    except (ValidationError, RecursionError) as error:
        raise _invalid(f"it is no {type_} of R4", _where(model, error, path)) from None
    found: Resource = resource
    if found.get("modifierExtension") or found.get("implicitRules"):
        raise _invalid("it has a modifier that is not understood", path)
    return found


def _where(model: type[BaseModel], error: Exception, path: str) -> str:
    # Only names that FHIR itself defines are shown: an unknown key may hold anything.
    known = {one.alias or name for name, one in model.model_fields.items()}
    if isinstance(error, ValidationError):
        for one in error.errors(include_input=False, include_context=False, include_url=False):
            first = str(one["loc"][0]) if one["loc"] else ""
            if first in known:
                return f"{path}.{first}"
    return path


def _type_of(body: Any) -> str | None:
    found = body.get("resourceType") if isinstance(body, dict) else None
    return found if isinstance(found, str) else None


def _invalid(detail: str, expression: str) -> FhirContentInvalid:
    return FhirContentInvalid(detail, expression=expression)
