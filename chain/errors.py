"""Every exception of `chain`, and a contract's revert data turned into one.

ChainError
├── ChainUnreachable, RpcRefused, WrongChain, ContractMissing, WrongCode, WrongOrigin
├── GovernanceWrong, ChainBehind, ArchiveMissing, BadEvidence, TransactionFailed
├── TransactionPending, NonceTaken, AccountMissing, AccountUnfunded
└── ContractRefused
    ├── Registry..., Consent..., Ledger..., Bars...   one for each custom error, with its values
    └── UnknownRefusal, RefusedWithText, Panicked
"""

from functools import cache

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from chain.failures import *  # noqa: F403, the public names of all these are this module's
from chain.refusals.bars import *  # noqa: F403
from chain.refusals.base import *  # noqa: F403
from chain.refusals.base import ContractRefused, Panicked, RefusedWithText, UnknownRefusal
from chain.refusals.consent import *  # noqa: F403
from chain.refusals.governance import *  # noqa: F403
from chain.refusals.guardians import *  # noqa: F403
from chain.refusals.ledger import *  # noqa: F403
from chain.refusals.libraries import *  # noqa: F403
from chain.refusals.origin import *  # noqa: F403
from chain.refusals.registry import *  # noqa: F403
from chain.solidity import abi_type, from_abi, members

_TEXT, _PANIC = keccak(text="Error(string)")[:4], keccak(text="Panic(uint256)")[:4]


def abi_signature(refusal: type[ContractRefused]) -> str:
    """Name and ABI types of a custom error, e.g. `LedgerAttemptNotNext(uint32,uint32)`."""
    return f"{refusal.__name__}({','.join(abi_type(hint) for _, hint in members(refusal))})"


def refusals() -> tuple[type[ContractRefused], ...]:
    """The exceptions that stand for the contracts' custom errors."""
    own = (UnknownRefusal, RefusedWithText, Panicked)
    return tuple(c for c in ContractRefused.__subclasses__() if c not in own)


@cache
def _by_selector() -> dict[bytes, type[ContractRefused]]:
    """Made at the first refusal: most processes meet none."""
    found = {keccak(text=abi_signature(refusal))[:4]: refusal for refusal in refusals()}
    return {_TEXT: RefusedWithText, _PANIC: Panicked} | found


def refusal_of(data: bytes) -> ContractRefused:
    """The exception that a call's revert data stands for; UnknownRefusal when none of ours."""
    refusal = _by_selector().get(data[:4])
    if refusal is None:
        return UnknownRefusal(data)
    hints = [hint for _, hint in members(refusal)]
    try:
        values = decode([abi_type(hint) for hint in hints], data[4:])
        return refusal(*[from_abi(v, h) for v, h in zip(values, hints, strict=True)])
    except (DecodingError, OverflowError, ValueError):
        return UnknownRefusal(data)
