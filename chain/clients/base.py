"""What the clients share: calls, writes, and receipts with decoded events."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeVar, cast

from eth_abi.exceptions import DecodingError
from web3 import Web3
from web3.types import RPCEndpoint

from chain.artifacts import AnyName
from chain.blocks import Block
from chain.errors import AccountMissing, ContractMissing
from chain.events import ContractName, Event, EventRecord, decode, is_known
from chain.functions import functions
from chain.light_dataclass import light_dataclass
from chain.messages import Domain
from chain.rpc import NodeProvider
from chain.sender import Sender
from chain.solidity import to_abi
from chain.words import WordInvalid, values_reader

S = TypeVar("S")


@light_dataclass(frozen=True)
class Receipt:
    """A mined write. `events` are those of our three contracts, decoded, in log order."""

    tx_hash: bytes
    block_number: int
    gas_used: int
    events: tuple[Event, ...]
    block_hash: bytes

    def event(self, kind: type[S]) -> S:
        """The only event of a kind. Raises LookupError when there is none or more than one."""
        found = [event for event in self.events if isinstance(event, kind)]
        if len(found) != 1:
            raise LookupError(f"the receipt holds {len(found)} events {kind.__name__}, not one")
        return found[0]


class ContractClient:
    """Views take `block`, the number of a past block, or None for the newest.

    Every method raises ChainUnreachable, RpcRefused, ContractMissing (no code at that block) or the
    ContractRefused that the contract gives; writes also AccountMissing, TransactionFailed and
    TransactionPending.
    """

    name: AnyName

    def __init__(
        self, w3: Web3, addresses: Mapping[str, ContractName], domain: Domain, sender: Sender | None
    ) -> None:
        """`addresses` maps the three contracts' addresses to their names, for receipts."""
        self.domain, self.address = domain, domain.contract
        self._addresses, self._sender = dict(addresses), sender
        self._w3, self._functions = w3, functions(self.name)

    def running_hash(self, study_id: int, *, block: int | None = None) -> bytes:
        """The hash over every event of a study in this contract (`chain.events.advance`)."""
        return bytes(self._view("runningHash", study_id, block=block))

    def _view(self, function: str, *arguments: Any, block: int | None) -> Any:
        asked = self._asked(function, arguments, block)
        answer = self._w3.provider.make_request("eth_call", asked)["result"]  # type: ignore[arg-type]
        return self._answered(function, answer)

    def _views(
        self, function: str, arguments: Iterable[Sequence[Any]], *, block: int | None
    ) -> list[Any]:
        """`_view` of each of several arguments, asked together."""
        calls = [("eth_call", self._asked(function, one, block)) for one in arguments]
        answers = cast(NodeProvider, self._w3.provider).make_all(calls)
        return [self._answered(function, answer) for answer in answers]

    def _asked(self, function: str, arguments: Sequence[Any], block: int | None) -> list[Any]:
        data = "0x" + self.call_data(function, *arguments).hex()
        return [{"to": self.address, "data": data}, "latest" if block is None else hex(block)]

    def _answered(self, function: str, answer: str) -> Any:
        try:
            return self._functions[function].result(bytes.fromhex(answer[2:]))
        except DecodingError as error:
            # A node answers a call to an address without code with nothing, not with an error.
            raise ContractMissing(self.name, self.address) from error

    def _struct(self, struct: type[S], function: str, *arguments: Any, block: int | None) -> S:
        return self._structs(struct, function, [arguments], block=block)[0]

    def _structs(
        self,
        struct: type[S],
        function: str,
        arguments: Iterable[Sequence[Any]],
        *,
        block: int | None,
    ) -> list[S]:
        """What a function that gives one struct says of each of some arguments, asked together."""
        calls = [("eth_call", self._asked(function, one, block)) for one in arguments]
        provider = cast(NodeProvider, self._w3.provider)
        if len(calls) == 1:  # as any view is asked, so that `Chain.together` can gather it
            ((method, asked),) = calls
            answers = [provider.make_request(RPCEndpoint(method), asked)["result"]]
        else:
            answers = provider.make_all(calls)
        read = _reader_of(cast(Any, struct))
        try:
            return [read(bytes.fromhex(answer[2:]))[0] for answer in answers]
        except WordInvalid as error:
            raise ContractMissing(self.name, self.address) from error

    def _addresses_of(self, function: str, *arguments: Any, block: int | None) -> list[str]:
        return [str(account) for account in self._view(function, *arguments, block=block)]

    def write(self, function: str, *arguments: Any) -> Receipt:
        """Calls a function by its Solidity name from the account; the named methods do so too."""
        if self._sender is None:
            raise AccountMissing
        mined = self._sender.send(self.address, self.call_data(function, *arguments))
        events = (self._event(log, mined.block) for log in mined.logs)
        return Receipt(
            mined.tx_hash,
            mined.block.number,
            mined.gas_used,
            tuple(event for event in events if event is not None),
            mined.block.hash,
        )

    def call_data(self, function: str, *arguments: Any) -> bytes:
        """The data of a call, for whoever sends it by other means."""
        return self._functions[function].call_data([_plain(a) for a in arguments])

    def _event(self, log: Mapping[str, Any], block: Block) -> Event | None:
        record = record_of(log, self._addresses, block)
        return None if record is None else decode(record)


@cache
def _reader_of(struct: Any) -> Callable[[bytes], list[Any]]:
    return values_reader([struct])


# The checksum is a hash, and nearly all logs are the same few contracts'.
_checksummed = lru_cache(maxsize=4096)(Web3.to_checksum_address)


def record_of(
    log: Mapping[str, Any], addresses: Mapping[str, ContractName], block: Block
) -> EventRecord | None:
    """The record of a node's raw log; None when it is not one that a running hash holds."""
    contract = addresses.get(_checksummed(log["address"]))
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    if contract is None or len(topics) != 2 or not is_known(contract, topics[0]):
        return None
    return EventRecord(
        contract,
        block.number,
        block.timestamp,
        topics[0],
        int.from_bytes(topics[1]),
        bytes.fromhex(log["data"][2:]),
    )


def _plain(argument: Any) -> Any:
    if isinstance(argument, list | tuple):
        return [_plain(item) for item in argument]
    return to_abi(argument, type(argument))
