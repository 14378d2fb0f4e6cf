"""Signed acts of fresh patients, and a service that relays them from an account of its own."""

import dataclasses
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient

from api.app import create_app
from api.service import Service
from chain.chain import Chain
from chain.messages import Enrolment, Grant, Revocation
from chain.signed_act import SignedAct
from tests.world import World

ETHER = 10**18


def rpc(world: World, method: str, *params: object) -> object:
    """One question to the world's node."""
    return world.chain().w3.provider.make_request(method, list(params))["result"]  # type: ignore[arg-type]


def funded_key(world: World, path: Path, wei: int = ETHER) -> LocalAccount:
    """A new account with money, its key in a new file of mode 0600."""
    account: LocalAccount = Account.create()
    rpc(world, "hardhat_setBalance", account.address, hex(wei))
    path.touch(0o600)
    path.write_text("0x" + bytes(account.key).hex())
    return account


def browser(service: Service) -> TestClient:
    """Requests to a service, in this process."""
    return TestClient(create_app(service), base_url=service.settings.origin)


@dataclass
class Patients:
    """Patients of one approved study at its first site; each has a record of its own."""

    world: World
    study_id: int
    _enrolment: Enrolment | None = None
    _grant: Grant | None = None
    holders: dict[str, LocalAccount] = field(default_factory=dict)

    @property
    def chain(self) -> Chain:
        return self.world.chain()

    def grant(self, **changes: object) -> SignedAct:
        """A new patient's Grant."""
        holder: LocalAccount = Account.create()
        site = self.world.sites[0]
        if self._enrolment is None or self._grant is None:
            self._enrolment = self.world.enrol(self.study_id, site, holder.address, "record")
            self._grant = self.world.grant_for(self._enrolment)
        commitment = secrets.token_bytes(32)
        own = {"holder": holder.address, "record_commitment": commitment}
        enrolment = dataclasses.replace(self._enrolment, record_tag=secrets.token_bytes(32), **own)
        grant = dataclasses.replace(self._grant, **(own | changes))
        domain = self.chain.consent.domain
        key = self.world.enrolment_keys[site.address]
        self.holders[holder.address] = holder
        return SignedAct.sign(grant, domain, holder, enrolment, enrolment.sign(key, domain))

    def consented(self) -> tuple[int, LocalAccount]:
        """A patient whose grant is on the chain, and the token."""
        act = self.grant()
        act.carry(self.chain)
        token = self.token_of(act)
        assert token is not None
        return token, self.holders[act.account]

    def revocation(self) -> SignedAct:
        """The Revocation of a patient whose grant is on the chain."""
        token, holder = self.consented()
        return SignedAct.sign(Revocation(token), self.chain.consent.domain, holder)

    def token_of(self, act: SignedAct) -> int | None:
        """The live token of a grant's record, asked of the contract."""
        assert isinstance(act.message, Grant)
        assert act.enrolment is not None
        grant = act.message
        tag = act.enrolment.record_tag
        return self.chain.consent.live_token_of(grant.study_id, grant.site, tag) or None

    def minted(self) -> int:
        """Tokens ever granted at the site."""
        return self.chain.consent.minted_count(self.study_id, self.world.sites[0].address)


@dataclass(frozen=True)
class Outbox:
    """A service with an empty database and a relayer's account that has sent nothing."""

    service: Service
    key: LocalAccount
    patients: Patients

    def sent_nonces(self) -> int:
        """Transactions of the account that are in a block."""
        return self.patients.chain.w3.eth.get_transaction_count(self.key.address)  # type: ignore[arg-type]
