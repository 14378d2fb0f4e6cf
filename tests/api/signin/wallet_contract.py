"""An account with code (ERC-1271): what its owner's key signed counts as signed by it."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from tests.api.runtime_code import deploy_runtime
from tests.world import World

# function isValidSignature(bytes32 hash, bytes signature): ecrecover(hash, v, r, s) == owner
#     ? bytes4(0x1626ba7e) : bytes4(0); `signature` is taken to be 65 bytes r || s || v.
_RUNTIME = (
    "600435600052"  # memory[0x00] = hash
    "60a43560f81c602052"  # memory[0x20] = v
    "606435604052"  # memory[0x40] = r
    "608435606052"  # memory[0x60] = s
    "602060006080600060015afa50"  # staticcall(ecrecover): the signer to memory[0x00]
    "60005173{owner}14"  # signer == owner
    "631626ba7e60e01b02"  # times the selector, as bytes4
    "60005260206000f3"  # return it
)


def deploy_wallet(world: World, owner: LocalAccount) -> str:
    """Its address."""
    return deploy_runtime(world, _RUNTIME.format(owner=owner.address[2:].lower()))
