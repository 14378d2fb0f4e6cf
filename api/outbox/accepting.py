"""Accepting signed acts: checked against the chain, then kept in the caller's transaction."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from api.outbox import repository
from api.outbox.checking import Prepared, estimate, prepare
from api.outbox.models import AcceptedAct
from api.outbox.problems import (
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    QuotaSpent,
    RelayOff,
)
from api.outbox.tables import OutboxAct
from api.service import Service
from chain.chain import Chain
from chain.errors import ChainError
from chain.signed_act import SignedAct

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_QUOTA_SPAN = timedelta(hours=1)


@dataclass(frozen=True)
class Checked:
    """An act that the chain was asked about: `gas` it takes (None: it waits for other reviewers),
    or `refusal`.
    """

    prepared: Prepared
    gas: int | None
    refusal: ChainError | None


def accept(
    database: Session,
    chain: Chain,
    act: SignedAct,
    caller_address: str | None,
    idempotency_key: str | None,
    *,
    service: Service,
) -> AcceptedAct:
    """Keeps an act that the contracts would accept now; the worker carries it to the chain.

    Call it before any other use of `database`: the chain is asked first, and SQLite has one writer
    at a time. The act is kept when the caller's transaction commits. The same act gives the same
    answer however often and by whomever it is brought, unless it failed: then it is tried afresh.

    Args:
        caller_address: EIP-55, who is signed in; None: the act counts for who signed it.
        idempotency_key: the request's `Idempotency-Key`, if any.

    Raises:
        RelayOff, ActForAnotherChain, QuotaSpent, IdempotencyKeyInvalid, IdempotencyKeyReused
        chain.errors.ChainError: a ContractRefused among them, when the contract would refuse it.
    """
    checked = check(chain, act, service=service)
    return keep(database, checked, caller_address, idempotency_key, service=service)


def check(chain: Chain, act: SignedAct, *, service: Service) -> Checked:
    """The part of `accept` that asks the chain. Raises RelayOff, ActForAnotherChain."""
    if service.settings.relayer_key is None:
        raise RelayOff
    prepared = prepare(chain, act)
    try:
        return Checked(prepared, estimate(chain, prepared), None)
    except ChainError as error:
        # An act that was carried is refused the second time, and is still the same act.
        return Checked(prepared, None, error)


def keep(
    database: Session,
    checked: Checked,
    caller_address: str | None,
    idempotency_key: str | None,
    *,
    service: Service,
) -> AcceptedAct:
    """The part of `accept` that asks the database."""
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise IdempotencyKeyInvalid
    prepared = checked.prepared
    quota_address = caller_address or prepared.act.account
    now = service.clock()
    used = _UsedKey(database, quota_address, idempotency_key, prepared.act, now)
    known = used.act() or repository.find_live(database, prepared.digest)
    if known is None and checked.refusal is not None:
        raise checked.refusal
    if known is None and prepared.is_counted:
        _refuse_beyond_quota(database, quota_address, service.settings.acts_per_hour, now)
    is_new = known is None
    if known is None:
        known = _row(prepared, checked.gas, quota_address, now)
        is_new = repository.add(database, known)
        if not is_new:
            # Somebody brought the same act at the same time, and was quicker.
            known = repository.live(database, prepared.digest)
    used.note(known)
    return AcceptedAct(known.id, known.kind, repository.state_of(known), is_new)


class _UsedKey:
    """One request's Idempotency-Key; its scope is whom the act counts for."""

    def __init__(
        self, database: Session, scope: str, key: str | None, act: SignedAct, now: datetime
    ) -> None:
        self._database, self._scope, self._now = database, scope, now
        self._key = None if key is None else hashlib.sha256(key.encode()).digest()
        self._request = b"" if key is None else _hash_of(act)

    def act(self) -> OutboxAct | None:
        """The act that the key was used for. Raises IdempotencyKeyReused."""
        if self._key is None:
            return None
        found = repository.find_key(self._database, self._scope, self._key)
        if found is None:
            return None
        if found.request != self._request:
            raise IdempotencyKeyReused
        return repository.find(self._database, found.act_id)

    def note(self, act: OutboxAct) -> None:
        """Remembers the act. Raises IdempotencyKeyReused when another request was quicker."""
        if self._key is None:
            return
        repository.add_key(self._database, self._scope, self._key, self._request, act.id, self._now)
        self.act()


def _hash_of(act: SignedAct) -> bytes:
    return hashlib.sha256(json.dumps(act.to_json(), sort_keys=True).encode()).digest()


def _refuse_beyond_quota(database: Session, address: str, limit: int, now: datetime) -> None:
    repository.lock_quota(database, address)
    times = repository.counted_since(database, address, now - _QUOTA_SPAN)
    if len(times) < limit:
        return
    wait = times[-limit] + _QUOTA_SPAN - now
    raise QuotaSpent(
        f"{limit} acts an hour", headers={"Retry-After": str(max(1, int(wait.total_seconds()) + 1))}
    )


def _row(prepared: Prepared, gas: int | None, quota_address: str, now: datetime) -> OutboxAct:
    return OutboxAct(
        id=secrets.token_hex(16),
        digest=prepared.digest,
        kind=prepared.kind,
        priority=prepared.priority,
        state="accepted" if gas is not None else "waiting",
        account=prepared.act.account,
        study_id=prepared.study_id,
        contract=prepared.call.contract,
        data=prepared.call.data,
        gas=gas or 0,
        checked_at=now,
        voice_of=prepared.said if prepared.needs_others else None,
        signed=prepared.act.to_json() if prepared.needs_others else None,
        quota_address=quota_address if prepared.is_counted else None,
        accepted_at=now,
        tries=0,
    )
