"""Whether an ERC-7913 signer signed a digest: what OpenZeppelin's SignatureChecker answers.

For messages that no contract takes. A signer is 20 bytes, an account: a key's or a contract's
(ERC-1271); or longer: a verifier's address and a key, such as a passkey (ERC-7913). Sources:
EIP-1271, EIP-7913, OpenZeppelin Contracts 5.7, utils/cryptography/SignatureChecker.sol.
"""

from __future__ import annotations

from eth_abi.abi import encode
from eth_typing import BlockNumber
from hexbytes import HexBytes
from web3 import Web3
from web3.types import BlockIdentifier, TxParams

from chain.errors import ContractRefused, RpcRefused
from chain.messages import SignedMessage, account_of_signer, recover
from chain.signing import Domain

# The first four bytes of keccak256 of the function's signature, which is also what it returns.
_IS_VALID_SIGNATURE = Web3.keccak(text="isValidSignature(bytes32,bytes)")[:4]
_VERIFY = Web3.keccak(text="verify(bytes,bytes32,bytes)")[:4]


def is_signed_by(
    w3: Web3, signer: bytes, digest: bytes, signature: bytes, *, block: int | None = None
) -> bool:
    """Whether `signature` is the signer's over the 32 bytes of `digest`, as of a block.

    None: the newest block. An account without code there is never asked: only its key signs for it.

    Raises:
        chain.errors.ChainError: the node does not answer.
    """
    if len(signer) < 20:
        return False
    contract = Web3.to_checksum_address(signer[:20])
    if len(signer) > 20:
        asked = encode(["bytes", "bytes32", "bytes"], [signer[20:], digest, signature])
        return _answers(w3, contract, bytes(_VERIFY), asked, block)
    if w3.eth.get_code(contract, _at(block)):
        asked = encode(["bytes32", "bytes"], [digest, signature])
        return _answers(w3, contract, bytes(_IS_VALID_SIGNATURE), asked, block)
    try:
        return recover(digest, signature) == contract
    except ValueError:
        return False


def is_message_of(
    w3: Web3,
    account: str,
    message: SignedMessage,
    domain: Domain,
    signer: bytes,
    signature: bytes,
    *,
    block: int | None = None,
) -> bool:
    """Whether the account's signer signed the message; see `is_signed_by`. Raises ChainError."""
    return (
        len(signer) >= 20
        and account_of_signer(signer) == account
        and is_signed_by(w3, signer, message.digest(domain), signature, block=block)
    )


def _at(block: int | None) -> BlockIdentifier:
    return "latest" if block is None else BlockNumber(block)


def _answers(w3: Web3, account: str, selector: bytes, asked: bytes, block: int | None) -> bool:
    call: TxParams = {"to": Web3.to_checksum_address(account), "data": HexBytes(selector + asked)}
    try:
        answer = w3.eth.call(call, _at(block))
    except ContractRefused:
        return False
    except RpcRefused as error:
        if "revert" in str(error):  # a verifier that reverts without data
            return False
        raise
    return bytes(answer) == selector.ljust(32, b"\0")
