"""What is held about an address is given out whole, and erased; what cannot be is said."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.database.engine import make_engine
from api.database.migrate import migrate
from api.database.model import AddressType
from api.database.tables import METADATA
from api.enrolments import repository as enrolments
from api.enrolments.tables import EnrolmentOffer
from api.erasures import repository
from api.erasures.personal import IMPERSONAL, PERSONAL
from api.index.tables import IndexedToken
from api.outbox import repository as outbox
from api.outbox.repository import QUOTA_SPAN
from api.outbox.tables import OutboxAct
from api.receipts import repository as receipts
from api.receipts.tables import ReceiptKeyRow
from api.signin.tables import SessionRow
from chain.messages import Erased, ErasureRequest, token_id
from study.statements import Statement
from tests.api.clinic import Clinic

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOLDER, OTHER, SITE = (Account.create().address for _ in range(3))


@pytest.fixture
def database(database_url: str) -> Iterator[Session]:
    """A session on each kind of database."""
    engine = make_engine(database_url)
    migrate(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_every_table_with_an_address_is_personal_or_said_not_to_be() -> None:
    """Who adds a table with an address decides here what export and erasure do with it."""
    found = {
        name: {column.name for column in table.c if isinstance(column.type, AddressType)}
        for name, table in METADATA.tables.items()
    }
    with_address = {name for name, columns in found.items() if columns}
    assert with_address == PERSONAL.keys() | IMPERSONAL.keys()
    for name, how in PERSONAL.items():
        table = METADATA.tables[name]
        assert set(how.columns) <= found[name], name
        assert set(how.hidden) <= set(table.c.keys()), name


def held_about(holder: str) -> list[Any]:
    """Rows about a holder, in tables of every kind; the acts were brought long ago."""
    key = secrets.token_bytes(32)
    act = {
        "kind": "Grant",
        "priority": 1,
        "account": holder,
        "study_id": 1,
        "contract": SITE,
        "data": b"",
        "gas": 1,
        "checked_at": NOW,
        "accepted_at": NOW - 2 * QUOTA_SPAN,
    }
    return [
        IndexedToken(
            token_id=token_id(1, SITE, int.from_bytes(key[:3])),
            study_id=1,
            site=SITE,
            holder=holder,
            granted_block=1,
            granted_tx=key,
        ),
        SessionRow(
            id=key.hex(),
            digest=key,
            address=holder,
            signer=bytes(20),
            method="ethereum",
            created_at=NOW,
            expires_at=NOW,
        ),
        OutboxAct(id=key.hex()[:8], digest=key, state="confirmed", **act),
        OutboxAct(id=key.hex()[8:16], digest=key[::-1], state="accepted", **act),
        ReceiptKeyRow(holder=holder, x25519=key, issued_at=1, statement={}, stored_at=NOW),
        receipts.sealed_receipt(
            token_id(1, SITE, int.from_bytes(key[:3])), 1, SITE, holder, key, b"sealed", NOW
        ),
        EnrolmentOffer(
            locator=key,
            study_id=1,
            site=SITE,
            created_at=NOW,
            expires_at=NOW + timedelta(hours=1),
            holder=holder,
            claim=key,
        ),
    ]


def test_one_address_is_exported_and_erased_and_no_other(database: Session) -> None:
    database.add_all([*held_about(HOLDER), *held_about(OTHER)])
    database.flush()
    before = repository.rows_about(database, OTHER)
    own = repository.rows_about(database, HOLDER)
    assert own.keys() == PERSONAL.keys()
    counts = {name: len(rows) for name, rows in own.items() if rows}
    assert counts == {
        "tokens": 1,
        "signin_sessions": 1,
        "outbox_acts": 2,
        "receipt_keys": 1,
        "receipts": 1,
        "enrolment_offers": 1,
    }
    assert "digest" not in own["signin_sessions"][0]
    assert repository.events_about(database, HOLDER) == []
    erased = repository.erase(database, HOLDER, NOW)
    assert {name for name, count in erased.items() if count} == counts.keys() - {"tokens"}
    left = {name: len(rows) for name, rows in repository.rows_about(database, HOLDER).items()}
    assert {name: count for name, count in left.items() if count} == {
        "tokens": 1,
        "outbox_acts": 1,  # on its way to the chain
    }
    assert repository.rows_about(database, OTHER) == before


def acts_of(database: Session, holder: str) -> dict[str, str]:
    """The state of each of an address's acts, by id."""
    database.expire_all()
    return {
        row["id"]: row["state"] for row in repository.rows_about(database, holder)["outbox_acts"]
    }


