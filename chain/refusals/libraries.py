"""Custom errors that our contracts inherit from OpenZeppelin, and those of their constructors."""

from chain.light_dataclass import light_dataclass
from chain.refusals.base import ContractRefused
from chain.solidity import Address, Bytes, String, Uint8, Uint64, Uint256

_INSIDE = " This is a defect of the contracts; report it."


@light_dataclass(eq=False)
class LedgerTokenMismatch(ContractRefused):
    registry: Address
    ledger: Address
    says = (
        "The consent token answers to registry {registry} and ledger {ledger}, not to those of "
        "this deployment. Deploy all contracts again, from an account that does nothing else."
    )


@light_dataclass(eq=False)
class ERC721NonexistentToken(ContractRefused):
    token_id: Uint256
    says = "There is no live consent {token_id}: it was never granted or is revoked."


@light_dataclass(eq=False)
class ERC721InvalidOwner(ContractRefused):
    owner: Address
    says = "{owner} cannot own a consent."


@light_dataclass(eq=False)
class ERC721IncorrectOwner(ContractRefused):
    sender: Address
    token_id: Uint256
    owner: Address
    says = "Consent {token_id} belongs to {owner}, not to {sender}."


@light_dataclass(eq=False)
class ERC721InvalidSender(ContractRefused):
    sender: Address
    says = "A consent cannot come from {sender}."


@light_dataclass(eq=False)
class ERC721InvalidReceiver(ContractRefused):
    receiver: Address
    says = "A consent cannot be given to {receiver}."


@light_dataclass(eq=False)
class ERC721InsufficientApproval(ContractRefused):
    operator: Address
    token_id: Uint256
    says = "{operator} may not act on consent {token_id}."


@light_dataclass(eq=False)
class ERC721InvalidApprover(ContractRefused):
    approver: Address
    says = "{approver} cannot approve others for a consent."


@light_dataclass(eq=False)
class ERC721InvalidOperator(ContractRefused):
    operator: Address
    says = "{operator} cannot be approved for a consent."


@light_dataclass(eq=False)
class InvalidShortString(ContractRefused):
    says = "A contract's name is not a short string." + _INSIDE


@light_dataclass(eq=False)
class StringTooLong(ContractRefused):
    str_: String
    says = "A contract's name is too long: {str_}." + _INSIDE


@light_dataclass(eq=False)
class SafeCastOverflowedUintDowncast(ContractRefused):
    bits: Uint8
    value: Uint256
    says = "{value} does not fit {bits} bits: this study has had more versions than it can have."


@light_dataclass(eq=False)
class AddressEmptyCode(ContractRefused):
    target: Address
    says = "There is no contract at {target}. Check the address."


@light_dataclass(eq=False)
class FailedCall(ContractRefused):
    says = "The call that was to be made failed without a reason. Check its target and data."


@light_dataclass(eq=False)
class InsufficientBalance(ContractRefused):
    balance: Uint256
    needed: Uint256
    says = "The account has {balance} wei, the call needs {needed}."


@light_dataclass(eq=False)
class InvalidAccountNonce(ContractRefused):
    account: Address
    current_nonce: Uint256
    says = "The next act of {account} has number {current_nonce}; sign with that one."


@light_dataclass(eq=False)
class MultiSignerERC7913AlreadyExists(ContractRefused):
    signer: Bytes
    says = "{signer} is a member already; name each once."


@light_dataclass(eq=False)
class MultiSignerERC7913NonexistentSigner(ContractRefused):
    signer: Bytes
    says = "{signer} is not a member, so it cannot be removed."


@light_dataclass(eq=False)
class MultiSignerERC7913InvalidSigner(ContractRefused):
    signer: Bytes
    says = "{signer} is no signer: give an account's 20 bytes, or a verifier and a key (ERC-7913)."


@light_dataclass(eq=False)
class MultiSignerERC7913UnreachableThreshold(ContractRefused):
    signers: Uint64
    threshold: Uint64
    says = "{signers} members can never reach a threshold of {threshold}; name more or lower it."


@light_dataclass(eq=False)
class MultiSignerERC7913ZeroThreshold(ContractRefused):
    says = "A threshold of 0 would need nobody's signature; use 2 or more."


@light_dataclass(eq=False)
class Create2EmptyBytecode(ContractRefused):
    says = "There is no code to create a contract from." + _INSIDE


@light_dataclass(eq=False)
class FailedDeployment(ContractRefused):
    says = (
        "The guardian account could not be created: its quarter is over or invalid, or a key or "
        "guardian is no usable signer."
    )


@light_dataclass(eq=False)
class ERC5267ExtensionsNotSupported(ContractRefused):
    says = "An EIP-712 domain has extensions, which are not supported." + _INSIDE
