"""Compiles and deploys the contracts, and hands them over to those who will run them."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3

from chain.artifacts import DEPLOYED_NAMES, AnyName, artifact
from chain.blocks import Finality, block_of, raw_block
from chain.compile import Compiled, CompileError, compile_contracts
from chain.deployment import Deployment
from chain.deployment_check import check_deployment
from chain.errors import TransactionFailed
from chain.functions import functions
from chain.governance import ADMIN_ROLE, check_governance
from chain.origin import Origin, origin_creation
from chain.rpc import DEFAULT_TIMEOUT
from chain.sender import Sender

# PUSH0 (the salt), PUSH1 14, CODESIZE, SUB, DUP1, PUSH1 14, PUSH0, CODECOPY, PUSH0, PUSH0, CREATE2,
# STOP
MAKER = bytes.fromhex("5f600e380380600e5f395f5ff500")
"""Code of 14 bytes that makes what the creation code behind it says, by CREATE2, and nothing else.
"""

WEEK = 7 * 24 * 3600
"""Time for everyone to see, and to leave, before a powerful act takes effect (seconds)."""


def deploy(
    w3: Web3,
    account: LocalAccount,
    finality: Finality,
    *,
    governors: Sequence[bytes],
    governor_threshold: int = 2,
    execution_delay: int = WEEK,
    compiled: Mapping[AnyName, Compiled] | None = None,
    journal: Path | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> Deployment:
    """Deploys all contracts from `account`, hands them to a consortium, and checks the result.

    `governors` are the consortium's members, ERC-7913 signers (`signer_of_account` of an address
    for an account), of whom `governor_threshold` (2 or more) must agree; what they agree on waits
    `execution_delay` seconds. Afterwards `account` has no power over the contracts. It must send
    nothing else meanwhile.

    Compiles (some seconds) unless `compiled` is given. `journal` is the account's journal file; a
    throw-away one when None. Raises CompileError, also when the sources give other code than
    `chain/abi` was written for, GovernanceWrong, and what the chain raises.
    """
    built = compile_contracts() if compiled is None else compiled
    for name, contract in built.items():
        if contract.artifact != artifact(name):
            raise CompileError(
                f"The source of {name} is not what chain/abi/{name}.json was written from: "
                "run `python -m chain.compile --write`."
            )
    with tempfile.TemporaryDirectory() as folder:
        path = journal or Path(folder) / "journal.db"
        making = _Making(Sender(w3, account, path, timeout=timeout), built)
        members = list(governors)
        p256 = making.create("ERC7913P256Verifier", [], [])
        webauthn = making.create("ERC7913WebAuthnVerifier", [], [])
        consortium = making.create(
            "Consortium", ["bytes[]", "uint64"], [members, governor_threshold]
        )
        authority = making.create("AccessManager", ["address"], [account.address])
        origin = making.create_three(authority)
        token = origin.made["ConsentToken"]
        guardian_accounts = making.create("GuardianAccounts", ["address"], [token])
        making.call("AccessManager", "grantRole", ADMIN_ROLE, consortium, execution_delay)
        making.call("AccessManager", "renounceRole", ADMIN_ROLE, account.address)
    deployment = Deployment(
        chain_id=w3.eth.chain_id,
        genesis_hash=block_of(raw_block(w3, 0)).hash,
        registry=origin.made["StudyRegistry"],
        consent_token=token,
        ledger=origin.made["RoundLedger"],
        maker=origin.maker,
        authority=authority,
        consortium=consortium,
        p256_verifier=p256,
        webauthn_verifier=webauthn,
        guardian_accounts=guardian_accounts,
        block_number=making.first_block,
        code_hashes={
            name: keccak(bytes(w3.eth.get_code(Web3.to_checksum_address(making.made[name]))))
            for name in DEPLOYED_NAMES
        },
        finality=finality,
    )
    check_deployment(w3, deployment)
    check_governance(w3, deployment, members, governor_threshold, execution_delay)
    return deployment


class _Making:
    """Creations and calls from one account, and where they led."""

    def __init__(self, sender: Sender, built: Mapping[AnyName, Compiled]) -> None:
        self._sender, self._built = sender, built
        self.made: dict[AnyName, str] = {}
        self.first_block = 0

    def create(self, name: AnyName, types: list[str], arguments: list[Any]) -> str:
        self.made[name] = self._create(self._built[name].creation + encode(types, arguments))
        return self.made[name]

    def create_three(self, authority: str) -> Origin:
        """The three contracts, by an Origin, at addresses that prove how they began."""
        # The maker's address is a new one, so the Origin's is not taken.
        origin = Origin(self._create(MAKER + origin_creation(authority)), authority)
        self.made["Origin"] = origin.address
        for name, address in origin.made.items():
            self.call("Origin", "make", self._built[name].creation)
            self.made[name] = address
        return origin

    def call(self, name: AnyName, function: str, *arguments: Any) -> None:
        self._sender.send(self.made[name], functions(name)[function].call_data(arguments))

    def _create(self, code: bytes) -> str:
        mined = self._sender.send(None, code)
        if mined.contract_address is None:
            raise TransactionFailed(mined.tx_hash, "it created no contract")
        self.first_block = self.first_block or mined.block.number
        return str(to_checksum_address(mined.contract_address))
