"""Filing and revoking hand a signed act to the chain, and nothing beside it may say otherwise."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient

from api.fhir.consent_resource import consent_of_grant
from api.fhir.examples import (
    FILE_CONSENT,
    RECORD_DISCLOSURE,
    REVOKE_CONSENT,
    document_of,
    filing,
    revoking,
)
from api.fhir.naming import Naming, id_of_token
from api.fhir.operation_parameters import filed_consent
from chain.messages import Grant, Revocation
from chain.signed_act import SignedAct
from tests.api.fhir.conftest import Day
from tests.api.fhir.r4 import valid

MEDIA = {"Content-Type": "application/fhir+json"}


def signed_grant(day: Day, holder: LocalAccount) -> SignedAct:
    """A grant that the contract would take, signed by holder and site."""
    world, domain = day.world, day.world.chain().consent.domain
    enrolment = world.enrol(day.study, world.sites[0], holder.address, holder.address)
    key = world.enrolment_keys[enrolment.site]
    grant = world.grant_for(enrolment)
    return SignedAct.sign(grant, domain, holder, enrolment, enrolment.sign(key, domain))


def consent_for(act: SignedAct, naming: Naming) -> dict[str, Any]:
    assert isinstance(act.message, Grant)
    return consent_of_grant(act.message, naming) | {"status": "active"}


def post(fhir: TestClient, path: str, body: Any, **headers: str) -> Any:
    return fhir.post(f"/fhir/{path}", content=json.dumps(body), headers={**MEDIA, **headers})


def refused(answer: Any, status: int = 422) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    found: dict[str, Any] = valid(answer.json())["issue"][0]
    return found


def test_a_filed_consent_is_kept_and_carried_once(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    act = signed_grant(day, Account.create())
    body = filing(consent_for(act, naming), act)
    accepted = post(fhir, "Consent/$fileConsent", body)
    assert accepted.status_code == 202, accepted.text
    assert valid(accepted.json())["issue"][0]["severity"] == "information"
    place = accepted.headers["location"]
    assert fhir.get(place).json()["kind"] == "Grant"
    again = post(fhir, "Consent/$fileConsent", body, Prefer="return=minimal")
    assert (again.status_code, again.content) == (202, b"")
    assert again.headers["location"] == place


def test_a_consent_may_carry_its_signed_act_itself(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    act = signed_grant(day, Account.create())
    attachment = document_of(act)["content"][0]["attachment"]
    consent = consent_for(act, naming) | {"sourceAttachment": attachment}
    assert post(fhir, "Consent/$fileConsent", consent).status_code == 202


def test_what_stands_in_a_consent_beside_the_signed_act_is_compared(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    """With a document of its own, the Consent's attachment could say anything and be accepted."""
    act, other = signed_grant(day, Account.create()), signed_grant(day, Account.create())
    for data in ("aGVsbG8=", document_of(other)["content"][0]["attachment"]["data"]):
        attachment = {"contentType": "application/json", "data": data}
        consent = consent_for(act, naming) | {"sourceAttachment": attachment}
        answer = post(fhir, "Consent/$fileConsent", filing(consent, act))
        assert refused(answer)["expression"] == ["Consent.sourceAttachment.data"]
    attachment = document_of(act)["content"][0]["attachment"]
    elsewhere = attachment | {"url": "https://elsewhere.example/text"}
    for body in (
        filing(consent_for(act, naming) | {"sourceAttachment": elsewhere}, act),
        consent_for(act, naming) | {"sourceAttachment": elsewhere},
    ):
        answer = post(fhir, "Consent/$fileConsent", body)
        assert refused(answer)["expression"] == ["Consent.sourceAttachment.url"]
    consent = consent_for(act, naming) | {"sourceAttachment": attachment}
    assert post(fhir, "Consent/$fileConsent", filing(consent, act)).status_code == 202


@pytest.mark.parametrize(
    ("element", "change"),
    [
        ("Consent.status", lambda one: one | {"status": "rejected"}),
        ("Consent.patient.identifier.value", lambda one: _with_patient(one, "0x" + "1" * 40)),
        ("Consent.provision.type", lambda one: _with_provision(one, type="deny")),
        (
            "Consent.provision.period.end",
            lambda one: _with_provision(one, period=one["provision"]["period"] | {"end": "2090"}),
        ),
        (
            "Consent.provision.purpose[1]",
            lambda one: _with_provision(
                one,
                purpose=[
                    one["provision"]["purpose"][0],
                    {"system": "http://purl.obolibrary.org/obo/duo.owl", "code": "DUO:0000042"},
                ],
            ),
        ),
        (
            "Consent.provision.provision",
            lambda one: _with_provision(one, provision=[{"type": "deny"}]),
        ),
        ("Consent.policy", lambda one: one | {"policy": [{"uri": "https://other.example"}]}),
        ("Consent.policyRule", lambda one: {k: v for k, v in one.items() if k != "policyRule"}),
    ],
)
def test_a_consent_that_says_something_else_than_was_signed_is_refused_by_element(
    fhir: TestClient, day: Day, naming: Naming, element: str, change: Any
) -> None:
    act = signed_grant(day, day.people["anna"])
    consent = change(copy.deepcopy(consent_for(act, naming)))
    issue = refused(post(fhir, "Consent/$fileConsent", filing(consent, act)))
    assert issue["expression"][0].startswith(element)
    assert issue["details"]["coding"][0]["code"] == "fhir-content-differs"


