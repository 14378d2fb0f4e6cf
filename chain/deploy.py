"""Compiles and deploys the three contracts."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3

from chain.artifacts import artifact
from chain.blocks import Finality, block_of, raw_block
from chain.compile import Compiled, CompileError, compile_contracts
from chain.deployment import Deployment, check_deployment
from chain.errors import TransactionFailed
from chain.events import ContractName
from chain.rpc import DEFAULT_TIMEOUT
from chain.sender import Sender


def deploy(
    w3: Web3,
    account: LocalAccount,
    finality: Finality,
    *,
    compiled: Mapping[ContractName, Compiled] | None = None,
    journal: Path | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> Deployment:
    """Deploys StudyRegistry, ConsentToken and RoundLedger from `account`, and checks the result.

    Compiles (some seconds) unless `compiled` is given. `journal` is the account's journal file; a
    throw-away one when None. Raises CompileError, also when the sources give other code than
    `chain/abi` was written for, and what the chain raises.
    """
    built = compile_contracts() if compiled is None else compiled
    for name, contract in built.items():
        if contract.artifact.code_hash != artifact(name).code_hash:
            raise CompileError(
                f"The source of {name} is not what chain/abi/{name}.json was written from: "
                "run `python -m chain.compile --write`."
            )
    with tempfile.TemporaryDirectory() as folder:
        path = journal or Path(folder) / "journal.db"
        sender = Sender(w3, account, path, timeout=timeout)
        registry, block_number = _create(sender, built["StudyRegistry"], [])
        consent_token, _ = _create(sender, built["ConsentToken"], [registry])
        ledger, _ = _create(sender, built["RoundLedger"], [registry, consent_token])
    addresses = {"StudyRegistry": registry, "ConsentToken": consent_token, "RoundLedger": ledger}
    deployment = Deployment(
        chain_id=w3.eth.chain_id,
        genesis_hash=block_of(raw_block(w3, 0)).hash,
        registry=registry,
        consent_token=consent_token,
        ledger=ledger,
        block_number=block_number,
        code_hashes={
            name: keccak(bytes(w3.eth.get_code(Web3.to_checksum_address(address))))
            for name, address in addresses.items()
        },
        finality=finality,
    )
    check_deployment(w3, deployment)
    return deployment


def _create(sender: Sender, contract: Compiled, arguments: list[Any]) -> tuple[str, int]:
    data = contract.creation + encode(["address"] * len(arguments), arguments)
    mined = sender.send(None, data)
    if mined.contract_address is None:
        raise TransactionFailed(mined.tx_hash, "it created no contract")
    return str(to_checksum_address(mined.contract_address)), mined.block.number
