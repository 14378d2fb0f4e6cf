"""What every refusal has, and reverts that no custom error of ours stands for."""

from typing import ClassVar

from chain.failures import ChainError
from chain.light_dataclass import light_dataclass
from chain.solidity import Bytes, String, Uint256


@light_dataclass(eq=False)
class ContractRefused(ChainError):
    """Base of every refusal."""

    says: ClassVar[str] = "The contract refused."

    def __str__(self) -> str:
        shown = {
            name: "0x" + value.hex() if isinstance(value, bytes) else value
            for name, value in vars(self).items()
        }
        return self.says.format(**shown)


@light_dataclass(eq=False)
class UnknownRefusal(ContractRefused):
    """A revert with data that is none of our contracts' errors."""

    data: Bytes
    says = "The contract refused for a reason that is not among its own errors: {data}."


@light_dataclass(eq=False)
class RefusedWithText(ContractRefused):
    """Solidity's Error(string)."""

    text: String
    says = "The contract refused: {text}."


@light_dataclass(eq=False)
class Panicked(ContractRefused):
    """Solidity's Panic(uint256): a defect in the contract, not a refusal it states."""

    code: Uint256
    says = "The contract stopped on a defect (Panic {code:#x}). Report it."
