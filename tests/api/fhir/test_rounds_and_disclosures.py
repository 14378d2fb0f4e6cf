"""Admissions and rounds are public facts; whose record was in one is told to its holder alone."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.fhir.disclosure_resource import PROFILE
from api.fhir.naming import Naming
from tests.api.fhir.conftest import Day
from tests.api.fhir.r4 import resources_of, valid


def events(fhir: TestClient, query: str, headers: dict[str, str] | None = None) -> list[Any]:
    answer = fhir.get(f"/fhir/AuditEvent?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return resources_of(valid(answer.json()))


def acts(found: list[Any]) -> list[str]:
    return [one["subtype"][0]["code"] for one in found]


def test_every_act_of_every_round_is_an_audit_event_in_the_chains_order(
    fhir: TestClient, day: Day
) -> None:
    first = ["opened", "committed", "committed", "sealed", "closed"]
    assert acts(events(fhir, "")) == [*first, "opened", "committed", "aborted"]


def test_an_admission_names_site_and_size_and_never_a_token(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    site = day.sites[0].address
    found = events(fhir, f"subtype=committed&agent:identifier={naming.accounts}|{site}")
    assert len(found) == 2
    details = [{one["type"]: one["valueString"] for one in found[0]["entity"][2]["detail"]}]
    commitment = day.world.chain().ledger.commitment_of(day.study, 1, site)
    assert details[0]["cohort-size"] == str(commitment.cohort_size) == "2"
    assert details[0]["cohort-root"] == "0x" + commitment.cohort_root.hex()
    written = json.dumps(events(fhir, ""))
    for name, token in day.tokens.items():
        assert str(token) not in written
        assert day.id_of(name) not in written
        assert day.people[name].address not in written


def test_events_are_found_by_study_round_time_and_object(
    fhir: TestClient, day: Day, naming: Naming
) -> None:
    def count(query: str) -> int:
        return len(events(fhir, query))

    assert count(f"entity:identifier={naming.rounds}|{day.study}/1") == 5
    assert count(f"entity:identifier={naming.studies}|{day.study}") == 8
    assert count(f"entity:identifier={naming.studies}|{day.other_study}") == 0
    assert count(f"entity:identifier={naming.studies}|{2**70}") == 0
    when = events(fhir, "subtype=sealed")[0]["recorded"]
    assert count(f"date={when}&subtype=sealed") == 1
    assert count("date=lt2000") == 0
    assert count(f"date=ge{when}") + count(f"date=lt{when}") == 8
    closed = events(fhir, "subtype=closed")[0]
    made = closed["entity"][2]["what"]["identifier"]
    assert made["value"].startswith("ipfs://b")
    # Round 1 has made it, and round 2 began with it.
    assert count(f"entity:identifier={made['system']}|{made['value']}") == 2


def test_an_event_is_read_by_where_it_is_on_the_chain(fhir: TestClient, day: Day) -> None:
    for one in events(fhir, "_count=3"):
        answer = fhir.get(f"/fhir/AuditEvent/{one['id']}")
        assert answer.json() == one
    for id_ in ("1-0", "0-0", "x", "9" * 18 + "-0", "1-1-1", "a" * 52 + "1"):
        assert fhir.get(f"/fhir/AuditEvent/{id_}").status_code == 404


def test_pages_of_events_follow_each_other(fhir: TestClient) -> None:
    url: str | None = "/fhir/AuditEvent?_count=3"
    found = []
    while url is not None:
        bundle = fhir.get(url).json()
        found += [one["id"] for one in resources_of(bundle)]
        url = next((one["url"] for one in bundle["link"] if one["relation"] == "next"), None)
    assert found == [one["id"] for one in events(fhir, "")]


def test_a_closed_round_has_a_provenance(fhir: TestClient, day: Day, naming: Naming) -> None:
    found = resources_of(valid(fhir.get("/fhir/Provenance").json()))
    assert [one["id"] for one in found] == [f"{day.study}-1"]
    provenance = valid(fhir.get(f"/fhir/Provenance/{day.study}-1").json())
    assert provenance == found[0]
    agents = [one["who"]["identifier"]["value"] for one in provenance["agent"]]
    assert agents == [day.world.coordinator.address, *(site.address for site in day.sites)]
    assert len(provenance["signature"]) == 3
    checkpoint = provenance["target"][0]["identifier"]["value"]
    for query, number in (
        (f"target:identifier=urn:ietf:rfc:3986|{checkpoint}", 1),
        (f"target:identifier=urn:ietf:rfc:3986|{checkpoint}x", 0),
        (f"agent={day.sites[1].address}", 1),
        (f"agent={day.people['anna'].address}", 0),
        (f"entity:identifier={naming.rounds}|{day.study}/1", 1),
        ("recorded=ge2020", 1),
        ("recorded=lt2020", 0),
    ):
        assert len(resources_of(fhir.get(f"/fhir/Provenance?{query}").json())) == number, query
    for id_ in (f"{day.study}-2", f"{day.study}-9", "999-1", "x"):
        assert fhir.get(f"/fhir/Provenance/{id_}").status_code == 404


def test_a_holder_gets_the_rounds_that_could_have_used_the_record(
    fhir: TestClient, day: Day
) -> None:
    def rounds(who: str) -> list[str]:
        address = day.people[who].address
        found = events(fhir, f"patient={address}", day.headers[who])
        return [one["outcomeDesc"] for one in found]

    assert rounds("anna") == ["round 1 is closed", "round 2 is aborted"]
    # Revoked between the rounds: only the first could have used the record.
    assert rounds("bert") == ["round 1 is closed"]
    # The second site committed to the first round only.
    assert rounds("cleo") == ["round 1 is closed"]
    assert rounds("dora") == []
    anna = day.headers["anna"]
    by_consent = events(fhir, f"consent=Consent/{day.id_of('anna')}", anna)
    assert len(by_consent) == 2
    assert events(fhir, f"consent=Consent/{day.id_of('bert')}", anna) == []


@pytest.mark.parametrize("who", ["bert", "site", "reviewer", "stranger"])
def test_no_one_else_gets_an_accounting(fhir: TestClient, day: Day, who: str) -> None:
    address = day.people["anna"].address
    assert events(fhir, f"patient={address}", day.headers[who]) == []
    one = events(fhir, f"patient={address}", day.headers["anna"])[0]
    path = f"/fhir/AuditEvent/{one['id']}"
    assert fhir.get(path, headers=day.headers["anna"]).json() == one
    assert fhir.get(path, headers=day.headers[who]).status_code == 404
    assert fhir.get(path).status_code == 401
    assert fhir.get(f"/fhir/AuditEvent?patient={address}").status_code == 401


def test_a_disclosure_has_what_its_balp_profile_demands(fhir: TestClient, day: Day) -> None:
    """IHE.BasicAudit.PrivacyDisclosure.Source, element by element."""
    address = day.people["anna"].address
    for one in events(fhir, f"patient={address}", day.headers["anna"]):
        assert one["meta"]["profile"] == [PROFILE]
        assert "modifierExtension" not in one
        assert one["type"] == {
            "system": "http://dicom.nema.org/resources/ontology/DCM",
            "code": "110106",
        }
        assert one["action"] == "R"
        assert [code["code"] for code in one["subtype"]] == ["disclose"]
        assert one["outcome"] == "0"
        by_type = {
            agent["type"]["coding"][0]["code"]: agent for agent in one["agent"] if "type" in agent
        }
        source, recipient = by_type["110153"], by_type["110152"]
        assert source["who"] == one["source"]["observer"]
        assert source["network"]["address"] == f"eip155:31337:{day.sites[0].address}"
        assert recipient["network"]["address"].endswith(day.world.coordinator.address)
        assert by_type["429577009"]["who"]["identifier"]["value"] == address
        patients = [entity for entity in one["entity"] if entity["type"]["code"] == "1"]
        assert len(patients) == 1
        assert patients[0]["role"]["code"] == "1"
        assert patients[0]["what"]["type"] == "Patient"
        assert len(one["entity"]) >= 2


def test_public_events_claim_no_profile(fhir: TestClient) -> None:
    assert not [one for one in events(fhir, "") if "profile" in one["meta"]]