def test_an_act_that_was_on_its_way_goes_once_it_is_over(database: Session) -> None:
    """An erasure loses no revocation, and what it has to leave does not stay for good."""
    mine, theirs = held_about(HOLDER), held_about(OTHER)
    database.add_all([*mine, *theirs])
    database.flush()
    repository.erase(database, HOLDER, NOW)
    outbox.forget_erased(database, NOW)
    (carried,) = acts_of(database, HOLDER)
    database.execute(update(OutboxAct).where(OutboxAct.id == carried).values(state="confirmed"))
    outbox.forget_erased(database, NOW)
    assert acts_of(database, HOLDER) == {}
    assert sorted(acts_of(database, OTHER).values()) == ["accepted", "confirmed"]


def test_an_erasure_gives_nobody_a_fresh_quota(database: Session) -> None:
    """What was brought in the last hour counts on, and is forgotten afterwards."""
    finished = held_about(HOLDER)[2]
    finished.quota_address, finished.accepted_at = HOLDER, NOW - timedelta(minutes=10)
    finished.state = "failed"
    database.add(finished)
    database.flush()
    assert repository.erase(database, HOLDER, NOW)["outbox_acts"] == 0
    outbox.forget_erased(database, NOW)
    connection = database.connection()
    assert len(outbox.counted_since(connection, HOLDER, NOW - QUOTA_SPAN)) == 1
    outbox.forget_erased(database, NOW + QUOTA_SPAN)
    assert acts_of(database, HOLDER) == {}


def test_a_site_is_asked_once_and_what_was_confirmed_can_be_asked_again(
    database: Session,
) -> None:
    def ask(request: dict[str, Any] | None, when: datetime = NOW) -> Any:
        repository.ask(database, secrets.token_hex(16), HOLDER, 1, SITE, request, when)
        (found,) = repository.erasures_of(database, HOLDER)
        return found

    first = ask(None)
    assert ask({"signed": True}).request == {"signed": True}
    assert ask(None).request == {"signed": True}
    assert [row.id for row in repository.of_site(database, SITE, None, 10)] == [first.id]
    assert list(repository.of_site(database, SITE, first.id, 10)) == []
    assert list(repository.of_site(database, OTHER, None, 10)) == []
    first.confirmed_at, first.confirmation = NOW, {"signed": True}
    database.flush()
    assert list(repository.of_site(database, SITE, None, 10)) == []
    later = ask(None, NOW + timedelta(days=1))
    assert (later.id, later.confirmed_at, later.confirmation) == (first.id, None, None)


def test_who_wants_receipts_is_paged_by_token(database: Session) -> None:
    for row in held_about(HOLDER)[:1] + held_about(HOLDER)[:1] + held_about(OTHER)[:1]:
        database.add(row)
    key = ReceiptKeyRow(holder=HOLDER, x25519=bytes(32), issued_at=1, statement={}, stored_at=NOW)
    receipts.put_key(database, key)
    receipts.put_key(
        database,
        ReceiptKeyRow(
            holder=HOLDER, x25519=b"\1" * 32, issued_at=2, statement={"n": 2}, stored_at=NOW
        ),
    )
    database.flush()
    (first, named), (second, _) = receipts.wanting(database, 1, SITE, None, 1)
    assert (first < second, named.x25519) == (True, b"\1" * 32)
    assert [token for token, _ in receipts.wanting(database, 1, SITE, first, 1)] == [second]
    assert list(receipts.wanting(database, 1, OTHER, None, 1)) == []
    receipts.put_receipt(
        database, receipts.sealed_receipt(first, 3, SITE, HOLDER, bytes(32), b"old", NOW)
    )
    receipts.put_receipt(
        database, receipts.sealed_receipt(first, 3, SITE, HOLDER, b"\1" * 32, b"new", NOW)
    )
    database.flush()
    assert [row.sealed for row in receipts.receipts_of(database, first)] == [b"new"]
    held = receipts.rounds_held(database, [first, second], SITE)
    assert held == {first: {3: b"\1" * 32}}


