"""A service with a study in force, its documents on IPFS, and people who use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.index.indexer import Indexer
from api.service import Service
from api.settings import Settings
from chain.chain import Chain
from study.enrolment_file import EnrolmentFile
from tests.api.people import signed_in
from tests.desk import Desk
from tests.world import World


@dataclass
class Clinic:
    """`study` is approved; site i is `world.sites[i]`."""

    desk: Desk
    study: int
    service: Service
    client: TestClient

    @property
    def world(self) -> World:
        return self.desk.world

    @property
    def chain(self) -> Chain:
        return self.world.chain()

    def index(self) -> None:
        """The index catches up with the chain."""
        while Indexer(self.service).run_once():
            pass

    def patient(self, site: int = 0) -> tuple[LocalAccount, int]:
        """Somebody with a fresh address who has consented, and the token."""
        holder: LocalAccount = Account.create()
        return holder, self.world.give_consent(
            self.study, self.world.sites[site], holder, disease=5388
        )

    def enrolment(self, holder: str, name: str, site: int = 0) -> dict[str, Any]:
        """The enrolment file of a site for an address, as JSON."""
        path = self.desk.write_enrolment(self.study, holder, name, site)
        return EnrolmentFile.load(path).to_json()

    def as_(self, account: LocalAccount) -> Signed:
        """Requests of somebody who is signed in."""
        return Signed(self.client, signed_in(self.client, account))


@dataclass
class Signed:
    """One caller's requests."""

    client: TestClient
    headers: dict[str, str]

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get("/v1" + path, headers=self.headers, **options)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return self.client.post("/v1" + path, json=body, headers=self.headers)

    def put(self, path: str, body: Any) -> httpx.Response:
        return self.client.put("/v1" + path, json=body, headers=self.headers)

    def delete(self, path: str) -> httpx.Response:
        return self.client.delete("/v1" + path, headers=self.headers)


_SHARED = pytest.StashKey[Clinic]()


@pytest.fixture(scope="session")
def clinic(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Clinic:
    """The same one in every folder that imports it; tests only add to it."""
    found = request.config.stash.get(_SHARED, None)
    if found is not None:
        return found
    folder = tmp_path_factory.mktemp("clinic")
    service = Service.start(
        Settings(
            rpc_url=desk.world.rpc_url,  # type: ignore[arg-type]
            deployment=desk.deployment,
            ipfs=desk.ipfs,
            database_url=SecretStr(f"sqlite:///{folder / 'api.db'}"),
            relayer_key=desk.folder / "carrier.key",
            requests_per_minute=1_000_000,
        )
    )
    client = TestClient(create_app(service), base_url=service.settings.origin)
    request.config.add_cleanup(service.close)
    made = Clinic(desk, desk.approved(), service, client)
    request.config.stash[_SHARED] = made
    return made
