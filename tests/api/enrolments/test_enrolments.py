"""Enrolment by a code that the service never sees."""

from __future__ import annotations

from eth_account import Account

from study.enrolment_code import EnrolmentCode
from tests.api.clinic import Clinic

HOLDER = Account.create().address


def path(code: EnrolmentCode, rest: str = "") -> str:
    return f"/v1/enrolments/0x{code.locator.hex()}{rest}"


def offered(clinic: Clinic, **changes: object) -> EnrolmentCode:
    code = EnrolmentCode.make()
    body = {"locator": "0x" + code.locator.hex(), "study_id": clinic.study} | changes
    answer = clinic.as_(clinic.world.sites[0]).post("/enrolments", body)
    assert answer.status_code == 201, answer.text
    return code


def test_a_code_serves_one_address_once(clinic: Clinic) -> None:
    code, client, site = offered(clinic), clinic.client, clinic.world.sites[0]
    as_site = clinic.as_(site)
    found = client.get(path(code)).json()
    assert (found["state"], found["study_id"], found["site"]) == (
        "offered",
        clinic.study,
        site.address,
    )
    early = as_site.put(path(code, "/answer")[3:], {"sealed": "0x" + "ab" * 64})
    assert early.json()["code"] == "enrolment-not-claimed"
    claim = "0x" + code.claim(clinic.study, site.address, HOLDER).hex()
    body = {"holder": HOLDER.lower(), "claim": claim}
    assert client.post(path(code, "/taken"), json=body).status_code == 404
    for _ in range(2):  # an answer may have been lost on its way
        assert client.post(path(code, "/claim"), json=body).json()["state"] == "claimed"
    stolen = body | {"holder": Account.create().address}
    assert client.post(path(code, "/claim"), json=stolen).json()["code"] == "enrolment-code-used"

    rows = as_site.get("/enrolments?limit=200").json()["items"]
    seen = next(row for row in rows if row["locator"] == "0x" + code.locator.hex())
    assert (seen["holder"], seen["claim"]) == (HOLDER, claim)
    sealed = "0x" + code.seal(b"enrolment").hex()
    assert as_site.put(path(code, "/answer")[3:], {"sealed": sealed}).status_code == 200
    told = client.get(path(code)).json()
    assert code.open(bytes.fromhex(told["sealed"][2:])) == b"enrolment"
    assert client.post(path(code, "/taken"), json=body).status_code == 204
    assert client.get(path(code)).status_code == 404


def test_only_a_site_of_the_study_offers_and_only_its_own_are_its(clinic: Clinic) -> None:
    code = offered(clinic)
    stranger = clinic.as_(Account.create())
    other_site = clinic.as_(clinic.world.sites[1])
    body = {"locator": "0x" + EnrolmentCode.make().locator.hex(), "study_id": clinic.study}
    assert stranger.post("/enrolments", body).status_code == 404
    assert other_site.post("/enrolments", body | {"study_id": 10**6}).status_code == 404
    again = other_site.post("/enrolments", body | {"locator": "0x" + code.locator.hex()})
    assert again.json()["code"] == "enrolment-code-used"
    for one in (stranger, other_site):
        assert one.delete(path(code)[3:]).status_code == 404
        answer = one.put(path(code, "/answer")[3:], {"sealed": "0x" + "ab" * 64})
        assert answer.status_code == 404
        assert all(
            row["locator"] != "0x" + code.locator.hex()
            for row in one.get("/enrolments?limit=200").json()["items"]
        )
    assert clinic.client.post("/v1/enrolments", json=body).status_code == 401
    assert clinic.as_(clinic.world.sites[0]).delete(path(code)[3:]).status_code == 204
    assert clinic.client.get(path(code)).status_code == 404


def test_guessing_finds_nothing_and_is_stopped(clinic: Clinic) -> None:
    """Each guess is one of 2^256 locators; after some nobody is asked any more."""
    client = clinic.client
    answers = [client.get(path(EnrolmentCode.make())) for _ in range(70)]
    assert {answer.status_code for answer in answers} == {404, 429}
    assert answers[-1].json()["code"] == "too-many-requests"
    assert client.get("/v1/enrolments/0xzz").status_code in (404, 429)
    clinic.client.app.state.limiter.reset()  # type: ignore[attr-defined]
