"""Where signed acts come in: checked against the chain, then kept until they are over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, cast

from fastapi import Depends, Request

from api.outbox.accepting import Brought, keep
from api.outbox.checking import Prepared, estimate, prepare
from api.outbox.models import AcceptedAct
from api.outbox.problems import ActTooCostly, RelayOff
from api.service import Service
from api.together import Together
from chain.errors import ChainError
from chain.signed_act import SignedAct

#: One request to the node may ask so much that a slow answer is still in time for all.
_MOST_ASKED = 16
_MOST_KEPT = 64


class Intake:
    """Accepts acts, those that come at the same time together: one request to the node asks about
    all of them, and one transaction of the database keeps them. One a process.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._asking = Together(self._ask, _MOST_ASKED)
        self._keeping = Together(self._keep, _MOST_KEPT)

    def accept(
        self, act: SignedAct, caller_address: str | None, idempotency_key: str | None
    ) -> AcceptedAct:
        """Keeps an act that the contracts would accept now; the worker carries it to the chain.

        It is kept for good when this returns. The same act gives the same answer however often and
        by whomever it is brought, unless it failed: then it is tried afresh. Call it without a
        transaction of one's own: SQLite has one writer at a time.

        Args:
            caller_address: EIP-55, who is signed in; None: the act counts for who signed it.
            idempotency_key: the request's `Idempotency-Key`, if any.

        Raises:
            RelayOff, ActForAnotherChain, ActTooCostly, QuotaSpent
            IdempotencyKeyInvalid, IdempotencyKeyReused
            chain.errors.ChainError: a ContractRefused among them, when the contract would refuse
                it.
            sqlalchemy.exc.DBAPIError: the database is away; it may have been kept all the same.
        """
        if self._service.settings.relayer_key is None:
            raise RelayOff
        prepared = prepare(self._service.node.chain(), act)
        gas: int | None
        refusal: ChainError | ActTooCostly | None
        try:
            gas, refusal = self._asking.do(prepared), None
        except (ChainError, ActTooCostly) as error:
            # An act that was carried is refused the second time, and is still the same act.
            gas, refusal = None, error
        brought = Brought(prepared, gas, refusal, caller_address or act.account, idempotency_key)
        return self._keeping.do(brought)

    def _ask(self, acts: Sequence[Prepared]) -> Sequence[int | Exception | None]:
        return estimate(self._service.node.chain(), acts)

    def _keep(self, brought: Sequence[Brought]) -> Sequence[AcceptedAct | Exception]:
        settings, now = self._service.settings, self._service.clock()
        with self._service.engine.begin() as connection:
            return keep(connection, brought, settings.acts_per_hour, now)


async def _intake_of(request: Request) -> Intake:
    return cast(Intake, request.app.state.intake)


#: The application's.
IntakeOf = Annotated[Intake, Depends(_intake_of)]
