"""Which contracts, on which chain: the file that a site, a reviewer and a coordinator share.

Needs no node and no web3: a reviewer's laptop compares a bundle with it.
"""

import json
from pathlib import Path
from typing import Any

from eth_utils.address import is_checksum_address

from chain.artifacts import DEPLOYED_NAMES, FurtherName
from chain.blocks import Finality
from chain.events import ContractName
from chain.light_dataclass import light_dataclass
from chain.origin import Origin

_SCHEMA = "assent-deployment-3"
_EARLIER = ("assent-deployment-1", "assent-deployment-2")


@light_dataclass(frozen=True)
class Deployment:
    """The contracts of one deployment on one chain; addresses are EIP-55 strings.

    `registry`, `consent_token` and `ledger` are what evidence proves; how they began, their
    addresses do (`origin`), with `maker`, the address that made the Origin. `authority` is the
    AccessManager that the registry obeys, `consortium` the only account with a role in it. The two
    verifiers check passkeys (ERC-7913), and `guardian_accounts` makes guardian accounts.
    `genesis_hash` has 32 bytes, `block_number` is that of the first contract, so that no event is
    older, `code_hashes` maps each contract's name to keccak256 of its code with its immutables, and
    `finality` is the chain's profile.
    """

    chain_id: int
    genesis_hash: bytes
    registry: str
    consent_token: str
    ledger: str
    maker: str
    authority: str
    consortium: str
    p256_verifier: str
    webauthn_verifier: str
    guardian_accounts: str
    block_number: int
    code_hashes: dict[str, bytes]
    finality: Finality = Finality()

    @property
    def origin(self) -> Origin:
        """What the three contracts' addresses follow from, if they are what they should be."""
        return Origin(self.maker, self.authority)

    def address(self, contract: ContractName | FurtherName) -> str:
        """The checksummed address of a contract."""
        return {
            "StudyRegistry": self.registry,
            "ConsentToken": self.consent_token,
            "RoundLedger": self.ledger,
            "AccessManager": self.authority,
            "Consortium": self.consortium,
            "ERC7913P256Verifier": self.p256_verifier,
            "ERC7913WebAuthnVerifier": self.webauthn_verifier,
            "GuardianAccounts": self.guardian_accounts,
        }[contract]

    def save(self, path: Path) -> None:
        """Writes the file in one step, so that a reader never finds half of it."""
        value = {
            "schema": _SCHEMA,
            "chain_id": self.chain_id,
            "genesis_hash": "0x" + self.genesis_hash.hex(),
            "contracts": {name: self.address(name) for name in DEPLOYED_NAMES},
            "maker": self.maker,
            "block_number": self.block_number,
            "code_hashes": {n: "0x" + self.code_hashes[n].hex() for n in DEPLOYED_NAMES},
            "confirmations": self.finality.confirmations,
        }
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Deployment":
        """Raises ValueError that names the file when it is no deployment, and OSError."""
        try:
            return cls._from_json(json.loads(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"{path} is not a deployment file ({type(error).__name__}: {error}). "
                "Ask the coordinator for it again."
            ) from error

    @classmethod
    def _from_json(cls, value: dict[str, Any]) -> "Deployment":
        if value["schema"] in _EARLIER:
            raise ValueError(
                "it is of contracts that an earlier release deployed; this one needs its own"
            )
        if value["schema"] != _SCHEMA:
            raise ValueError(f"its schema is {value['schema']!r}, not {_SCHEMA!r}")
        contracts = value["contracts"]
        for name in DEPLOYED_NAMES:
            if not is_checksum_address(contracts[name]):
                raise ValueError(f"{name} has no EIP-55 address")
        if not is_checksum_address(value["maker"]):
            raise ValueError("maker is no EIP-55 address")
        return cls(
            chain_id=int(value["chain_id"]),
            genesis_hash=bytes.fromhex(value["genesis_hash"][2:]),
            registry=contracts["StudyRegistry"],
            consent_token=contracts["ConsentToken"],
            ledger=contracts["RoundLedger"],
            maker=value["maker"],
            authority=contracts["AccessManager"],
            consortium=contracts["Consortium"],
            p256_verifier=contracts["ERC7913P256Verifier"],
            webauthn_verifier=contracts["ERC7913WebAuthnVerifier"],
            guardian_accounts=contracts["GuardianAccounts"],
            block_number=int(value["block_number"]),
            code_hashes={
                name: bytes.fromhex(value["code_hashes"][name][2:]) for name in DEPLOYED_NAMES
            },
            finality=Finality(int(value["confirmations"])),
        )
