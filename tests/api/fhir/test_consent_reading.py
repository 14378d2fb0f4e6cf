"""A Consent says what the chain says, to those whose business it is."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.fhir.naming import Naming
from api.fhir.times import instant
from tests.api.fhir.conftest import Day
from tests.api.fhir.r4 import resources_of, valid
from tests.world import YEAR


def read(fhir: TestClient, day: Day, name: str, by: str) -> dict[str, Any]:
    answer = fhir.get(f"/fhir/Consent/{day.id_of(name)}", headers=day.headers[by])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    return valid(answer.json())


def search(fhir: TestClient, day: Day, by: str, query: str = "") -> list[dict[str, Any]]:
    answer = fhir.get(f"/fhir/Consent?{query}", headers=day.headers[by])
    assert answer.status_code == 200, answer.text
    return resources_of(valid(answer.json()))


def test_a_consent_says_what_was_granted(fhir: TestClient, day: Day, naming: Naming) -> None:
    found = read(fhir, day, "anna", by="anna")
    grant = day.world.chain().consent.consent(day.tokens["anna"])
    assert found["status"] == "active"
    assert found["meta"]["versionId"] == "1"
    assert found["identifier"] == [
        {"system": naming.tokens, "value": str(day.tokens["anna"])},
    ]
    assert found["scope"]["coding"][0]["code"] == "research"
    assert found["patient"]["identifier"] == {
        "system": "eip155:31337",
        "value": day.people["anna"].address,
    }
    provision = found["provision"]
    assert provision["type"] == "permit"
    assert provision["period"]["start"] == "1970-01-01T00:00:00Z"
    # The chain's interval is half open, a Period's end is the last second within it.
    assert [one.get("code") for one in provision["purpose"]] == ["DUO:0000007", "training"]
    assert provision["purpose"][0]["system"] == "http://purl.obolibrary.org/obo/duo.owl"
    disease = provision["purpose"][0]["extension"][0]["valueCoding"]
    assert disease["code"] == f"MONDO:{grant.disease:07d}"
    assert provision["actor"][0]["reference"]["identifier"]["value"] == day.sites[0].address
    assert found["verification"][0]["verified"] is True


def test_what_restricts_a_consent_cannot_be_overlooked(fhir: TestClient, day: Day) -> None:
    provision = read(fhir, day, "cleo", by="cleo")["provision"]
    assert [one["code"] for one in provision["purpose"]] == ["DUO:0000006", "training"]
    modifiers = [one["valueCoding"]["code"] for one in provision["modifierExtension"]]
    assert modifiers == ["DUO:0000025"]


def test_a_revoked_consent_is_inactive_and_its_history_tells_both_states(
    fhir: TestClient, day: Day
) -> None:
    found = read(fhir, day, "bert", by="bert")
    assert found["status"] == "inactive"
    assert found["meta"]["versionId"] == "2"
    path = f"/fhir/Consent/{day.id_of('bert')}/_history"
    history = valid(fhir.get(path, headers=day.headers["bert"]).json())
    assert history["total"] == 2
    assert [one["status"] for one in resources_of(history)] == ["inactive", "active"]
    before = valid(fhir.get(f"{path}/1", headers=day.headers["bert"]).json())
    assert before["status"] == "active"
    assert fhir.get(f"{path}/3", headers=day.headers["bert"]).status_code == 404


def test_only_holder_site_and_committee_see_a_consent(fhir: TestClient, day: Day) -> None:
    path = f"/fhir/Consent/{day.id_of('anna')}"
    for who in ("anna", "site", "reviewer"):
        assert fhir.get(path, headers=day.headers[who]).status_code == 200, who
    for who in ("bert", "other site", "stranger"):
        hidden = fhir.get(path, headers=day.headers[who])
        assert hidden.status_code == 404, who
        outcome = valid(hidden.json())
        assert outcome["issue"][0]["code"] == "not-found"
        history = fhir.get(f"{path}/_history", headers=day.headers[who])
        assert history.status_code == 404, who
    nobody = fhir.get(path)
    assert nobody.status_code == 401
    assert valid(nobody.json())["issue"][0]["code"] == "login"


@pytest.mark.parametrize("id_", ["0" * 64, "f" * 64, "1", "../x", "0x1", "9" * 64])
def test_what_is_no_consent_is_not_found(fhir: TestClient, day: Day, id_: str) -> None:
    answer = fhir.get(f"/fhir/Consent/{id_}", headers=day.headers["reviewer"])
    assert answer.status_code == 404
    valid(answer.json())


def test_a_version_that_is_known_is_not_sent_again(fhir: TestClient, day: Day) -> None:
    path = f"/fhir/Consent/{day.id_of('bert')}"
    again = fhir.get(path, headers={**day.headers["bert"], "If-None-Match": 'W/"2"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", 'W/"2"')
    older = fhir.get(path, headers={**day.headers["bert"], "If-None-Match": 'W/"1"'})
    assert older.status_code == 200


def test_a_search_finds_what_its_caller_may_see(fhir: TestClient, day: Day) -> None:
    def seen(by: str) -> list[str]:
        return sorted(one["id"] for one in search(fhir, day, by))

    ids = {name: day.id_of(name) for name in day.tokens}
    assert seen("anna") == [ids["anna"]]
    assert seen("site") == sorted([ids["anna"], ids["bert"]])
    assert seen("other site") == sorted([ids["cleo"], ids["dora"]])
    assert seen("reviewer") == sorted(ids.values())
    assert seen("stranger") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=active", {"anna", "cleo", "dora"}),
        ("status=inactive", {"bert"}),
        ("status=active,inactive", {"anna", "bert", "cleo", "dora"}),
        ("status=http://hl7.org/fhir/consent-state-codes|inactive", {"bert"}),
        ("purpose=DUO:0000006", {"cleo"}),
        ("purpose=http://purl.obolibrary.org/obo/duo.owl|DUO:0000007", {"anna", "bert", "dora"}),
        ("purpose=DUO:0000007&purpose=training&status=inactive", {"bert"}),
        ("category=http://loinc.org|59284-0", {"anna", "bert", "cleo", "dora"}),
        ("category=acd", set()),
        ("scope=research", {"anna", "bert", "cleo", "dora"}),
        ("period=ge2200-01-01", set()),
        ("period=lt2000-01-01", {"anna", "bert", "cleo", "dora"}),
        ("_lastUpdated=gt2000-01-01", {"anna", "bert", "cleo", "dora"}),
        ("_lastUpdated=lt2000-01-01", set()),
        ("date=2000", set()),
    ],
)
def test_a_search_finds_what_matches(
    fhir: TestClient, day: Day, query: str, expected: set[str]
) -> None:
    found = search(fhir, day, "reviewer", query)
    assert {one["id"] for one in found} == {day.id_of(name) for name in expected}


def test_people_and_sites_are_searched_by_their_address(fhir: TestClient, day: Day) -> None:
    holder, site = day.people["anna"].address, day.sites[1].address
    for query in (
        f"patient:identifier=eip155:31337|{holder}",
        f"patient=Patient/{holder}",
        f"patient={holder.lower()}",
        f"patientId=eip155:31337|{holder}",
        f"identifier={day.tokens['anna']}",
        f"_id={day.id_of('anna')}",
    ):
        assert [one["id"] for one in search(fhir, day, "reviewer", query)] == [day.id_of("anna")]
    for query in (f"actor:identifier=|{site}", f"patientId=eip155:1|{holder}"):
        assert search(fhir, day, "reviewer", query) == []
    for query in (f"actor={site}", f"organizationId=eip155:31337|{site}"):
        assert len(search(fhir, day, "reviewer", query)) == 2


def test_pages_follow_each_other_without_loss_or_repetition(fhir: TestClient, day: Day) -> None:
    url: str | None = "/fhir/Consent?_count=1&status=active"
    found, pages = [], 0
    while url is not None:
        bundle = valid(fhir.get(url, headers=day.headers["reviewer"]).json())
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        found += [one["id"] for one in resources_of(bundle)]
        pages += 1
        url = links.get("next")
        assert "status=active" in links["self"]
    assert sorted(found) == sorted(day.id_of(name) for name in ("anna", "cleo", "dora"))
    assert pages == 3
    none = valid(fhir.get("/fhir/Consent?_count=0", headers=day.headers["reviewer"]).json())
    assert "entry" not in none


def test_a_search_may_be_a_form(fhir: TestClient, day: Day) -> None:
    answer = fhir.post(
        "/fhir/Consent/_search", data={"status": "inactive"}, headers=day.headers["reviewer"]
    )
    assert [one["id"] for one in resources_of(valid(answer.json()))] == [day.id_of("bert")]


@pytest.mark.parametrize(
    "query",
    [
        "date=yesterday",
        "date=ap2026",
        "_count=many",
        "status:not=active",
        "date=ge2026-13",
        "_id=,",
    ],
)
def test_a_wrong_value_is_refused(fhir: TestClient, day: Day, query: str) -> None:
    answer = fhir.get(f"/fhir/Consent?{query}", headers=day.headers["anna"])
    assert answer.status_code == 400
    assert valid(answer.json())["issue"][0]["code"] == "invalid"


def test_an_unknown_parameter_is_left_out_unless_the_client_is_strict(
    fhir: TestClient, day: Day
) -> None:
    headers = day.headers["anna"]
    lenient = fhir.get("/fhir/Consent?colour=red", headers=headers).json()
    assert "colour" not in lenient["link"][0]["url"]
    strict = fhir.get("/fhir/Consent?colour=red", headers={**headers, "Prefer": "handling=strict"})
    assert strict.status_code == 400


def test_a_year_of_use_ends_with_its_last_second(fhir: TestClient, day: Day) -> None:
    grant = day.world.chain().consent.consent(day.tokens["anna"])
    ends = read(fhir, day, "anna", by="anna")["provision"]["period"]["end"]
    assert ends == instant(grant.use_end - 1)
    assert grant.use_end > YEAR
