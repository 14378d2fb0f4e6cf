"""What is read with SQL is the same on either database."""

import pytest
from fastapi.testclient import TestClient

from tests.api.fhir.conftest import Day
from tests.api.fhir.r4 import resources_of


@pytest.mark.parametrize("who", ["anna", "site", "reviewer", "stranger"])
def test_answers_do_not_depend_on_the_database(
    fhir: TestClient,
    fhir_on_postgresql: tuple[TestClient, dict[str, dict[str, str]]],
    day: Day,
    who: str,
) -> None:
    other, headers = fhir_on_postgresql
    event = resources_of(fhir.get("/fhir/AuditEvent?subtype=sealed").json())[0]
    for path in (
        "Consent",
        "Consent?_count=1",
        f"Consent?_after={day.id_of('anna')}",
        "Consent?status=inactive",
        f"Consent/{day.id_of('anna')}",
        "AuditEvent",
        "AuditEvent?_count=2",
        f"AuditEvent?_count=2&_after={event['id']}",
        f"AuditEvent?date=ge{event['recorded']}",
        f"AuditEvent?date=lt{event['recorded']}",
        f"AuditEvent?patient={day.people['anna'].address}",
        f"AuditEvent/{event['id']}",
        "Provenance",
    ):
        one = fhir.get(f"/fhir/{path}", headers=day.headers[who])
        same = other.get(f"/fhir/{path}", headers=headers[who])
        assert (same.status_code, same.json()) == (one.status_code, one.json()), path
