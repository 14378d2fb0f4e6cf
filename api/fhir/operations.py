"""$fileConsent, $revokeConsent and $recordDisclosure: checked, then handed on."""

from __future__ import annotations

from typing import Any

from api.fhir.consent_resource import consent_of_grant
from api.fhir.disclosure_resource import disclosures
from api.fhir.naming import Naming, id_of_token
from api.fhir.operation_parameters import (
    filed_consent,
    named_consent,
    named_patient,
    reported_disclosure,
    signed_revocation,
)
from api.fhir.problems import FhirContentDiffers, FhirContentInvalid, FhirDisclosureUnknown
from api.fhir.reading import Reading
from api.fhir.saying_the_same import first_difference
from api.outbox.intake import Intake
from api.outbox.models import AcceptedAct
from chain.messages import Grant, Revocation
from chain.signed_act import SignedAct


class Submission:
    """Where a signed act goes from here, with what came beside it.

    Attributes:
        caller_address: who is signed in, EIP-55; None: nobody, which a signed act does not need.
        idempotency_key: the request's `Idempotency-Key`.
    """

    def __init__(
        self, intake: Intake, caller_address: str | None, idempotency_key: str | None
    ) -> None:
        self._intake, self._caller, self._key = intake, caller_address, idempotency_key

    def file_consent(self, body: Any, naming: Naming) -> AcceptedAct:
        """Accepts a signed grant beside which a Consent says the same.

        Raises:
            FhirContentInvalid, FhirContentDiffers, and what `accept` raises.
        """
        consent, act = filed_consent(body)
        assert isinstance(act.message, Grant)
        differs = first_difference(consent_of_grant(act.message, naming), consent)
        if differs is not None:
            raise FhirContentDiffers(f"{differs} is not what was signed", expression=differs)
        return self._accept(act)

    def revoke_consent(self, body: Any, id_: str | None, naming: Naming) -> AcceptedAct:
        """Accepts a signed revocation of the consent that the request names.

        ``id_`` is the Consent's of the URL, None for the operation on the type.

        Raises:
            FhirContentInvalid, FhirContentDiffers, and what `accept` raises.
        """
        act = signed_revocation(body)
        assert isinstance(act.message, Revocation)
        named = [one for one in (id_, named_consent(body)) if one is not None]
        path = "Parameters.parameter.valueReference"
        if not named:
            raise FhirContentInvalid("name the Consent", expression=path)
        if any(one != id_of_token(act.message.token_id) for one in named):
            raise FhirContentDiffers(
                "the signed revocation is of another consent", expression=f"{path}.reference"
            )
        patient = named_patient(body)
        if patient is not None:
            system, value = patient.get("system"), str(patient.get("value"))
            if system != naming.accounts or value.lower() != act.account.lower():
                raise FhirContentDiffers(
                    "the signed revocation is another patient's", expression=f"{path}.identifier"
                )
        return self._accept(act)

    def _accept(self, act: SignedAct) -> AcceptedAct:
        return self._intake.accept(act, self._caller, self._key)


def known_disclosure(reading: Reading, body: Any, address: str) -> str:
    """The id of the AuditEvent with which the chain already tells a reported disclosure.

    Nothing is recorded: a disclosure that no site has committed to did not happen by this study's
    rules, and one that it has committed to is on record.

    Raises:
        FhirContentInvalid, FhirDisclosureUnknown
        NotFound: the consent is not the caller's to see.
    """
    reported, named = reported_disclosure(body), named_consent(body)
    if named is None:
        raise FhirContentInvalid("name the Consent", expression="Parameters.parameter")
    token = reading.token_to_see(named, address)
    naming = reading.naming
    asked = {
        str(identifier.get("value"))
        for entity in reported.get("entity", [])
        if (identifier := entity.get("what", {}).get("identifier", {})).get("system")
        == naming.rounds
    }
    for one in disclosures(reading.state(token.grant.study_id), token, naming):
        values = {
            entity["what"]["identifier"]["value"]
            for entity in one["entity"]
            if entity["what"].get("identifier", {}).get("system") == naming.rounds
        }
        if asked and asked <= values:
            return str(one["id"])
    raise FhirDisclosureUnknown(expression="Parameters.parameter.resource.entity")