def test_an_offer_expires_and_is_forgotten(database: Session) -> None:
    (offer,) = held_about(HOLDER)[-1:]
    enrolments.add(database, offer)
    locator, late = offer.locator, NOW + timedelta(hours=1)
    assert enrolments.live(database, locator, NOW) is not None
    assert enrolments.live(database, locator, late) is None
    assert list(enrolments.offers_of(database, SITE, late, None, 5)) == []
    assert [one.locator for one in enrolments.offers_of(database, SITE, NOW, None, 5)] == [locator]
    enrolments.forget_expired(database, late)
    assert database.scalars(select(EnrolmentOffer)).all() == []


def test_a_patient_sees_everything_and_then_what_the_sites_confirmed(clinic: Clinic) -> None:
    holder, token = clinic.patient()
    clinic.index()
    as_holder, site = clinic.as_(holder), clinic.world.sites[0]
    given = as_holder.get("/me/export").json()
    assert given["address"] == holder.address
    assert [row["token_id"] for row in given["sections"]["tokens"]] == [str(token)]
    (event,) = given["sections"]["events"]
    assert event["values"]["grant"]["holder"] == holder.address
    assert len(given["sections"]["access_tokens"]) == 1
    assert "public chain" in given["kept_after_erasure"]["tokens"]
    assert "on its way" in given["kept_after_erasure"]["outbox_acts"]

    draft = as_holder.post("/me/erasure/drafts").json()
    domain = clinic.chain.consent.domain
    request = ErasureRequest(holder.address, int(draft["typed_data"]["message"]["requestedAt"]))
    assert draft["digest"] == "0x" + request.digest(domain).hex()
    signed = Statement.sign(request, domain, holder).to_json()
    erased = as_holder.post("/me/erasure", {"request": signed})
    assert erased.status_code == 202, erased.text
    assert erased.json()["erased"]["access_tokens"] == 1
    assert as_holder.get("/me/export").status_code == 401

    as_site = clinic.as_(site)
    rows = as_site.get("/erasures?limit=200").json()["items"]
    waiting = next(row for row in rows if row["holder"] == holder.address)
    assert waiting["request"] == signed
    where = f"/erasures/{waiting['id']}/confirmation"
    said = Erased(clinic.study, site.address, holder.address, 1)
    others = Erased(clinic.study, site.address, site.address, 1)
    wrong = Statement.sign(others, domain, site).to_json()
    assert as_site.post(where, {"statement": wrong}).json()["code"] == "confirmation-refused"
    forged = Statement.sign(said, domain, holder).to_json()
    assert as_site.post(where, {"statement": forged}).json()["code"] == "signature-unusable"
    other_site = clinic.as_(clinic.world.sites[1])
    their_own = Statement.sign(said, domain, clinic.world.sites[1]).to_json()
    assert other_site.post(where, {"statement": their_own}).status_code == 404
    confirmed = as_site.post(where, {"statement": Statement.sign(said, domain, site).to_json()})
    assert confirmed.status_code == 200, confirmed.text

    (told,) = clinic.as_(holder).get("/me/erasure").json()
    assert (told["signed"], told["confirmed_by"]) == (True, site.address)
    assert told["confirmation"]["typed_data"]["message"]["holder"] == holder.address


def test_a_request_signed_by_somebody_else_asks_nobody(clinic: Clinic) -> None:
    holder, _ = clinic.patient()
    clinic.index()
    liar: LocalAccount = Account.create()
    domain = clinic.chain.consent.domain
    for message in (ErasureRequest(holder.address, 1), ErasureRequest(liar.address, 1)):
        body = {"request": Statement.sign(message, domain, liar).to_json()}
        refused = clinic.as_(holder).post("/me/erasure", body)
        assert refused.json()["code"] == "signature-unusable"
    assert clinic.as_(holder).get("/me/erasure").json() == []
