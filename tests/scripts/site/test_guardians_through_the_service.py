"""A guardian account at a site: receipts and erasure on its own word, which the site checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from sqlalchemy import update

from api.erasures.tables import Erasure
from api.receipts.tables import ReceiptKeyRow
from chain.grants import draft_grant
from chain.guardians import approved_grant, approved_revocation
from chain.messages import ErasureRequest, ReceiptKey, Revocation, enrolment_proof
from federation.gate.keys import SiteKeys
from stack.ports import free_port
from study.enrolment_file import EnrolmentFile
from study.service_client import ServiceClient, ServiceRefused
from study.statements import Statement
from tests.api.serving import serving
from tests.guardians import Guarded
from tests.hospital import Answer, Hospital, Services, assent
from tests.scripts.site.test_through_the_service import Place
from tests.world import PURPOSES, YEAR, World, sha256


@pytest.fixture(scope="module")
def place(
    site_world: World, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("guarded")
    hospital = Hospital.ready(site_world, services, folder)
    assert hospital.load(5).code == 0
    with serving(site_world.rpc_url, hospital.deployment_file, folder) as served:
        served.index()
        yield Place(hospital, served, folder)


def consenting(place: Place, record: str) -> tuple[Guarded, int]:
    """A child of the hospital, whose guardian account has consented; the token."""
    hospital = place.hospital
    chain = hospital.chain
    child, path = Guarded(hospital.world, hospital.study_id), place.folder / f"{record}.json"
    enrolled = assent(
        "site", "enrol", hospital.folder, record, "--holder", child.address, "--out", path
    )
    assert enrolled.code == 0, enrolled
    file = EnrolmentFile.load(path)
    grant = draft_grant(
        chain,
        file.enrolment,
        purposes=PURPOSES,
        disease=chain.registry.study(hospital.study_id).disease,
        use_start=0,
        use_end=hospital.world.now + YEAR,
        deadline=hospital.world.now + 3600,
    )
    approved = approved_grant(grant, grant.sign(child.parent, chain.consent.domain))
    proof = enrolment_proof(file.enrolment, file.signature)
    chain.consent.grant_by_sig(grant, child.signer, approved, proof)
    place.served.index()
    tag = file.enrolment.record_tag
    return child, chain.consent.live_token_of(hospital.study_id, hospital.account, tag)


def put(place: Place, child: Guarded, statement: Statement[ReceiptKey]) -> None:
    """A service that keeps whatever it likes as the account's key."""
    row = ReceiptKeyRow(
        holder=child.address,
        x25519=statement.message.x25519,
        issued_at=statement.message.issued_at,
        statement=statement.to_json(),
        stored_at=place.served.service.clock(),
    )
    with place.served.service.sessions.begin() as database:
        database.merge(row)


@contextmanager
def node_away(hospital: Hospital) -> Iterator[None]:
    """The site's own node does not answer; the service's does."""
    settings = hospital.folder / "site.json"
    text = settings.read_text()
    dead = json.loads(text) | {"rpc_url": f"http://127.0.0.1:{free_port()}"}
    settings.write_text(json.dumps(dead))
    try:
        yield
    finally:
        settings.write_text(text)


def test_a_guardian_names_a_key_and_reads_the_child_s_receipts(place: Place) -> None:
    child, token = consenting(place, "p3")
    number = place.round()
    key, secret = place.write_key("parent", child.parent), place.folder / "child-x25519.key"
    as_child: list[object] = ["--key", key, "--guardian-account", child.address]
    named = place.patient("receipt-key", secret, *as_child)
    assert named.code == 0, named
    stranger = place.write_key("stranger", Account.create())
    other = place.patient(
        *("receipt-key", place.folder / "other.key", "--key", stranger),
        *("--guardian-account", child.address),
    )
    assert (other.code, "not the acting key's" in other.words) == (1, True), other

    with node_away(place.hospital):
        away = place.site("send-receipts", "--json")
        assert (away.code, away.json["error"]["kind"]) == (3, "ChainUnreachable"), away
    sent = place.site("send-receipts", "--json")
    assert (sent.code, sent.json["refused"]) == (0, {}), sent
    assert sent.json["sent"] == number
    folder = place.folder / "child"
    folder.mkdir()
    fetched = place.patient("receipts", token, folder, *as_child)
    assert fetched.code == 0, fetched
    sealed = folder / f"round-{number}.sealed.json"
    opened = place.patient("open-receipt", sealed, "--receipt-key", secret, service=False)
    assert opened.code == 0, opened


