"""A seal that the chain takes back: no second vector for the same noise, and none too early."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from audit.cid import digest_of
from chain.chain import Block, Chain, Finality
from chain.deployment import Deployment
from chain.errors import ChainBehind
from chain.messages import Delivery, recover
from federation.app.site_round import SiteRound
from federation.gate.journal_schema import SealContradicted
from federation.gate.site import Site, SiteConfig
from stack import rpc
from tests.small_federation import SmallFederation


@dataclass
class Committed:
    """A round that every site has committed to; what the first and the coordinator had by then."""

    federation: SmallFederation
    number: int
    site: Path
    coordinator: Path
    snapshot: str

    @property
    def seal_digest(self) -> bytes:
        return self.federation.chain.ledger.round(self.federation.study_id, self.number).seal_digest

    def part(self) -> SiteRound:
        return SiteRound(Site(self.site), self.federation.study_id, self.number)

    def seal(self) -> None:
        ledger = self.federation.coordinator().chain.ledger
        ledger.seal(self.federation.study_id, self.number)

    def seal_again(self) -> None:
        """Node and coordinator forget the seal; a later block holds another."""
        layout = self.federation.local.layout
        assert rpc.call(self.federation.local.node.rpc_url, "evm_revert", self.snapshot)
        shutil.rmtree(layout.coordinator)
        shutil.copytree(self.coordinator, layout.coordinator)
        self.federation.advance(1)
        self.seal()

    def abort(self) -> None:
        ledger = self.federation.coordinator().chain.ledger
        ledger.abort(self.federation.study_id, self.number)


@pytest.fixture
def committed(federation: SmallFederation, tmp_path: Path) -> Committed:
    study, number = federation.study_id, federation.open_round()
    for site in federation.keys:
        SiteRound(Site(federation.folder(site)), study, number)._commit_until_current()
    copy, backup = tmp_path / "site", tmp_path / "coordinator"
    shutil.copytree(federation.folder("site-1"), copy)
    shutil.copytree(federation.local.layout.coordinator, backup)
    snapshot = rpc.call(federation.local.node.rpc_url, "evm_snapshot")
    return Committed(federation, number, copy, backup, snapshot)


def test_a_second_seal_after_a_reorganisation_gets_nothing(committed: Committed) -> None:
    """A node that forgets blocks is refused; and a site that forgot too still sends no second
    vector for the same noise.
    """
    committed.seal()
    first_digest = committed.seal_digest
    committed.part().run()

    committed.seal_again()
    assert committed.seal_digest != first_digest
    with pytest.raises(ChainBehind):
        Site(committed.site)
    for forgotten in committed.site.glob("high-water.db*"):
        forgotten.unlink()
    with pytest.raises(SealContradicted, match=f"round {committed.number}"):
        committed.part().run()
    committed.abort()


def test_a_seal_that_moves_before_it_is_final_is_followed_to_its_block(
    committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site on a chain that needs two confirmations: what it read first is forgotten."""
    deployment = committed.site / SiteConfig.load(committed.site).deployment
    replace(Deployment.load(deployment), finality=Finality(2)).save(deployment)
    committed.seal()
    waits, wait_final = threading.Event(), Chain.wait_final

    def noted(chain: Chain, block_number: int) -> Block:
        waits.set()
        return wait_final(chain, block_number)

    monkeypatch.setattr(Chain, "wait_final", noted)
    federation = committed.federation
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(lambda: committed.part().run())
        assert waits.wait(30)
        committed.seal_again()
        federation.advance(1)
        assert not sent.done()
        federation.advance(1)
        masked, signature = sent.result(30)
    delivery = Delivery(committed.seal_digest, digest_of(masked))
    signed = delivery.digest(federation.chain.ledger.domain)
    assert recover(signed, signature) == federation.keys["site-1"].public.account
    committed.abort()
