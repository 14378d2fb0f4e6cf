"""Custom errors of StudyRegistry."""

from dataclasses import dataclass

from chain.refusals.base import ContractRefused
from chain.solidity import Address, String, Uint16, Uint32, Uint64, Uint256


@dataclass(eq=False)
class RegistrySiteUnknown(ContractRefused):
    site: Address
    says = (
        "{site} is not a registered site. Register it first (`assent site keys FOLDER --register`)."
    )


@dataclass(eq=False)
class RegistrySiteAlreadyRegistered(ContractRefused):
    site: Address
    says = "Site {site} is registered already; to change its enrolment key, rotate it."


@dataclass(eq=False)
class RegistryKeyMissing(ContractRefused):
    site: Address
    says = "Site {site} gave an empty enrolment key or noise secret hash; both are needed."


@dataclass(eq=False)
class RegistryStudyUnknown(ContractRefused):
    study_id: Uint64
    says = "There is no study {study_id}, or no such version of it. Check the number."


@dataclass(eq=False)
class RegistryNotSponsor(ContractRefused):
    study_id: Uint64
    caller: Address
    says = "{caller} did not propose study {study_id}; only its sponsor may propose versions."


@dataclass(eq=False)
class RegistryNotReviewer(ContractRefused):
    study_id: Uint64
    account: Address
    says = "{account} is not a reviewer of study {study_id}. Sign with a committee member's key."


@dataclass(eq=False)
class RegistryCommitteeInvalid(ContractRefused):
    reviewers: Uint256
    threshold: Uint16
    says = (
        "A committee of {reviewers} with a threshold of {threshold} is not valid: reviewers must "
        "be distinct accounts and the threshold between 1 and their number."
    )


@dataclass(eq=False)
class RegistrySponsorCannotReview(ContractRefused):
    sponsor: Address
    says = "The sponsor {sponsor} cannot review its own study; name another reviewer."


@dataclass(eq=False)
class RegistryVersionNotPending(ContractRefused):
    study_id: Uint64
    version: Uint32
    says = "Version {version} of study {study_id} awaits no approval; only the newest does."


@dataclass(eq=False)
class RegistryAlreadyApproved(ContractRefused):
    study_id: Uint64
    version: Uint32
    reviewer: Address
    says = "Reviewer {reviewer} has approved version {version} of study {study_id} already."


@dataclass(eq=False)
class RegistrySignatureInvalid(ContractRefused):
    account: Address
    says = (
        "The signature is not {account}'s over what the contract expects: check key, study, the "
        "version's terms and, for a suspension, the current count."
    )


@dataclass(eq=False)
class RegistryAlreadySuspended(ContractRefused):
    study_id: Uint64
    says = "Study {study_id} is suspended already."


@dataclass(eq=False)
class RegistryNotSuspended(ContractRefused):
    study_id: Uint64
    says = "Study {study_id} is not suspended, so there is nothing to resume."


@dataclass(eq=False)
class RegistryQuorumNotReached(ContractRefused):
    study_id: Uint64
    signatures: Uint256
    threshold: Uint16
    says = "Study {study_id} needs {threshold} reviewers' signatures to resume, not {signatures}."


@dataclass(eq=False)
class RegistryTermsInvalid(ContractRefused):
    field: String
    says = "The terms are not valid: see {field} and its rule in IStudyRegistry."
