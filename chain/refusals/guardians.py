"""Custom errors of GuardianAccount: the account that holds one minor's token."""

from chain.light_dataclass import light_dataclass
from chain.refusals.base import ContractRefused
from chain.solidity import Address, Bytes, Bytes32, Uint8, Uint16, Uint40, Uint64


@light_dataclass(eq=False)
class GuardianKeyInvalid(ContractRefused):
    key: Bytes
    says = "{key} is no acting key: give an account's 20 bytes, or a verifier and a key (ERC-7913)."


@light_dataclass(eq=False)
class GuardianAccountEnded(ContractRefused):
    ends_at: Uint40
    says = (
        "The guardian account stopped granting at {ends_at}, the quarter before the patient comes "
        "of age. The patient grants with a key of their own."
    )


@light_dataclass(eq=False)
class GuardianAccountRecovered(ContractRefused):
    rotations: Uint64
    says = (
        "The account's key was replaced {rotations} times: it can revoke but grants no more. "
        "Make a new guardian account for a new grant."
    )


@light_dataclass(eq=False)
class GuardianStudyMismatch(ContractRefused):
    study_id: Uint64
    says = "The guardian account was made for another study than {study_id}."


@light_dataclass(eq=False)
class GuardianHolderMismatch(ContractRefused):
    holder: Address
    says = "The message's holder is {holder}, not the guardian account that signs it."


@light_dataclass(eq=False)
class GuardianStatementUnknown(ContractRefused):
    type_hash: Bytes32
    says = (
        "The guardian account makes no statement of the type {type_hash}: it names receipt keys "
        "and asks for erasure. A grant or a revocation is signed as such."
    )


@light_dataclass(eq=False)
class GuardianUsePeriodTooLong(ContractRefused):
    use_end: Uint40
    ends_at: Uint40
    says = "The use period ends at {use_end}, later than the guardian account does ({ends_at})."


@light_dataclass(eq=False)
class GuardianDigestMismatch(ContractRefused):
    hash_: Bytes32
    says = "The grant or revocation beside the signature is not what {hash_} stands for."


@light_dataclass(eq=False)
class GuardianSignatureInvalid(ContractRefused):
    says = "The signature is not the acting key's over this message."


@light_dataclass(eq=False)
class QuarterInvalid(ContractRefused):
    year: Uint16
    quarter: Uint8
    says = "There is no quarter {quarter} of {year}; quarters are 1 to 4, years from 1970 on."
