"""Whether the contracts would accept a signed act as the chain stands, and what it would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak

from api.outbox.problems import ActForAnotherChain, ActTooCostly
from chain.chain import Chain
from chain.errors import ChainError, ChainUnreachable, RegistryQuorumNotReached
from chain.messages import (
    Replacement,
    Resumption,
    Revocation,
    Rollback,
    Suspension,
    split_token_id,
)
from chain.rpc import NodeProvider
from chain.signed_act import SignedAct, SignedActInvalid, call_of

#: Smaller goes first: who withdraws waits for nobody, who stops a study only for them.
_PRIORITIES: dict[type, int] = {Revocation: 0, Suspension: 1}
_LAST = 2

#: What one act may take. The dearest that keys and passkeys sign takes a tenth of it; a contract
#: account (ERC-1271) decides itself what its answer costs, and more than a block, or a transaction
#: (EIP-7825: 2^24), may hold is refused by every node, for ever, and with it all that comes after.
MOST_GAS = 5_000_000


@dataclass(frozen=True)
class Call:
    """What carries an act: contract (EIP-55) and call data."""

    contract: str
    data: bytes

    def parameters(self, sender: str | None = None) -> dict[str, str]:
        """As eth_call and eth_estimateGas take it."""
        named = {"to": self.contract, "data": "0x" + self.data.hex()}
        return named if sender is None else {"from": sender, **named}


@dataclass(frozen=True)
class Prepared:
    """An act taken apart for keeping; `digest` names it whoever brings it, `said` its message."""

    act: SignedAct
    call: Call
    digest: bytes
    said: bytes

    @property
    def kind(self) -> str:
        """Name of the EIP-712 type."""
        return type(self.act.message).__name__

    @property
    def priority(self) -> int:
        """Place in the queue: smaller goes first."""
        return _PRIORITIES.get(type(self.act.message), _LAST)

    @property
    def study_id(self) -> int:
        """The study that it is about."""
        if isinstance(self.act.message, Revocation):
            return split_token_id(self.act.message.token_id)[0]
        return self.act.message.study_id

    @property
    def needs_others(self) -> bool:
        """Whether the contract takes it only together with other reviewers'."""
        return isinstance(self.act.message, Resumption | Replacement | Rollback)

    @property
    def is_counted(self) -> bool:
        """Whether it counts against a quota."""
        return not isinstance(self.act.message, Revocation)


def prepare(chain: Chain, act: SignedAct) -> Prepared:
    """Raises ActForAnotherChain."""
    try:
        client, function, arguments = call_of(chain, [act])
    except SignedActInvalid as error:
        raise ActForAnotherChain(str(error)) from None
    call = Call(client.address, client.call_data(function, *arguments))
    said = act.message.digest(act.domain)
    return Prepared(act, call, keccak(said + act.signer), said)


def estimate(chain: Chain, acts: Sequence[Prepared]) -> list[int | Exception | None]:
    """Gas that each act takes on the newest block; None when it waits for other reviewers.

    The contract checks everything here, signatures included, whatever the kind of signer; its
    refusal (chain.errors.ChainError) stands in the place of an act that it would not accept, and
    ActTooCostly in that of one that takes more than MOST_GAS.

    Raises:
        chain.errors.ChainUnreachable
    """
    provider = chain.w3.provider
    assert isinstance(provider, NodeProvider)
    found = gas_of(provider, [act.call.parameters() for act in acts])
    # The registry counts after it has found every signature valid.
    return [
        None if act.needs_others and isinstance(gas, RegistryQuorumNotReached) else gas
        for act, gas in zip(acts, found, strict=True)
    ]


def gas_of(
    provider: NodeProvider, calls: Sequence[dict[str, str]]
) -> list[int | ChainError | ActTooCostly]:
    """Gas of each call on the newest block, or why it is refused. Raises ChainUnreachable."""
    answers = provider.make_many([("eth_estimateGas", [call, "latest"]) for call in calls])
    try:
        return [one if isinstance(one, ChainError) else _payable(int(one, 16)) for one in answers]
    except (TypeError, ValueError) as error:
        reason = "it gives an estimate that cannot be read"
        raise ChainUnreachable(provider.shown_url, reason) from error


def _payable(gas: int) -> int | ActTooCostly:
    return gas if gas <= MOST_GAS else ActTooCostly(f"{gas} gas; at most {MOST_GAS} is paid for")
