"""The three contracts' code as they were really deployed, for studies that were not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from audit.manifest import Contracts
from chain.blocks import Finality
from chain.deploy import deploy
from chain.events import CONTRACT_NAMES, ContractName
from chain.messages import signer_of_account
from chain.origin import Origin
from chain.rpc import connect_node
from stack.hardhat import HardhatNode


def deployed_code() -> tuple[Contracts, Origin, Mapping[ContractName, bytes]]:
    """Deploys on a Hardhat node of its own, which ends with this call."""
    with TemporaryDirectory() as folder:
        node = HardhatNode(Path(folder) / "hardhat.log")
        node.start()
        try:
            node.wait_for_chain()
            w3 = connect_node(node.rpc_url)
            governors = [signer_of_account(key.address) for key in node.accounts[1:4]]
            deployment = deploy(w3, node.accounts[0], Finality(), governors=governors)
            code = {
                name: bytes(w3.eth.get_code(w3.to_checksum_address(deployment.address(name))))
                for name in CONTRACT_NAMES
            }
        finally:
            node.stop()
    contracts = Contracts(
        deployment.chain_id, deployment.registry, deployment.consent_token, deployment.ledger
    )
    return contracts, deployment.origin, code
