"""A real chain with two studies on it, for lies that contracts refuse and leave no trace of."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from audit import cohort
from chain.messages import Commitment
from study.receipt import Receipt
from tests.audit.real_study import RealStudy
from tests.world import World, fresh_mask_key


@dataclass
class Stage:
    """``open``: a study with a closed round and an open one, to which every site but the last has
    committed, the first before a consent was withdrawn there. ``sealed``: one with a sealed round.
    ``withdrawn``: that token, with its holder; ``live``: one that is in force.
    """

    world: World
    open: RealStudy
    sealed: RealStudy
    withdrawn: tuple[int, LocalAccount]
    live: tuple[int, LocalAccount]

    @classmethod
    def set(cls, world: World) -> Stage:
        first = RealStudy(world, {"waiting_rounds": 2})
        patients = [[first.patient(site) for _ in range(2)] for site in world.sites]
        patients[0].append(first.patient(world.sites[0]))
        first.round()
        number = first.open()
        for site in world.sites[:-1]:
            first.commit(number, site)
        withdrawn, live = patients[0][:2]
        first.revoke(withdrawn)
        second = RealStudy(world)
        for site in world.sites:
            for _ in range(2):
                second.patient(site)
        second.commit_and_seal()
        return cls(world, first, second, withdrawn, live)

    @property
    def first(self) -> LocalAccount:
        return self.world.sites[0]

    @property
    def last(self) -> LocalAccount:
        """The site that has not committed yet."""
        return self.world.sites[-1]

    def as_(self, account: LocalAccount) -> Any:
        return self.world.chain(account)

    @property
    def coordinator(self) -> Any:
        return self.as_(self.world.coordinator)

    def commitment(self, **changes: Any) -> Commitment:
        """What the last site could commit to the open round, and would be taken."""
        chain = self.as_(self.last)
        head, study = chain.head(), self.open.number
        honest = Commitment(
            attempt=1,
            cohort_root=secrets.token_bytes(32),
            cohort_size=2,
            block_number=head.number,
            block_hash=head.hash,
            epoch=chain.consent.epoch(study, self.last.address),
            vector_hash=secrets.token_bytes(32),
            mask_key=fresh_mask_key(),
            environment_hash=secrets.token_bytes(32),
        )
        return dataclasses.replace(honest, **changes)

    def commit(self, **changes: Any) -> object:
        return self.as_(self.last).ledger.commit(self.open.number, 2, self.commitment(**changes))

    def receipt(self, status: cohort.Status = cohort.Status.ADMITTED) -> Receipt:
        """The first site's receipt of the closed round for its first token; another status than
        the one committed to makes a tree of its own.
        """
        chain, study, site = self.coordinator, self.open, self.first.address
        salts = study.salts[1, site, 1]
        deployed = chain.deployment
        tokens = [chain.consent.token_id_of(study.number, site, n) for n in range(len(salts))]
        leaves = [
            cohort.leaf(
                deployed.chain_id,
                deployed.ledger,
                study.number,
                site,
                1,
                index,
                token,
                status if index == 0 else cohort.Status.ADMITTED,
                salts[index],
            )
            for index, token in enumerate(tokens)
        ]
        return Receipt(
            chain_id=deployed.chain_id,
            ledger=deployed.ledger,
            token_id=tokens[0],
            round_number=1,
            attempt=1,
            status=status,
            salt=salts[0],
            count=len(salts),
            path=cohort.proof(leaves, 0),
            root=cohort.root(leaves),
        )

    @staticmethod
    def stranger() -> LocalAccount:
        made: LocalAccount = Account.create()
        return made
