"""The chain as everything else here sees it: one deployment on one node, checked on connecting."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from eth_account.signers.local import LocalAccount
from web3 import Web3

from chain.blocks import Block, Finality, block_of, raw_block
from chain.clients.consent import ConsentTokenClient
from chain.clients.ledger import RoundLedgerClient
from chain.clients.registry import StudyRegistryClient
from chain.deployment import Deployment
from chain.deployment_check import check_deployment
from chain.errors import ChainUnreachable
from chain.events import CONTRACT_NAMES, Event, EventRecord
from chain.high_water import HighWater
from chain.logs import Log, read_logs
from chain.messages import (
    consent_domain,
    consortium_domain,
    ledger_domain,
    registry_domain,
)
from chain.rpc import DEFAULT_TIMEOUT, NodeProvider, connect_node
from chain.sender import Sender

if TYPE_CHECKING:
    from chain.clients.consortium import ConsortiumClient
    from chain.clients.guardians import GuardianAccountsClient

__all__ = ["Block", "Chain", "Finality"]


class Chain:
    """Attributes: `registry`, `consent`, `ledger`, `consortium` and `guardian_accounts` (typed
    clients), `w3`, `account`, `deployment`.

    Make it with `Chain.connect`.
    """

    def __init__(
        self,
        w3: Web3,
        deployment: Deployment,
        account: LocalAccount | None,
        sender: Sender | None,
        high_water: HighWater | None,
        timeout: float,
    ) -> None:
        self.w3, self.deployment, self.account = w3, deployment, account
        self._high_water, self._timeout = high_water, timeout
        self._addresses = {deployment.address(name): name for name in CONTRACT_NAMES}
        chain_id = deployment.chain_id
        self.registry = StudyRegistryClient(
            w3, self._addresses, registry_domain(chain_id, deployment.registry), sender
        )
        self.consent = ConsentTokenClient(
            w3, self._addresses, consent_domain(chain_id, deployment.consent_token), sender
        )
        self.ledger = RoundLedgerClient(
            w3, self._addresses, ledger_domain(chain_id, deployment.ledger), sender
        )
        self._sender = sender

    # What no site and no coordinator asks is not even loaded by them.
    @cached_property
    def consortium(self) -> "ConsortiumClient":
        from chain.clients.consortium import ConsortiumClient

        domain = consortium_domain(self.deployment.chain_id, self.deployment.consortium)
        return ConsortiumClient(self.w3, self._addresses, domain, self._sender)

    @cached_property
    def guardian_accounts(self) -> "GuardianAccountsClient":
        from chain.clients.guardians import GuardianAccountsClient

        chain_id, address = self.deployment.chain_id, self.deployment.guardian_accounts
        return GuardianAccountsClient(self.w3, self._addresses, chain_id, address, self._sender)

    @classmethod
    def connect(
        cls,
        rpc_url: str,
        deployment: Deployment,
        *,
        account: LocalAccount | None = None,
        journal: Path | None = None,
        high_water: Path | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        ca_file: Path | None = None,
    ) -> "Chain":
        """Connects and refuses a chain that is not the deployment's.

        `account` with its `journal` (a file, made 0600) allows writes, and what a crash left in
        the journal is sent first. `high_water` is a file that remembers the newest block relied on.
        `timeout` (s) limits each request and each wait for a transaction.

        Raises ChainUnreachable, WrongChain, ContractMissing, WrongCode, WrongOrigin, ChainBehind,
        NonceTaken, TransactionPending; ValueError when only one of `account` and `journal` is
        given.
        """
        if (account is None) != (journal is None):
            raise ValueError("an account needs a journal, and a journal an account")
        w3 = connect_node(rpc_url, timeout=timeout, ca_file=ca_file)
        check_deployment(w3, deployment)
        seen = None if high_water is None else HighWater(high_water)
        if seen is not None:
            seen.check(w3)
        sender = None
        if account is not None and journal is not None:
            on_mined = (lambda block: None) if seen is None else seen.record
            # both were just compared with the node's
            sender = Sender(
                *(w3, account, journal),
                timeout=timeout,
                on_mined=on_mined,
                chain_id=deployment.chain_id,
                genesis_hash=deployment.genesis_hash,
            )
        return cls(w3, deployment, account, sender, seen, timeout)

    @property
    def finality(self) -> Finality:
        """The chain's profile."""
        return self.deployment.finality

    def together(self, *views: Callable[[], Any]) -> list[Any]:
        """What each of several views of this chain returns, asked in one request.

        `chain.together(chain.head, lambda: chain.ledger.round(study_id, 1))`. Each is called twice
        and must change nothing; see `chain.rpc.NodeProvider.together`. Raises what they raise.
        """
        return cast(NodeProvider, self.w3.provider).together(views)

    def head(self) -> Block:
        """The newest block."""
        return block_of(raw_block(self.w3, "latest"))

    def block(self, number: int) -> Block:
        """A block by number. Raises ChainBehind when the node has none."""
        return block_of(raw_block(self.w3, number))

    def rely_on(self, block: Block) -> None:
        """Notes that something here depends on this block; a chain without it is refused later.

        Writes note their own block. Does nothing when connected without `high_water`.
        """
        if self._high_water is not None:
            self._high_water.record(block)

    def refuse_if_behind(self) -> None:
        """Raises ChainBehind when the chain lost the newest block that was relied on."""
        if self._high_water is not None:
            self._high_water.check(self.w3)

    def wait_final(self, block_number: int, *, timeout: float | None = None) -> Block:
        """The block once it is final by the deployment's profile.

        Raises ChainUnreachable when that does not come within `timeout` (s).
        """
        limit = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + limit
        while self.head().number < block_number + self.finality.confirmations:
            if time.monotonic() > deadline:
                provider = self.w3.provider
                shown = provider.shown_url if isinstance(provider, NodeProvider) else "?"
                raise ChainUnreachable(shown, f"block {block_number} is not final in {limit:g} s")
            time.sleep(0.1)
        return self.block(block_number)

    def events(
        self,
        study_id: int,
        from_block: int = 0,
        to_block: int | None = None,
        *,
        kind: type[Event] | None = None,
    ) -> list[EventRecord]:
        """Every event of a study in the three contracts, in log order, blocks inclusive.

        `study_id` 0 gives those of the whole registry. `to_block` None means the newest block,
        `kind` None events of every kind. Raises BadEvidence when the node contradicts itself about
        a block.
        """
        return self.events_of((study_id,), from_block, to_block, kind=kind)

    def events_of(
        self,
        study_ids: Iterable[int],
        from_block: int = 0,
        to_block: int | None = None,
        *,
        kind: type[Event] | None = None,
    ) -> list[EventRecord]:
        """As `events`, for several studies in one common log order."""
        return [log.record for log in self.logs(from_block, to_block, study_ids, kind=kind)]

    def logs(
        self,
        from_block: int = 0,
        to_block: int | None = None,
        study_ids: Iterable[int] | None = None,
        *,
        kind: type[Event] | None = None,
    ) -> Iterator[Log]:
        """As `events_of`, each with its block, transaction and place; all studies by default."""
        last = self.head().number if to_block is None else to_block
        first = max(from_block, self.deployment.block_number)
        return read_logs(self.w3, self._addresses, first, last, study_ids, kind)
