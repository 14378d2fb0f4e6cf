"""A durable chain that is killed and started again, and workers that put it under load."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.clients.base import Receipt
from chain.errors import ChainUnreachable, TransactionPending
from chain.events import Granted
from chain.journal import Entry
from chain.messages import RoundState
from stack.geth import GethNode
from stack.process import ProcessGroup
from tests.audit.real_study import RealStudy
from tests.world import World, sha256


class KillableChain:
    """A geth node on one port and one data folder."""

    def __init__(self, folder: Path, group: ProcessGroup) -> None:
        self._folder, self._group = folder, group
        self.node = GethNode(folder / "chain", folder / "geth.log")
        self._group.start(self.node)
        self.node.wait_for_chain()

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing said good-bye to."""
        for child in psutil.Process(self.node.pid).children(recursive=True):
            os.kill(child.pid, signal.SIGKILL)
        assert self.node.wait(30) == 128 + signal.SIGKILL

    def start_again(self) -> None:
        self.node = GethNode(self._folder / "chain", self._folder / "geth.log", port=self.node.port)
        self._group.start(self.node)
        self.node.wait_for_chain()


class ReconnectingWorld(World):
    """A world whose connections are made anew after a failure: each first recovers its journal."""

    def forget_connections(self) -> None:
        self._chains.clear()

    def entries(self) -> dict[str, list[Entry]]:
        """Every journalled transaction by account, in order of nonce."""
        found = {}
        for account in self.accounts:
            path = self.folder / f"{account.address}.db"
            if path.exists():
                with sqlite3.connect(path) as database:
                    rows = database.execute(
                        "SELECT nonce, tx_hash, raw, block_number, block_hash FROM transactions"
                        " ORDER BY nonce"
                    ).fetchall()
                found[account.address] = [Entry(*row) for row in rows]
        return found


@dataclass
class Load:
    """Acts until stopped, and goes on when the node comes back.

    `act` finds out on chain what is to be done next, so that an act whose answer was lost is
    neither forgotten nor done twice.
    """

    world: ReconnectingWorld
    acknowledged: list[Receipt] = field(default_factory=list)
    interruptions: int = 0
    failure: BaseException | None = None

    def act(self) -> None:
        raise NotImplementedError

    def start(self, stopping: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(stopping,), daemon=True)
        thread.start()
        return thread

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                self.act()
            except (ChainUnreachable, TransactionPending):
                self.interruptions += 1
                self.world.forget_connections()
                time.sleep(0.1)
            except BaseException as error:  # noqa: BLE001, shown by the test
                self.failure = error
                return


@dataclass
class PatientLoad(Load):
    """One patient after the other grants; with `revokes`, every second revokes at once."""

    study_id: int = 0
    revokes: bool = False
    granted: dict[str, int] = field(default_factory=dict)
    revoked: list[int] = field(default_factory=list)
    _holder: LocalAccount = field(default_factory=Account.create)
    _token: int = 0

    def act(self) -> None:
        address = self._holder.address
        site = self.world.sites[len(self.granted) % len(self.world.sites)]
        if not self._token:
            tag = sha256(f"tag of {address}")
            consent = self.world.chain().consent
            self._token = consent.live_token_of(self.study_id, site.address, tag)
        if not self._token:
            enrolment = self.world.enrol(self.study_id, site, address, address)
            grant = self.world.grant_for(enrolment)
            receipt = self.world.carry_grant(grant, self._holder, enrolment)
            self.acknowledged.append(receipt)
            self._token = receipt.event(Granted).token_id
        if self.revokes and len(self.granted) % 2:
            if not self.world.chain().consent.consent(self._token).revoked_at:
                self.acknowledged.append(self.world.revoke(self._token, self._holder))
            self.revoked.append(self._token)
        self.granted[address] = self._token
        self._holder, self._token = Account.create(), 0


@dataclass
class RoundLoad(Load):
    """Round after round: open, a commitment of every site, seal, close."""

    study: RealStudy | None = None

    def act(self) -> None:
        study = self.study
        assert study is not None
        ledger = study.chain.ledger
        newest = ledger.round_count(study.number)
        state = ledger.round(study.number, newest).state if newest else RoundState.NONE
        if state is RoundState.SEALED:
            self.acknowledged.append(study.close(newest))
        elif state is not RoundState.OPEN:
            self.acknowledged.append(study.chain.ledger.open(study.number))
        else:
            self._commit_and_seal(study, newest)

    def _commit_and_seal(self, study: RealStudy, number: int) -> None:
        for site in self.world.sites:
            ledger = self.world.chain(site).ledger
            if not ledger.is_current(study.number, number, site.address):
                study.commit(number, site)
        self.acknowledged.append(study.chain.ledger.seal(study.number, number))


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits until a condition holds; fails by name when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)
