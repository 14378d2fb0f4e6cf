"""Studies as people read them: from the index alone, and from IPFS by hash."""

import hashlib
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.index.indexer import Indexer
from api.service import Service
from audit.spending import spending
from ipfs.objects import ObjectStore
from study.documents import consent_text_document
from study.overview import replay
from tests.kubo import kubo_api
from tests.world import World, sha256

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def ipfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An IPFS node with the consent text alone."""
    with kubo_api(tmp_path_factory.mktemp("ipfs")) as api:
        yield api


def without_chain(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("the chain was asked")

    monkeypatch.setattr(service.node, "chain", refuse)


def test_studies_are_told_in_words_and_numbers_without_asking_the_chain(
    client: TestClient, service: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/v1/studies").json()["code"] == "nothing-indexed"
    first = world.approved_study()
    second = world.propose(disease=5388)
    world.give_consent(first, world.sites[0], world.accounts[20])
    Indexer(service).run_once()
    head, state = world.chain().head(), replay(world.chain(), first)
    without_chain(service, monkeypatch)

    page = client.get("/v1/studies", params={"limit": 1}).json()
    assert page["as_of"] == {
        "number": head.number,
        "hash": "0x" + head.hash.hex(),
        "timestamp": head.timestamp,
    }
    assert [one["study_id"] for one in page["items"]] == [first]
    rest = client.get("/v1/studies", params={"after": page["next"]}).json()
    assert [(one["study_id"], one["disease"]) for one in rest["items"]] == [
        (second, "primary biliary cholangitis (MONDO:0005388)")
    ]
    assert rest["next"] is None
    assert not rest["items"][0]["standing"]["usable"]

    shown = client.get(f"/v1/studies/{first}").json()
    assert shown["standing"]["usable"]
    assert shown["sponsor"] == world.sponsor.address
    assert shown["terms"]["coordinator"] == world.coordinator.address
    assert shown["terms"]["rho_ceiling"] == str(20 * 10**18)
    subjects = {one["subject"]: one["text"] for one in shown["terms_in_words"]}
    assert subjects["late withdrawal"].startswith("a round whose patient withdraws")
    assert [one["tokens_granted"] for one in shown["sites"]] == [1, 0, 0, 0, 0]
    assert shown["privacy"] == spending(state).to_json()
    assert [one["reviewer"] for one in shown["versions"][0]["approvals"]] == [
        reviewer.address for reviewer in world.reviewers[:2]
    ]
    assert client.get(f"/v1/studies/{second + 1}").status_code == 404


def test_a_suspension_and_the_end_of_an_approval_are_seen_at_the_block_they_come_with(
    client: TestClient, service: Service, world: World
) -> None:
    study = world.propose_after_registering()
    world.approve(study, expires_at=world.now + 1000)
    indexer = Indexer(service)

    def usable() -> bool:
        indexer.run_once()
        return bool(client.get(f"/v1/studies/{study}").json()["standing"]["usable"])

    assert usable()
    world.pass_time(1000)
    assert not usable()
    world.approve(study)
    assert usable()
    world.chain(world.reviewers[0]).registry.suspend(study)
    assert not usable()


def test_documents_are_found_by_their_hash_and_what_is_absent_is_said_to_be(
    service: Service, world: World, ipfs: str
) -> None:
    text = consent_text_document({"en": "We ask you ...", "de": "Wir bitten Sie ..."})
    with ObjectStore(ipfs) as store:
        store.put(text)
    study = world.propose_after_registering(consent_text_hash=hashlib.sha256(text).digest())
    Indexer(service).run_once()
    service.settings = service.settings.model_copy(update={"ipfs": ipfs})
    with TestClient(create_app(service), base_url=service.settings.origin) as client:
        folder = f"/v1/studies/{study}/versions/1"
        listed = client.get(f"{folder}/documents").json()["documents"]
        assert {one["name"] for one in listed if one["stored"]} == {"consent-text.json"}
        assert listed[0]["sha256"] == "0x" + sha256("protocol").hex()
        german = client.get(f"{folder}/consent-text", params={"language": "de"}).json()
        assert (german["text"], german["languages"]) == ("Wir bitten Sie ...", ["de", "en"])
        assert client.get(f"{folder}/consent-text").json()["language"] == "en"
        absent = client.get(f"{folder}/consent-text", params={"language": "fr"})
        assert (absent.status_code, absent.json()["code"]) == (404, "language-absent")
        assert absent.json()["languages"] == ["de", "en"]

        other = world.propose()
        Indexer(service).run_once()
        missing = client.get(f"/v1/studies/{other}/versions/1/consent-text")
        assert missing.json()["code"] == "document-absent"
        assert missing.json()["cid"].startswith("bafkrei")

        service.settings = service.settings.model_copy(update={"ipfs": None})
        none = client.get(f"{folder}/documents").json()["documents"]
        assert {one["stored"] for one in none} == {None}
        assert client.get(f"{folder}/consent-text").json()["code"] == "documents-not-served"
