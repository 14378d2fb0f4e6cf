"""A patient's consents over HTTP: what is signed is what was shown, and nobody else's is seen."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.messages import Challenge, Grant, Revocation, account_of_signer
from chain.passkeys import passkey_signer
from chain.signed_act import SignedAct, read_typed_data
from study.enrolment_file import EnrolmentFile
from tests.api.clinic import Clinic
from tests.software_passkey import SoftwarePasskey, base64url

#: Nobody in particular's.
STRANGER: LocalAccount = Account.create()


def choices(enrolment: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"enrolment": enrolment, "purposes": ["training"], "language": "de"} | changes


def test_a_draft_is_what_the_chain_will_take_and_says_so_in_words(clinic: Clinic) -> None:
    holder: LocalAccount = Account.create()
    enrolment = clinic.enrolment(holder.address, "draft")
    answer = clinic.client.post("/v1/consents/drafts", json=choices(enrolment, days=30))
    assert answer.status_code == 200, answer.text
    draft = answer.json()
    domain, grant = read_typed_data(draft["typed_data"], Grant)
    assert domain == clinic.chain.consent.domain
    assert draft["digest"] == "0x" + grant.digest(domain).hex()
    assert draft["consent_text"] == "Ich erlaube diese Studie.\n"
    assert grant.use_end - grant.use_start == 30 * 86_400
    said = {one["subject"]: one["says"] for one in draft["summary"]}
    assert said["in this study"] == "rounds may use the record"
    assert said["hospital"] == clinic.world.sites[0].address

    file = EnrolmentFile.load(clinic.desk.folder / "draft.enrolment.json")
    act = SignedAct.sign(grant, domain, holder, file.enrolment, file.signature)
    accepted = clinic.client.post("/v1/acts", json=act.to_json())
    assert accepted.status_code == 202, accepted.text


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"language": "fr"}, 422, "language-unknown"),
        ({"purposes": ["profit"]}, 422, "choice-unusable"),
        ({"purposes": []}, 422, "choice-unusable"),
        ({"days": 0}, 422, "request-invalid"),
    ],
)
def test_what_cannot_be_granted_is_named(
    clinic: Clinic, change: dict[str, Any], status: int, code: str
) -> None:
    enrolment = clinic.enrolment(Account.create().address, f"bad-{code}")
    answer = clinic.client.post("/v1/consents/drafts", json=choices(enrolment, **change))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_enrolment_that_was_altered_or_is_for_elsewhere_is_refused(clinic: Clinic) -> None:
    enrolment = clinic.enrolment(Account.create().address, "altered")
    members = enrolment["enrolment"]
    for wrong, code in (
        (enrolment | {"chain_id": 1}, "enrolment-unusable"),
        (enrolment | {"schema": "assent-enrolment-1"}, "enrolment-unusable"),
        (enrolment | {"enrolment": members | {"deadline": 1}}, "enrolment-not-accepted"),
        (
            enrolment | {"enrolment": members | {"holder": STRANGER.address}},
            "enrolment-not-accepted",
        ),
    ):
        answer = clinic.client.post("/v1/consents/drafts", json=choices(wrong))
        assert answer.json()["code"] == code, wrong


def test_a_browser_posts_what_its_passkey_answered(clinic: Clinic) -> None:
    passkey = SoftwarePasskey()
    verifier = clinic.chain.deployment.webauthn_verifier
    holder = account_of_signer(passkey_signer(verifier, passkey.public_key))
    enrolment = clinic.enrolment(holder, "passkey")
    draft = clinic.client.post("/v1/consents/drafts", json=choices(enrolment)).json()
    assertion = passkey.assertion(bytes.fromhex(draft["digest"][2:]))
    body = {
        "typed_data": draft["typed_data"],
        "public_key": base64url(passkey.public_key),
        "assertion": assertion,
        "enrolment": enrolment,
    }
    accepted = clinic.client.post("/v1/consents/assertions", json=body)
    assert accepted.status_code == 202, accepted.text
    assert accepted.json()["account"] == holder
    told = clinic.client.get(accepted.headers["location"])
    assert (told.status_code, told.json()["kind"]) == (200, "Grant")

    domain = body["typed_data"]["domain"]
    for wrong in (
        body | {"enrolment": None},
        body | {"assertion": passkey.assertion(bytes(32))},
        body | {"public_key": base64url(SoftwarePasskey().public_key)},
        body | {"public_key": ""},
        body | {"assertion": {"response": {}}},
        body | {"typed_data": draft["typed_data"] | {"domain": domain | {"chainId": 10**80}}},
        body | {"typed_data": draft["typed_data"] | {"primaryType": "Approval"}},
        body | {"typed_data": {}},
    ):
        refused = clinic.client.post("/v1/consents/assertions", json=wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "signature-unusable"), wrong


def test_a_token_is_shown_as_the_chain_has_it_with_block_and_transaction(clinic: Clinic) -> None:
    holder, token = clinic.patient()
    as_holder = clinic.as_(holder)
    early = as_holder.get(f"/consents/{token}").json()
    assert (early["active"], early["rounds_may_use_it"]) == (True, True)
    assert early["granted"] | {"at": 0} == {"at": 0, "block": None, "transaction": None}

    revoked = clinic.world.revoke(token, holder)
    clinic.index()
    (found,) = as_holder.get("/consents").json()["items"]
    assert found == as_holder.get(f"/consents/{token}").json() | {"as_of": found["as_of"]}
    assert (found["active"], found["rounds_may_use_it"]) == (False, False)
    block = clinic.chain.block(revoked.block_number)
    assert found["revoked"]["block"] == {
        "number": block.number,
        "hash": "0x" + block.hash.hex(),
        "timestamp": found["revoked"]["at"],
    }
    assert found["revoked"]["transaction"] == "0x" + revoked.tx_hash.hex()
    assert found["granted"]["block"]["number"] < revoked.block_number
    assert found["disease"] == "primary biliary cholangitis (MONDO:0005388)"
    block = clinic.chain.block(found["as_of"]["number"])
    assert found["as_of"]["hash"] == "0x" + block.hash.hex()


def test_ones_own_consents_are_paged_and_nobody_elses_are_among_them(clinic: Clinic) -> None:
    holder, first = clinic.patient(0)
    second = clinic.world.give_consent(
        clinic.study, clinic.world.sites[1], holder, "second record", disease=5388
    )
    clinic.index()
    as_holder, seen, after = clinic.as_(holder), [], ""
    while after is not None:
        page = as_holder.get(f"/consents?limit=1{after and f'&after={after}'}").json()
        seen += [int(one["token_id"]) for one in page["items"]]
        after = page["next"]
    assert seen == sorted([first, second])
    assert clinic.as_(STRANGER).get("/consents").json()["items"] == []


@pytest.mark.parametrize(
    "path", ["", "/rounds", "/receipts", "/withdrawal", "/revocation/drafts", "/challenges/drafts"]
)
def test_somebody_elses_token_does_not_exist(clinic: Clinic, path: str) -> None:
    _, token = clinic.patient()
    stranger = clinic.as_(STRANGER)
    for number in (token, 0, 2**256 - 1, 2**256, "x", "-1", "1" * 400):
        where = f"/consents/{number}{path}"
        answer = (
            stranger.post(where, {"round": 1}) if path.endswith("drafts") else stranger.get(where)
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), where
    where = f"/v1/consents/{token}{path}"
    client = clinic.client
    nobody = client.post(where, json={"round": 1}) if "drafts" in path else client.get(where)
    assert nobody.status_code == 401


def test_drafts_of_a_revocation_and_a_question_are_what_the_contracts_take(clinic: Clinic) -> None:
    holder, token = clinic.patient()
    as_holder = clinic.as_(holder)
    draft = as_holder.post(f"/consents/{token}/revocation/drafts").json()
    domain, revocation = read_typed_data(draft["typed_data"], Revocation)
    assert (domain, revocation) == (clinic.chain.consent.domain, Revocation(token))
    SignedAct.sign(revocation, domain, holder).carry(clinic.chain)
    assert not as_holder.get(f"/consents/{token}").json()["active"]

    draft = as_holder.post(f"/consents/{token}/challenges/drafts", {"round": 7}).json()
    domain, question = read_typed_data(draft["typed_data"], Challenge)
    site = clinic.world.sites[0].address
    asked = Challenge(clinic.study, 7, site, token)
    assert (domain, question) == (clinic.chain.ledger.domain, asked)


def test_rounds_are_told_in_words(clinic: Clinic) -> None:
    holder, token = clinic.patient()
    world, study = clinic.world, clinic.study
    number = world.open_round(study)
    world.commit(study, number, world.sites[0])
    world.chain(world.coordinator).ledger.abort(study, number)
    clinic.index()
    rounds = clinic.as_(holder).get(f"/consents/{token}/rounds").json()
    found = next(one for one in rounds if one["round"] == number)
    assert found == {
        "round": number,
        "state": "aborted",
        "used": True,
        "says": "may have used it",
    }


def test_a_holder_reads_what_became_of_a_withdrawal_with_both_clocks(clinic: Clinic) -> None:
    holder, token = clinic.patient()
    as_holder, where = clinic.as_(holder), f"/consents/{token}/withdrawal"
    clinic.index()
    early = as_holder.get(where)
    assert (early.status_code, early.json()["code"]) == (409, "withdrawal-not-there")
    assert early.json()["detail"].endswith("is not withdrawn")

    revoked = clinic.world.revoke(token, holder)
    assert as_holder.get(where).status_code == 409, "the index has not read it yet"
    clinic.index()
    found = as_holder.get(where).json()
    at = clinic.chain.block(revoked.block_number).timestamp
    assert found["headline"] == "No round can have used your record under this consent."
    assert (found["remedy"], found["final"]) == ("not used", True)
    halted = {"started_at": at, "deadline": at, "ended_at": at, "in_time": True}
    assert found["halting"] == halted
    finishing = found["finishing"]
    assert finishing["started_at"] == at and finishing["in_time"]
    said = {one["subject"]: one["says"] for one in found["facts"]}
    assert said["use of your record"].startswith("stopped at once")
    assert "only your receipt for that round proves" in " ".join(found["remarks"])
