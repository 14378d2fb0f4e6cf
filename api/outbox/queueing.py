"""Which acts go next: withdrawals first, and those of several reviewers once they are enough."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from api.clock import Clock
from api.outbox import relay_repository as repository
from api.outbox.checking import Call
from api.outbox.failing import failed
from api.outbox.problems import ActTooCostly
from api.outbox.relay_node import RelayNode
from api.outbox.tables import OutboxAct
from chain.errors import ChainError, ContractRefused, RegistryQuorumNotReached
from chain.signed_act import SignedAct, call_of

#: What was found of an act before it was kept is asked again when it is older than this.
_FRESH = timedelta(seconds=10)
_GATHER_SECONDS = 2.0


class Queue:
    """The acts that are not sent yet."""

    def __init__(self, sessions: sessionmaker[Session], node: RelayNode, clock: Clock) -> None:
        self._sessions, self._node, self._clock = sessions, node, clock
        self._gathered = -_GATHER_SECONDS

    def next(self, most: int) -> list[list[OutboxAct]]:
        """The next acts, those that one transaction carries together in one list.

        Those that waited are tried again first, and fail here when the contract refuses them now.
        Raises ChainError.
        """
        if most <= 0:
            return []
        with self._sessions() as database:
            database.connection(execution_options={"reads_only": True})
            acts = repository.next_acts(database, most)
        groups: dict[bytes, list[OutboxAct]] = {}
        for act in acts:
            groups.setdefault(act.voice_of or act.digest, []).append(act)
        return self._still_good(list(groups.values()))

    def _still_good(self, groups: list[list[OutboxAct]]) -> list[list[OutboxAct]]:
        limit = self._clock() - _FRESH
        stale = [group for group in groups if group[0].checked_at < limit]
        if not stale:
            return groups
        answers = self._node.estimate([Call(one[0].contract, one[0].data) for one in stale])
        changes: list[dict[str, Any]] = []
        bad: set[int] = set()
        trouble: ChainError | None = None
        for group, answer in zip(stale, answers, strict=True):
            if isinstance(answer, int):
                for act in group:
                    act.gas = answer
                continue
            bad.add(group[0].sequence)
            if isinstance(answer, ContractRefused | ActTooCostly):
                changes += [failed(act, answer, self._clock()) for act in group]
            else:
                # The node's own trouble says nothing of the act, which is asked about again later.
                trouble = answer
        if changes:
            with self._sessions.begin() as database:
                repository.settle(database, changes)
        good = [group for group in groups if group[0].sequence not in bad]
        if trouble is not None and not good:
            raise trouble  # what it says of one must not hold up others, but here are none
        return good

    def gather(self) -> int:
        """Puts in line what enough reviewers say by now; returns how many acts changed."""
        if time.monotonic() < self._gathered + _GATHER_SECONDS:
            return 0
        self._gathered = time.monotonic()
        with self._sessions() as database:
            database.connection(execution_options={"reads_only": True})
            groups = repository.voices(database)
        changes = [change for group in groups.values() for change in self._changes(group)]
        if changes:
            with self._sessions.begin() as database:
                repository.settle(database, changes)
        return len(changes)

    def _changes(self, group: Sequence[OutboxAct]) -> list[dict[str, Any]]:
        together = self._together(group)
        answer = self._node.estimate([together])[0]
        if isinstance(answer, int):
            return [
                {
                    "sequence": act.sequence,
                    "state": "accepted",
                    "data": together.data,
                    "gas": answer,
                    "checked_at": self._clock(),
                }
                for act in group
            ]
        if isinstance(answer, RegistryQuorumNotReached):
            return []
        # One that no longer counts must not hold up the others.
        answers = self._node.estimate([Call(act.contract, act.data) for act in group])
        return [
            failed(act, one, self._clock())
            for act, one in zip(group, answers, strict=True)
            if isinstance(one, ContractRefused) and not isinstance(one, RegistryQuorumNotReached)
        ]

    def _together(self, group: Sequence[OutboxAct]) -> Call:
        acts = [SignedAct.from_json(act.signed) for act in group]
        client, function, arguments = call_of(self._node.chain, acts)
        return Call(client.address, client.call_data(function, *arguments))