def test_a_site_encrypts_to_no_key_that_the_account_does_not_stand_by(place: Place) -> None:
    child, token = consenting(place, "p4")
    place.round()
    chain, domain = place.hospital.chain, place.hospital.chain.consent.domain
    sibling = Guarded(place.hospital.world, place.hospital.study_id)
    liar: LocalAccount = Account.create()
    issued = chain.head().timestamp
    mine = ReceiptKey(child.address, sha256("mine"), issued)
    own = Statement.sign_for(chain, mine, child.address, child.parent)
    theirs = ReceiptKey(sibling.address, sha256("theirs"), issued)
    forged = ReceiptKey(child.address, sha256("forged"), issued)
    for statement in (
        # Another account's, a stranger's key for this account, and this account's words for others.
        Statement.sign_for(chain, theirs, sibling.address, sibling.parent),
        Statement.sign(forged, domain, liar),
        Statement(domain, forged, own.signer, own.signature),
        Statement(domain, mine, sibling.signer, own.signature),
        # An address without code is not asked, whatever is signed for it.
        Statement(domain, mine, bytes.fromhex(liar.address[2:]), own.signature),
        # What the acting key alone signed, not as the account.
        Statement.sign(mine, domain, child.parent),
    ):
        put(place, child, statement)
        sent = place.site("send-receipts", "--json")
        assert (sent.code, list(sent.json["refused"])) == (1, [str(token)]), sent

    put(place, child, own)
    assert place.site("send-receipts", "--json").json["refused"] == {}
    # The phone was lost: what its key has said counts no more, and the new key names another.
    found = child.rotate()
    with ServiceClient(place.served.url) as service:
        service.sign_in(found, child.address)
        refused = place.site("send-receipts", "--json")
        assert list(refused.json["refused"]) == [str(token)], refused
        assert "not signed by" in refused.json["refused"][str(token)]
        with pytest.raises(ServiceRefused, match="not signed by"):
            service.put("/v1/me/receipt-key", own.to_json())
        later = ReceiptKey(child.address, sha256("later"), issued + 1)
        said = Statement.sign_for(chain, later, child.address, found)
        service.put("/v1/me/receipt-key", said.to_json())
    assert place.site("send-receipts", "--json").json["refused"] == {}


def test_a_guardian_s_request_for_erasure_is_checked_by_the_site_itself(place: Place) -> None:
    child, token = consenting(place, "p5")
    hospital, chain = place.hospital, place.hospital.chain
    commitment = chain.consent.consent(token).record_commitment
    signed = approved_revocation(
        Revocation(token), Revocation(token).sign(child.parent, chain.consent.domain)
    )
    chain.consent.revoke_by_sig(token, child.signer, signed)
    request = ErasureRequest(child.address, chain.head().timestamp)
    said = Statement.sign_for(chain, request, child.address, child.parent)
    liar: LocalAccount = Account.create()
    with ServiceClient(place.served.url) as service:
        service.sign_in(child.parent, child.address)
        forged = Statement.sign(request, chain.consent.domain, liar).to_json()
        with pytest.raises(ServiceRefused, match="not signed by"):
            service.post("/v1/me/erasure", {"request": forged})
        (asked,) = service.post("/v1/me/erasure", {"request": said.to_json()})["sites"]
    assert asked["signed"]

    def erase() -> Answer:
        return place.site("erase-record", asked["id"], "--yes")

    def kept() -> bool:
        with closing(SiteKeys.open(hospital.folder / "keys")) as keys:
            return keys.record_of(commitment) is not None

    with place.served.service.sessions.begin() as database:
        database.execute(update(Erasure).where(Erasure.id == asked["id"]).values(request=forged))
    refused = erase()
    assert (refused.code, "not signed by" in refused.words, kept()) == (1, True, True), refused
    with place.served.service.sessions.begin() as database:
        database.execute(
            update(Erasure).where(Erasure.id == asked["id"]).values(request=said.to_json())
        )
    with node_away(hospital):
        away = erase()
        assert (away.code, kept()) == (3, True), away
    done = erase()
    assert (done.code, kept()) == (0, False), done
