"""An account with code (ERC-1271): what its owner's key signed counts as signed by it."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

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
# codecopy(0, 11, size); return(0, size)
_CREATION = "60{size:02x}80600b6000396000f3"


def deploy_wallet(world: World, owner: LocalAccount) -> str:
    """Its address."""
    runtime = _RUNTIME.format(owner=owner.address[2:].lower())
    creation = _CREATION.format(size=len(runtime) // 2) + runtime
    payer, w3 = world.accounts[22], world.chain().w3
    transaction = payer.sign_transaction(
        {
            "chainId": world.deployment.chain_id,
            "nonce": w3.eth.get_transaction_count(payer.address),
            "gas": 300_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 0,
            "value": 0,
            "data": bytes.fromhex(creation),
        }
    )
    sent = w3.eth.send_raw_transaction(transaction.raw_transaction)
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    return str(w3.to_checksum_address(str(receipt["contractAddress"])))
