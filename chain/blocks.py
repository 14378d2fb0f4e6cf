"""Blocks, and the header bytes whose keccak256 is the block hash."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import rlp
from eth_utils.crypto import keccak

from chain.errors import BadEvidence, ChainBehind
from chain.light_dataclass import light_dataclass

if TYPE_CHECKING:  # a deployment is read where there is no web3
    from web3 import Web3

# Order of the header's fields: the Yellow Paper (4.3), then one line a hard fork. A fork's fields
# are there from its activation on, so a node's answer says by itself which apply.
_FIELDS = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce"),
    "baseFeePerGas",  # London, EIP-1559
    "withdrawalsRoot",  # Shanghai, EIP-4895
    *("blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot"),  # Cancun, EIP-4844, EIP-4788
    "requestsHash",  # Prague, EIP-7685
)
_NUMBERS = {
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp"),
    *("baseFeePerGas", "blobGasUsed", "excessBlobGas"),
}
_OBLIGATORY = 15


@light_dataclass(frozen=True)
class Block:
    """A block's number, 32-byte hash and timestamp (seconds since 1970, chain time)."""

    number: int
    hash: bytes
    timestamp: int


@light_dataclass(frozen=True)
class Finality:
    """A chain's rule for when a block stays: so many blocks on top of it (0: at once)."""

    confirmations: int = 0


def raw_block(w3: "Web3", which: int | str) -> Mapping[str, Any]:
    """The node's JSON of a block ("latest", "finalized" or a number), without transactions.

    Raises ChainBehind when the node has no such block.
    """
    asked = hex(which) if isinstance(which, int) else which
    answer = w3.provider.make_request("eth_getBlockByNumber", [asked, False])["result"]  # type: ignore[arg-type]
    if answer is None:
        number = which if isinstance(which, int) else 0
        raise ChainBehind(number, b"", w3.eth.block_number, None)
    return dict(answer)


def block_of(raw: Mapping[str, Any]) -> Block:
    """A block from the node's JSON."""
    return Block(int(raw["number"], 16), bytes.fromhex(raw["hash"][2:]), int(raw["timestamp"], 16))


def header_rlp(raw: Mapping[str, Any]) -> bytes:
    """The RLP of a block's header, rebuilt from the node's JSON.

    Raises BadEvidence when its keccak256 is not the hash that the node claims: the answer is wrong,
    or the chain has a fork whose header fields are not known here.
    """
    present = [name for name in _FIELDS if raw.get(name) is not None]
    if present != list(_FIELDS[: len(present)]) or len(present) < _OBLIGATORY:
        missing = next(name for name in _FIELDS if name not in present)
        raise BadEvidence(f"Block {raw.get('number')} has no {missing} in the node's answer.")
    values = [bytes.fromhex(_even(raw[name], name in _NUMBERS)) for name in present]
    header = bytes(rlp.encode(values))
    if keccak(header) != bytes.fromhex(raw["hash"][2:]):
        raise BadEvidence(
            f"The header of block {int(raw['number'], 16)} does not hash to {raw['hash']}: the "
            "node is wrong, or its chain has a hard fork that this version does not know."
        )
    return header


def _even(value: str, is_number: bool) -> str:
    digits = value.removeprefix("0x")
    if not is_number:
        return digits
    # RLP integers have no leading zero; zero is the empty string.
    digits = digits.lstrip("0")
    return digits if len(digits) % 2 == 0 else "0" + digits
