"""Custom errors that our contracts inherit from OpenZeppelin, and those of their constructors."""

from dataclasses import dataclass

from chain.refusals.base import ContractRefused
from chain.solidity import Address, String, Uint256

_INSIDE = " This is a defect of the contracts; report it."


@dataclass(eq=False)
class LedgerRegistryMismatch(ContractRefused):
    registry: Address
    consent_registry: Address
    says = "The ledger was given registry {registry}, its consent token uses {consent_registry}."


@dataclass(eq=False)
class ERC721NonexistentToken(ContractRefused):
    token_id: Uint256
    says = "There is no live consent {token_id}: it was never granted or is revoked."


@dataclass(eq=False)
class ERC721InvalidOwner(ContractRefused):
    owner: Address
    says = "{owner} cannot own a consent."


@dataclass(eq=False)
class ERC721IncorrectOwner(ContractRefused):
    sender: Address
    token_id: Uint256
    owner: Address
    says = "Consent {token_id} belongs to {owner}, not to {sender}."


@dataclass(eq=False)
class ERC721InvalidSender(ContractRefused):
    sender: Address
    says = "A consent cannot come from {sender}."


@dataclass(eq=False)
class ERC721InvalidReceiver(ContractRefused):
    receiver: Address
    says = "A consent cannot be given to {receiver}."


@dataclass(eq=False)
class ERC721InsufficientApproval(ContractRefused):
    operator: Address
    token_id: Uint256
    says = "{operator} may not act on consent {token_id}."


@dataclass(eq=False)
class ERC721InvalidApprover(ContractRefused):
    approver: Address
    says = "{approver} cannot approve others for a consent."


@dataclass(eq=False)
class ERC721InvalidOperator(ContractRefused):
    operator: Address
    says = "{operator} cannot be approved for a consent."


@dataclass(eq=False)
class CheckpointUnorderedInsertion(ContractRefused):
    says = "An epoch would be older than the one before it." + _INSIDE


@dataclass(eq=False)
class InvalidShortString(ContractRefused):
    says = "A contract's name is not a short string." + _INSIDE


@dataclass(eq=False)
class StringTooLong(ContractRefused):
    str_: String
    says = "A contract's name is too long: {str_}." + _INSIDE
