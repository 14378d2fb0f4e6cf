"""Custom errors of Origin, which makes the three contracts of a deployment."""

from chain.light_dataclass import light_dataclass
from chain.refusals.base import ContractRefused
from chain.solidity import Bytes32


@light_dataclass(eq=False)
class OriginComplete(ContractRefused):
    says = "The three contracts are made; an Origin makes no other. Deploy anew."


@light_dataclass(eq=False)
class OriginCodeMismatch(ContractRefused):
    expected: Bytes32
    given: Bytes32
    says = (
        "The creation code hashes to {given}; the next contract's is {expected}. Deploy with the "
        "release that the Origin was made by."
    )


@light_dataclass(eq=False)
class OriginCreationFailed(ContractRefused):
    says = "The contract could not be created: give the transaction more gas."
