"""The sender: no crash, thread or race leaves a gap in the nonces or does anything twice."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from chain.chain import Chain
from chain.errors import (
    AccountMissing,
    AccountUnfunded,
    ChainBehind,
    ChainUnreachable,
    NonceTaken,
    TransactionPending,
)
from chain.events import EnrolmentKeyRotated, decode
from chain.journal import Entry, Journal
from chain.rpc import connect_node
from chain.sender import Sender
from stack import rpc
from stack.hardhat import HardhatNode
from tests.world import World

# Rotates an enrolment key, and dies without a word at the named moment.
CRASHING = """
import os, sys
from pathlib import Path
from eth_account import Account
from eth_utils.crypto import keccak
from chain.chain import Chain
from chain.deployment import Deployment
from chain.journal import Journal
from chain.sender import Sender

moment, url, deployment, journal, key, rotated = sys.argv[1:]
send_raw, mark_mined = Sender._send_raw, Journal.mark_mined

def die_before(self, raw):
    os._exit(9)

def die_after(self, raw):
    send_raw(self, raw)
    os._exit(9)

def die_unrecorded(self, *where):
    os._exit(9)

chain = Chain.connect(
    url,
    Deployment.load(Path(deployment)),
    account=Account.from_key(key),
    journal=Path(journal),
)
if moment == "journalled, not sent":
    Sender._send_raw = die_before
elif moment == "sent, not awaited":
    Sender._send_raw = die_after
elif moment == "mined, not recorded":
    Journal.mark_mined = die_unrecorded
