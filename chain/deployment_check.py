"""Whether a node's chain and contracts are those of a deployment."""

from typing import cast

from eth_utils.crypto import keccak
from web3 import Web3

from chain.artifacts import DEPLOYED_NAMES, artifact
from chain.blocks import block_of
from chain.deployment import Deployment
from chain.errors import ChainUnreachable, ContractMissing, WrongChain, WrongCode, WrongOrigin
from chain.rpc import Call, NodeProvider, answered


def check_deployment(w3: Web3, deployment: Deployment) -> None:
    """Refuses a node whose chain or contracts are not the deployment's.

    Raises WrongChain, ContractMissing, WrongCode, WrongOrigin. A contract's code must hash to what
    was recorded when it was deployed, and, with its immutables zeroed, to what this version was
    built for; the addresses of the three that evidence proves must show how they began.
    """
    addresses = [deployment.address(name) for name in DEPLOYED_NAMES]
    asked: list[Call] = [("eth_chainId", []), ("eth_getBlockByNumber", ["0x0", False])]
    asked += [("eth_getCode", [address, "latest"]) for address in addresses]
    told, first, *codes = cast(NodeProvider, w3.provider).make_many(asked)
    try:
        chain_id, genesis = int(answered(told), 16), block_of(answered(first)).hash
    except (KeyError, TypeError, ValueError) as error:
        shown = cast(NodeProvider, w3.provider).shown_url
        raise ChainUnreachable(shown, "it names no chain, or no first block") from error
    if chain_id != deployment.chain_id:
        raise WrongChain("chain id", str(deployment.chain_id), str(chain_id))
    if genesis != deployment.genesis_hash:
        raise WrongChain("genesis block", deployment.genesis_hash.hex(), genesis.hex())
    for name, address, answer in zip(DEPLOYED_NAMES, addresses, codes, strict=True):
        code = bytes.fromhex(answered(answer)[2:])
        if not code:
            raise ContractMissing(name, address)
        if keccak(code) != deployment.code_hashes[name]:
            raise WrongCode(name, address, deployment.code_hashes[name], keccak(code))
        built_for = artifact(name)
        if built_for.zeroed(code) != built_for.runtime:
            raise WrongCode(name, address, built_for.code_hash, built_for.hash_of(code))
    for made, place in deployment.origin.made.items():
        if deployment.address(made) != place:
            raise WrongOrigin(made, place, deployment.address(made))
