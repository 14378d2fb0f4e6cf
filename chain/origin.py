"""Addresses that prove how the three contracts began (contracts/Origin.sol). Pure.

Code and storage do not tell what a constructor did. An address does: that of a contract made by
CREATE2 is a hash of its creation code with all arguments (EIP-1014), and that of a contract made by
CREATE a hash of its maker's address and nonce (yellow paper, section 7).
"""

from functools import cached_property

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.artifacts import artifact
from chain.events import CONTRACT_NAMES, ContractName
from chain.light_dataclass import light_dataclass

SALT = bytes(32)


@light_dataclass(frozen=True)
class Origin:
    """What the addresses of a deployment's three contracts follow from, with this release's code.

    `maker` made the Origin, by CREATE2 with `SALT`; what code it had counts for nothing.
    `authority` is whom the registry obeys. Both are EIP-55 addresses.
    """

    maker: str
    authority: str

    @cached_property
    def address(self) -> str:
        """Of the Origin itself, EIP-55."""
        code = keccak(origin_creation(self.authority))
        return _address(b"\xff" + _bytes(self.maker) + SALT + code)

    @cached_property
    def made(self) -> dict[ContractName, str]:
        """EIP-55 addresses of the three, in the order in which they are made."""
        # RLP of an address and a nonce below 128; a contract's first nonce is 1 (EIP-161)
        return {
            name: _address(b"\xd6\x94" + _bytes(self.address) + bytes((nonce,)))
            for nonce, name in enumerate(CONTRACT_NAMES, 1)
        }


def origin_creation(authority: str) -> bytes:
    """An Origin's creation code with its arguments, the hashes of the three's codes among them."""
    code = artifact("Origin").creation
    if code is None:
        raise ValueError("chain/abi/Origin.json holds no creation code: run `make setup`")
    hashes = [artifact(name).creation_hash for name in CONTRACT_NAMES]
    return code + encode(["address", "bytes32[3]"], [authority, hashes])


def _address(preimage: bytes) -> str:
    return str(to_checksum_address(keccak(preimage)[12:]))


def _bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])