chain.registry.rotate_enrolment_key(rotated)
"""
MOMENTS = ["journalled, not sent", "sent, not awaited", "mined, not recorded"]


class Site:
    """A registered site whose rotations of its key show in order and number what was done."""

    def __init__(self, world: World, folder: Path) -> None:
        world.register_sites()
        self.world, self.account = world, world.sites[0]
        self.journal = folder / "site.db"
        self.deployment = folder / "deployment.json"
        world.deployment.save(self.deployment)

    def connect(self, **options: float) -> Chain:
        return Chain.connect(
            self.world.rpc_url,
            self.world.deployment,
            account=self.account,
            journal=self.journal,
            **options,  # type: ignore[arg-type]
        )

    def crash(self, moment: str, key: str) -> None:
        arguments = [moment, self.world.rpc_url, str(self.deployment), str(self.journal)]
        ended = subprocess.run(
            [sys.executable, "-c", CRASHING, *arguments, "0x" + bytes(self.account.key).hex(), key],
            check=False,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 9, ended.stderr

    @property
    def nonce(self) -> int:
        return connect_node(self.world.rpc_url).eth.get_transaction_count(self.account.address)

    def rotations(self) -> list[str]:
        events = map(decode, self.world.chain().events(0))
        return [event.enrolment_key for event in events if isinstance(event, EnrolmentKeyRotated)]


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    return Site(world, tmp_path)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_killed_on_the_way_leaves_neither_gap_nor_duplicate(
    site: Site, moment: str
) -> None:
    keys = [Account.create().address for _ in range(3)]
    before = site.nonce
    site.connect().registry.rotate_enrolment_key(keys[0])
    site.crash(moment, keys[1])

    chain = site.connect()
    assert site.rotations() == keys[:2]
    chain.registry.rotate_enrolment_key(keys[2])
    assert site.rotations() == keys
    assert site.nonce == before + 3


def test_kills_in_a_row_are_all_made_good(site: Site) -> None:
    before = site.nonce
    keys = [Account.create().address for _ in range(2 * len(MOMENTS))]
    for moment, key in zip(2 * MOMENTS, keys, strict=True):
        site.crash(moment, key)
    site.connect()
    assert site.rotations() == keys
    assert site.nonce == before + len(keys)


def test_reconnecting_sends_nothing_that_is_mined(site: Site) -> None:
    site.connect().registry.rotate_enrolment_key(Account.create().address)
    before = site.nonce
    for _ in range(3):
        site.connect()
    assert site.nonce == before


def test_threads_share_one_account(site: Site) -> None:
    chain = site.connect()
    keys = [Account.create().address for _ in range(8)]
    before, failures = site.nonce, []

    def rotate(key: str) -> None:
        try:
            chain.registry.rotate_enrolment_key(key)
        except Exception as error:  # noqa: BLE001, shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=rotate, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(site.rotations()) == sorted(keys)
    assert site.nonce == before + len(keys)


def test_another_signer_of_the_account_is_noticed(site: Site, tmp_path: Path) -> None:
    site.crash("journalled, not sent", Account.create().address)
    other = Chain.connect(
        site.world.rpc_url,
        site.world.deployment,
        account=site.account,
        journal=tmp_path / "another.db",
    )
    other.registry.rotate_enrolment_key(Account.create().address)
    with pytest.raises(NonceTaken) as taken:
        site.connect()
    assert taken.value.account == site.account.address


def test_what_is_not_mined_in_time_is_pending_and_is_mined_later(
    own_world: World, own_hardhat: HardhatNode, tmp_path: Path
) -> None:
    site = Site(own_world, tmp_path)
    chain = site.connect(timeout=2.0)
    keys = [Account.create().address for _ in range(2)]
    node = connect_node(own_hardhat.rpc_url).provider
    node.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
    with pytest.raises(TransactionPending):
        chain.registry.rotate_enrolment_key(keys[0])
    with pytest.raises(TransactionPending):
        site.connect(timeout=1.0)
    node.make_request("evm_setAutomine", [True])  # type: ignore[arg-type]
    node.make_request("evm_mine", [])  # type: ignore[arg-type]
    site.connect().registry.rotate_enrolment_key(keys[1])
    assert site.rotations() == keys


def test_a_chain_that_lost_a_mined_transaction_is_refused(
    own_world: World, own_hardhat: HardhatNode, tmp_path: Path
) -> None:
    site = Site(own_world, tmp_path)
    node = connect_node(own_hardhat.rpc_url).provider
    snapshot = node.make_request("evm_snapshot", [])["result"]  # type: ignore[arg-type]
    mined = site.connect().registry.rotate_enrolment_key(Account.create().address)
    node.make_request("evm_revert", [snapshot])  # type: ignore[arg-type]
    with pytest.raises(ChainBehind) as behind:
        site.connect()
    assert (behind.value.recorded, behind.value.expected) == (mined.block_number, mined.block_hash)


def test_a_node_that_is_gone_is_named(
    own_world: World, own_hardhat: HardhatNode, tmp_path: Path
) -> None:
    site = Site(own_world, tmp_path)
    chain = site.connect(timeout=5.0)
    own_hardhat.stop()
    with pytest.raises(ChainUnreachable, match="refused or lost"):
        chain.registry.rotate_enrolment_key(Account.create().address)


def test_without_an_account_nothing_is_written(world: World) -> None:
    reader = Chain.connect(world.rpc_url, world.deployment)
    with pytest.raises(AccountMissing):
        reader.registry.rotate_enrolment_key(world.sites[0].address)
    with pytest.raises(ValueError, match="journal"):
        Chain.connect(world.rpc_url, world.deployment, account=world.sites[0])


def test_the_journal_is_private_and_written_before_sending(site: Site) -> None:
    site.crash("journalled, not sent", Account.create().address)
    assert site.journal.stat().st_mode & 0o777 == 0o600
    w3 = connect_node(site.world.rpc_url)
    journal = Journal(site.journal, site.world.deployment.genesis_hash, site.account.address)
    (entry,) = journal.open_entries()
    assert entry.nonce == site.nonce
    Sender(w3, site.account, site.journal, timeout=30.0)
    assert journal.open_entries() == []
    newest = journal.newest_mined()
    assert newest is not None
    assert (newest.nonce, newest.tx_hash) == (entry.nonce, entry.tx_hash)
    assert keccak(entry.raw) == entry.tx_hash
    assert w3.eth.get_transaction(entry.tx_hash)["nonce"] == entry.nonce  # type: ignore[arg-type]


def test_a_journal_keeps_accounts_and_chains_apart(tmp_path: Path) -> None:
    def sign(nonce: int) -> Entry:
        return Entry(nonce, bytes(32), b"raw")

    path = tmp_path / "journal.db"
    journals = [Journal(path, bytes([g]) * 32, a) for g in (1, 2) for a in ("0xA", "0xB")]
    assert [journal.append(4, sign).nonce for journal in journals] == [4, 4, 4, 4]
    assert [journal.append(0, sign).nonce for journal in journals] == [5, 5, 5, 5]
    assert journals[0].append(9, sign).nonce == 9
    journals[0].mark_mined(5, 77, b"\x07" * 32)
    assert [entry.nonce for entry in journals[0].open_entries()] == [4, 9]
    assert [entry.nonce for entry in journals[1].open_entries()] == [4, 5]


def test_an_account_that_cannot_pay_is_named_and_acts_once_it_is_funded(world: World) -> None:
    poor = Account.create()
    chain = world.chain(poor)
    with pytest.raises(AccountUnfunded, match=poor.address) as refused:
        chain.registry.register_site(Account.create().address, bytes([7]) * 32)
    assert "Have the network's operator fund it" in str(refused.value)
    payment = {"from": world.accounts[0].address, "to": poor.address, "value": hex(10**18)}
    rpc.call(world.rpc_url, "eth_sendTransaction", payment)
    key = Account.create().address
    chain.registry.rotate_enrolment_key(key)  # after what was journalled before
    assert chain.registry.site(poor.address).enrolment_key == key
