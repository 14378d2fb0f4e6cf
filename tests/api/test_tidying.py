"""A service that nobody uses keeps nothing for longer than it says."""

from __future__ import annotations

import dataclasses
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from api.database.tables import METADATA
from api.enrolments.tables import EnrolmentOffer
from api.outbox.tables import IdempotencyKey
from api.service import Service
from api.signin.tables import AccessTokenRow, PasskeyRow, SessionRow, SignInNonce
from api.tidying import Tidying

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOLDER, OTHER, SITE = (f"0x{digit * 40}" for digit in "123")
TABLES = ("signin_nonces", "signin_sessions", "access_tokens", "enrolment_offers", "passkeys")


def test_what_has_expired_goes_by_itself_and_nothing_else(service: Service) -> None:
    idle = dataclasses.replace(service, clock=lambda: NOW)

    def counts() -> list[int]:
        with service.sessions() as database:
            tables = [METADATA.tables[name] for name in (*TABLES, "idempotency_keys")]
            return [database.scalars(select(func.count()).select_from(one)).one() for one in tables]

    for ends in (NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)):
        who = {"id": secrets.token_hex(8), "address": HOLDER, "signer": bytes(20)}
        since = {"created_at": NOW - timedelta(days=2), "expires_at": ends}
        with service.sessions.begin() as database:
            database.add_all(
                [
                    SignInNonce(digest=secrets.token_bytes(32), expires_at=ends),
                    SessionRow(digest=secrets.token_bytes(32), method="passkey", **who, **since),
                    AccessTokenRow(
                        digest=secrets.token_bytes(32), name="a program", scopes="", **who, **since
                    ),
                    EnrolmentOffer(
                        locator=secrets.token_bytes(32),
                        study_id=1,
                        site=SITE,
                        holder=HOLDER,
                        claim=bytes(32),
                        **since,
                    ),
                    PasskeyRow(
                        credential_id=secrets.token_bytes(32),
                        signer=bytes(84),
                        address=OTHER,
                        sign_count=0,
                        created_at=ends - timedelta(days=idle.settings.unused_passkey_days),
                    ),
                    IdempotencyKey(
                        scope=HOLDER,
                        key=secrets.token_bytes(32),
                        request=bytes(32),
                        act_id="1",
                        used_at=ends - timedelta(days=1),
                    ),
                ]
            )
    assert counts() == [2] * 6
    assert Tidying(idle).run_once() == 0
    assert counts() == [1] * 6
