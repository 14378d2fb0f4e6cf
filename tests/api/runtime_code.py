"""Contracts made of a few bytes of code."""

from __future__ import annotations

from tests.world import World


def deploy_runtime(world: World, runtime: str) -> str:
    """The address of a contract with this code (hex, up to 255 bytes)."""
    # codecopy(0, 11, size); return(0, size)
    creation = f"60{len(runtime) // 2:02x}80600b6000396000f3" + runtime
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
