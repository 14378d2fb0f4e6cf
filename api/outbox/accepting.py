"""Keeping signed acts that were checked against the chain: several in one transaction."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from api.outbox import repository
from api.outbox.checking import Prepared
from api.outbox.models import AcceptedAct
from api.outbox.problems import (
    ActTooCostly,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    QuotaSpent,
)
from api.outbox.showing import shown
from api.outbox.tables import OutboxAct
from api.problems import ServiceProblem
from chain.errors import ChainError

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
#: Revocations are not counted. But a contract account can agree to one when it is asked, and not
#: when it is carried: whoever pays for that stops after so many of an account in the span.
_MOST_REVERTED = 3


@dataclass(frozen=True)
class Brought:
    """An act that the chain was asked about, and who brought it.

    Attributes:
        gas: what it takes; None: it waits for other reviewers, or there is a `refusal`.
        address: EIP-55, whom it counts for.
        key: the request's `Idempotency-Key`.
    """

    prepared: Prepared
    gas: int | None
    refusal: ChainError | ActTooCostly | None
    address: str
    key: str | None


def keep(
    connection: Connection, brought: Sequence[Brought], acts_per_hour: int, now: datetime
) -> list[AcceptedAct | Exception]:
    """Keeps acts, or says of each why it is not kept; the caller commits.

    What is refused leaves nothing behind, and takes no other with it.
    """
    counted = {one.address for one in brought if one.prepared.is_counted}
    repository.lock_quotas(connection, counted)
    return [_kept_or_refused(connection, one, acts_per_hour, now) for one in brought]


def _kept_or_refused(
    connection: Connection, one: Brought, acts_per_hour: int, now: datetime
) -> AcceptedAct | Exception:
    try:
        with connection.begin_nested():
            return _keep(connection, one, acts_per_hour, now)
    except (ServiceProblem, ChainError) as refusal:
        return refusal


def _keep(connection: Connection, one: Brought, acts_per_hour: int, now: datetime) -> AcceptedAct:
    used = _UsedKey(connection, one, now)
    known = used.act_id() or repository.find_live(connection, one.prepared.digest)
    if known is None:
        if one.refusal is not None:
            raise one.refusal
        since = now - repository.QUOTA_SPAN
        if one.prepared.is_counted:
            counted = repository.counted_since(connection, one.address, since)
            _refuse_beyond(acts_per_hour, counted, f"{acts_per_hour} acts an hour", now)
        else:
            reverted = repository.reverted_since(connection, one.prepared.act.account, since)
            _refuse_beyond(_MOST_REVERTED, reverted, "each time it failed in its block", now)
        values = _values(one, now)
        if repository.add(connection, values):
            used.note(values["id"])
            return _accepted(OutboxAct(**values))
        # Another process was brought the same act at the same time, and was quicker.
        known = repository.live(connection, one.prepared.digest)
    used.note(known)
    return _accepted_before(connection, known)


def _accepted(act: OutboxAct) -> AcceptedAct:
    told = shown(repository.Followed(act, None, ()))
    return AcceptedAct(act.id, act.kind, told.state, True, told)


def _accepted_before(connection: Connection, act_id: str) -> AcceptedAct:
    with Session(connection) as database:
        told = shown(repository.get(database, act_id))
        return AcceptedAct(told.id, told.kind, told.state, False, told)


class _UsedKey:
    """One request's Idempotency-Key; its scope is whom the act counts for."""

    def __init__(self, connection: Connection, one: Brought, now: datetime) -> None:
        """Raises IdempotencyKeyInvalid."""
        self._connection, self._scope, self._now = connection, one.address, now
        self._key = self._request = b""
        if one.key is not None:
            if not _KEY.fullmatch(one.key):
                raise IdempotencyKeyInvalid
            said = json.dumps(one.prepared.act.to_json(), sort_keys=True)
            self._key, self._request = _hash(one.key), _hash(said)

    def act_id(self) -> str | None:
        """The act that the key was used for. Raises IdempotencyKeyReused."""
        if not self._key:
            return None
        found = repository.find_key(self._connection, self._scope, self._key)
        if found is None:
            return None
        request, act_id = found
        if request != self._request:
            raise IdempotencyKeyReused
        return act_id

    def note(self, act_id: str) -> None:
        """Remembers the act. Raises IdempotencyKeyReused when another request was quicker."""
        if self._key:
            repository.add_key(
                self._connection, self._scope, self._key, self._request, act_id, self._now
            )
            self.act_id()


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _refuse_beyond(limit: int, times: Sequence[datetime], detail: str, now: datetime) -> None:
    if len(times) < limit:
        return
    wait = times[-limit] + repository.QUOTA_SPAN - now
    raise QuotaSpent(detail, headers={"Retry-After": str(max(1, int(wait.total_seconds()) + 1))})


def _values(one: Brought, now: datetime) -> dict[str, Any]:
    prepared = one.prepared
    return {
        "id": secrets.token_hex(16),
        "digest": prepared.digest,
        "kind": prepared.kind,
        "priority": prepared.priority,
        "state": "accepted" if one.gas is not None else "waiting",
        "account": prepared.act.account,
        "study_id": prepared.study_id,
        "contract": prepared.call.contract,
        "data": prepared.call.data,
        "gas": one.gas or 0,
        "checked_at": now,
        "voice_of": prepared.said if prepared.needs_others else None,
        "signed": prepared.act.to_json() if prepared.needs_others else None,
        "quota_address": one.address if prepared.is_counted else None,
        "accepted_at": now,
        "tries": 0,
    }
