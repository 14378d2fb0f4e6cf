"""Who runs a deployment: the members of its consortium, and how long they have to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract

from chain.artifacts import AnyName, artifact
from chain.deployment import Deployment
from chain.errors import GovernanceWrong

ADMIN_ROLE = 0
"""AccessManager.ADMIN_ROLE: its members may call what is restricted, and change all the rest."""

_RECORD_SUCCESSOR = keccak(text="recordSuccessor(address)")[:4]
_ROLE_GRANTED = keccak(text="RoleGranted(uint64,address,uint32,uint48,bool)")


@dataclass(frozen=True)
class Governance:
    """Who may do a deployment's powerful acts.

    `members` are ERC-7913 signers, of whom `threshold` must agree; the access manager then makes
    them wait `execution_delay` seconds. `others` are accounts that have a role beside them.
    """

    members: tuple[bytes, ...]
    threshold: int
    execution_delay: int
    others: tuple[str, ...]


def read_governance(w3: Web3, deployment: Deployment) -> Governance:
    """What the chain says now.

    Raises GovernanceWrong when the registry obeys another authority, when the consortium is no
    administrator or when another role may record a successor; and what the node raises.
    """
    registry = _contract(w3, "StudyRegistry", deployment.registry)
    manager = _contract(w3, "AccessManager", deployment.authority)
    consortium = _contract(w3, "Consortium", deployment.consortium)
    obeyed = registry.functions.authority().call()
    if obeyed != deployment.authority:
        raise GovernanceWrong(f"the registry obeys {obeyed}, not {deployment.authority}")
    role = manager.functions.getTargetFunctionRole(deployment.registry, _RECORD_SUCCESSOR).call()
    if role != ADMIN_ROLE:
        raise GovernanceWrong(f"role {role} may record a successor, not the administrators")
    is_member, delay = manager.functions.hasRole(ADMIN_ROLE, deployment.consortium).call()
    if not is_member:
        raise GovernanceWrong(f"the consortium {deployment.consortium} is no administrator")
    count = consortium.functions.getSignerCount().call()
    return Governance(
        tuple(bytes(member) for member in consortium.functions.getSigners(0, count).call()),
        int(consortium.functions.threshold().call()),
        int(delay),
        tuple(_others(w3, deployment, manager)),
    )


def check_governance(
    w3: Web3, deployment: Deployment, members: Sequence[bytes], threshold: int, delay: int
) -> None:
    """Raises GovernanceWrong unless exactly these run the deployment, and nobody beside them."""
    found = read_governance(w3, deployment)
    if found.others:
        raise GovernanceWrong(f"{', '.join(found.others)} has a role beside the consortium")
    if set(found.members) != set(members) or found.threshold != threshold:
        raise GovernanceWrong("the consortium's members or threshold are not those asked for")
    if found.execution_delay != delay:
        raise GovernanceWrong(f"its delay is {found.execution_delay} s, not {delay} s")


def _others(w3: Web3, deployment: Deployment, manager: Contract) -> list[str]:
    """Accounts beside the consortium that were given a role at some time and have it now."""
    asked = {
        "address": deployment.authority,
        "topics": ["0x" + _ROLE_GRANTED.hex()],
        "fromBlock": hex(deployment.block_number),
        "toBlock": "latest",
    }
    logs: list[dict[str, Any]] = w3.provider.make_request("eth_getLogs", [asked])["result"]  # type: ignore[arg-type]
    given = {(int(log["topics"][1], 16), "0x" + log["topics"][2][-40:]) for log in logs}
    return [
        account
        for role, account in sorted((role, to_checksum_address(raw)) for role, raw in given)
        if account != deployment.consortium and manager.functions.hasRole(role, account).call()[0]
    ]


def _contract(w3: Web3, name: AnyName, address: str) -> Contract:
    return w3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact(name).abi)