def _with_patient(consent: dict[str, Any], value: str) -> dict[str, Any]:
    consent["patient"]["identifier"]["value"] = value
    return consent


def _with_provision(consent: dict[str, Any], **changes: Any) -> dict[str, Any]:
    consent["provision"] |= changes
    return consent


def test_what_the_contract_would_refuse_is_refused(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    # Anna's record has a token already.
    act = signed_grant(day, day.people["anna"])
    issue = refused(post(fhir, "Consent/$fileConsent", filing(consent_for(act, naming), act)), 409)
    assert issue["code"] == "business-rule"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"resourceType": "Patient"},
        {"resourceType": "Parameters", "parameter": "x"},
        {"resourceType": "Parameters", "parameter": [{"name": "consent"}]},
        {"resourceType": "Consent", "status": "active"},
    ],
)
def test_what_is_no_filing_is_refused_with_the_element(fhir: TestClient, body: Any) -> None:
    refused(post(fhir, "Consent/$fileConsent", body))


@pytest.mark.parametrize("data", ["", "!", base64.b64encode(b"{}").decode(), "e30"])
def test_an_attachment_that_is_no_signed_act_is_refused(
    fhir: TestClient, day: Day, naming: Naming, data: str
) -> None:
    act = signed_grant(day, Account.create())
    body = filing(consent_for(act, naming), act)
    attachment = body["parameter"][1]["resource"]["content"][0]["attachment"]
    attachment["data"] = data
    issue = refused(post(fhir, "Consent/$fileConsent", body))
    assert issue["expression"][0].startswith("Parameters.parameter.resource.content")


def test_a_consent_is_revoked_by_its_holders_signature_alone(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    holder, token = day.people["dora"], day.tokens["dora"]
    domain = day.world.chain().consent.domain
    act = SignedAct.sign(Revocation(token), domain, holder)
    other = f"Consent/{day.id_of('anna')}/$revokeConsent"
    assert "differs" in str(refused(post(fhir, other, revoking(act))))
    named_wrong = revoking(act, day.id_of("anna"))
    refused(post(fhir, "Consent/$revokeConsent", named_wrong))
    refused(post(fhir, "Consent/$revokeConsent", revoking(act)))
    stolen = SignedAct.sign(Revocation(token), domain, day.people["anna"])
    path = f"Consent/{id_of_token(token)}/$revokeConsent"
    assert post(fhir, path, revoking(stolen)).status_code == 409

    body = revoking(act, id_of_token(token))
    patient = {"name": "patient", "valueReference": naming.patient(holder.address)}
    body["parameter"].append(patient)
    accepted = post(fhir, "Consent/$revokeConsent", body)
    assert accepted.status_code == 202, accepted.text
    on_instance = post(fhir, path, revoking(act))
    assert on_instance.headers["location"] == accepted.headers["location"]
    patient["valueReference"] = naming.patient(day.people["anna"].address)
    refused(post(fhir, "Consent/$revokeConsent", body))


def test_a_revocation_is_no_grant_and_a_grant_no_revocation(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    grant = signed_grant(day, Account.create())
    revocation = SignedAct.sign(
        Revocation(day.tokens["anna"]), day.world.chain().consent.domain, day.people["anna"]
    )
    path = f"Consent/{day.id_of('anna')}/$revokeConsent"
    refused(post(fhir, path, revoking(grant)))
    refused(post(fhir, "Consent/$fileConsent", filing(consent_for(grant, naming), revocation)))


def test_a_reported_disclosure_is_one_that_the_chain_tells_or_none(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    def report(round_: int, name: str, by: str) -> Any:
        disclosure = {
            "resourceType": "AuditEvent",
            "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110106"},
            "recorded": "2026-01-01T00:00:00Z",
            "agent": [{"requestor": True}],
            "source": {"observer": naming.organization(day.sites[0].address)},
            "entity": [{"what": naming.round(day.study, round_)}],
        }
        consent = {"reference": f"Consent/{day.id_of(name)}"}
        parameters = [
            {"name": "disclosure", "resource": disclosure},
            {"name": "consent", "valueReference": consent},
        ]
        body = {"resourceType": "Parameters", "parameter": parameters}
        return post(fhir, "AuditEvent/$recordDisclosure", body, **day.headers[by])

    told = report(1, "bert", by="site")
    assert told.status_code == 200, told.text
    assert "AuditEvent/" in valid(told.json())["issue"][0]["diagnostics"]
    assert refused(report(2, "bert", by="site"))["details"]["coding"][0]["code"] == (
        "fhir-disclosure-unknown"
    )
    refused(report(1, "bert", by="other site"), 404)


def test_the_examples_of_the_documentation_are_what_the_operations_take() -> None:
    for body in (FILE_CONSENT, REVOKE_CONSENT, RECORD_DISCLOSURE):
        valid(body)
    consent, act = filed_consent(FILE_CONSENT)
    assert isinstance(act.message, Grant)
    assert consent["resourceType"] == "Consent"
