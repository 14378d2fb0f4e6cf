"""A service over a study that really ran: rounds closed, documents on an IPFS node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.index.indexer import Indexer
from api.service import Service
from api.settings import Settings
from chain.messages import SignedMessage
from chain.signed_act import SignedAct, read_typed_data
from tests.api.outbox.acts import funded_key, rpc
from tests.api.people import signed_in
from tests.world import World


@dataclass
class Served:
    """A service, a client of it, and the world that it tells of."""

    world: World
    service: Service
    client: TestClient
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)

    def index(self) -> None:
        """Lets the index catch up with the chain."""
        while Indexer(self.service).run_once():
            pass

    def get(self, path: str, account: LocalAccount | None = None, **query: Any) -> Any:
        """The JSON of an answer that must be 200."""
        answer = self.client.get(path, params=query, headers=self.headers(account))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, account: LocalAccount | None, body: Any = None) -> Any:
        """A POST's answer."""
        return self.client.post(path, json=body, headers=self.headers(account))

    def headers(self, account: LocalAccount | None) -> dict[str, str]:
        """Those of somebody who is signed in; each signs in once."""
        if account is None:
            return {}
        if account.address not in self.tokens:
            self.tokens[account.address] = signed_in(self.client, account)
        return self.tokens[account.address]

    def draft(self, study: int, account: LocalAccount, **wanted: Any) -> dict[str, Any]:
        """A draft that must be given."""
        answer = self.post(f"/v1/studies/{study}/drafts", account, wanted)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def sign_and_hand_in(
        self, study: int, account: LocalAccount, kind: type[SignedMessage], **wanted: Any
    ) -> Any:
        """Signs the typed data of a draft as a wallet does, and hands it in."""
        act = signed(self.draft(study, account, **wanted)["typed_data"], kind, account)
        return self.post(f"/v1/studies/{study}/review-acts", account, act.to_json())


def signed(
    typed_data: dict[str, Any], kind: type[SignedMessage], account: LocalAccount
) -> SignedAct:
    """Typed data, signed by a wallet that is shown nothing else."""
    domain, message = read_typed_data(typed_data, kind)
    return SignedAct.sign(message, domain, account)  # type: ignore[arg-type]


@contextmanager
def serving(
    world: World, folder: Path, ipfs: str | None = None, database: str | None = None, **changes: Any
) -> Iterator[Served]:
    """A service with an index that is at the chain's head."""
    folder.mkdir(exist_ok=True)
    world.deployment.save(folder / "deployment.json")
    funded_key(world, folder / "relayer.key")
    # A balance that was set is in no block's state root before the next block.
    rpc(world, "evm_mine")
    settings = Settings(
        rpc_url=world.rpc_url,
        deployment=folder / "deployment.json",
        database_url=SecretStr(database or f"sqlite:///{folder / 'api.db'}"),
        relayer_key=folder / "relayer.key",
        ipfs=ipfs,
        bundle_folder=folder / "bundles",
        requests_per_minute=1_000_000,
        **changes,
    )
    service = Service.start(settings)
    with TestClient(create_app(service), base_url=settings.origin) as client:
        served = Served(world, service, client)
        served.index()
        yield served
