"""What can go wrong between us and a chain, other than a contract that says no.

Import these names from `chain.errors`. Every message names the thing and says what to do; none
holds a secret, and a node's address is shown without its credentials.
"""


class ChainError(Exception):
    """Base of everything that `chain` raises because of the chain."""


class ChainUnreachable(ChainError):
    """No usable answer from the node: refused, timed out, TLS or proxy trouble, not JSON-RPC."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(
            f"The chain's node at {url} gives no usable answer: {reason}. "
            "Check that it runs, the address, and proxy and certificate settings."
        )


class RpcRefused(ChainError):
    """The node answered with a JSON-RPC error that is not a contract's refusal."""

    def __init__(self, method: str, code: int, reason: str) -> None:
        self.method, self.code, self.reason = method, code, reason
        super().__init__(f"The chain's node refused {method}: {reason} (code {code}).")


class AccountUnfunded(ChainError):
    """The account that sends cannot pay for the transaction; the node did not take it."""

    def __init__(self, account: str, reason: str) -> None:
        self.account, self.reason = account, reason
        super().__init__(
            f"The account {account} cannot pay for the transaction ({reason}). Have the network's"
            " operator fund it, then run the command again."
        )


class WrongChain(ChainError):
    """The node's chain id or genesis block is not the deployment's."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        self.what, self.expected, self.found = what, expected, found
        super().__init__(
            f"The node serves another chain: its {what} is {found}, the deployment's {expected}. "
            "Use the node or the deployment file that belong together."
        )


class ContractMissing(ChainError):
    """There is no code at a contract's address."""

    def __init__(self, contract: str, address: str) -> None:
        self.contract, self.address = contract, address
        super().__init__(
            f"There is no contract at {address}, where the deployment has {contract}. "
            "The chain was started afresh, or the deployment file is another chain's."
        )


class WrongCode(ChainError):
    """The code at a contract's address is not the deployed one."""

    def __init__(self, contract: str, address: str, expected: bytes, found: bytes) -> None:
        self.contract, self.address = contract, address
        self.expected, self.found = expected, found
        super().__init__(
            f"{contract} at {address} runs code with hash 0x{found.hex()}, expected "
            f"0x{expected.hex()}. Do not use it: it is not the contract that was approved,"
            " or this release of Assent is not one for it (after an upgrade, go back)."
        )


class WrongOrigin(ChainError):
    """A contract's address does not prove how it began."""

    def __init__(self, contract: str, expected: str, found: str) -> None:
        self.contract, self.expected, self.found = contract, expected, found
        super().__init__(
            f"{contract} is at {found}; made by this release's code it would be at {expected}. "
            "Do not use this deployment: whoever made it may have written consents into it before"
            " it began, or this release of Assent is not one for it (after an upgrade, go back)."
        )


class GovernanceWrong(ChainError):
    """A deployment is not run by whom it should be."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The deployment is not run as it should be: {reason}. Do not use it; deploy afresh."
        )


class ChainBehind(ChainError):
    """The chain no longer has a block that was seen before: it lost data or was replaced."""

    def __init__(self, recorded: int, expected: bytes, head: int, found: bytes | None) -> None:
        self.recorded, self.expected = recorded, expected
        self.head, self.found = head, found
        seen = (
            f"its head is only block {head}"
            if found is None
            else f"it has another block there, 0x{found.hex()}"
        )
        super().__init__(
            f"The chain is behind what was recorded: block {recorded} was seen with hash "
            f"0x{expected.hex()}, but {seen}. Nothing continues on it. Wait until the node has "
            "caught up, or restore the chain's data folder from its backup."
        )


class ArchiveMissing(ChainError):
    """The node no longer has the state of a past block."""

    def __init__(self, block_number: int, reason: str) -> None:
        self.block_number, self.reason = block_number, reason
        super().__init__(
            f"The node cannot prove the state at block {block_number}: {reason}. "
            "Use a node that keeps past states (archive mode)."
        )


class BadEvidence(ChainError):
    """What the node answered contradicts itself: a header, a proof or an event does not fit."""


class TransactionFailed(ChainError):
    """A transaction was mined and reverted without a reason that we know."""

    def __init__(self, tx_hash: bytes, reason: str) -> None:
        self.tx_hash, self.reason = tx_hash, reason
        super().__init__(f"Transaction 0x{tx_hash.hex()} failed: {reason}.")


class TransactionPending(ChainError):
    """A transaction was sent but not mined in time; it is journalled and may still be mined."""

    def __init__(self, tx_hash: bytes, timeout: float) -> None:
        self.tx_hash, self.timeout = tx_hash, timeout
        super().__init__(
            f"Transaction 0x{tx_hash.hex()} is not mined after {timeout:g} s. It is kept and sent "
            "again on the next start; do not send another in its place."
        )


class NonceTaken(ChainError):
    """Another process uses the same account: a journalled transaction can never be mined."""

    def __init__(self, account: str, nonce: int) -> None:
        self.account, self.nonce = account, nonce
        super().__init__(
            f"Nonce {nonce} of account {account} was used by a transaction that this journal "
            "does not hold. An account belongs to one journal; stop the other signer."
        )


class AccountMissing(ChainError):
    """A write was asked of a chain that was connected without an account or journal."""

    def __init__(self) -> None:
        super().__init__(
            "This chain is connected for reading only; connect with an account and a journal."
        )
