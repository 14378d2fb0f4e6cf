"""Custom errors of StudyRegistry."""

from chain.light_dataclass import light_dataclass
from chain.refusals.base import ContractRefused
from chain.solidity import Address, String, Uint16, Uint32, Uint40, Uint64, Uint256


@light_dataclass(eq=False)
class RegistrySiteUnknown(ContractRefused):
    site: Address
    says = (
        "{site} is not a registered site. Register it first (`assent site keys FOLDER --register`)."
    )


@light_dataclass(eq=False)
class RegistrySiteAlreadyRegistered(ContractRefused):
    site: Address
    says = "Site {site} is registered already; to change its enrolment key, rotate it."


@light_dataclass(eq=False)
class RegistryKeyMissing(ContractRefused):
    site: Address
    says = "Site {site} gave an empty enrolment key or noise secret hash; both are needed."


@light_dataclass(eq=False)
class RegistryStudyUnknown(ContractRefused):
    study_id: Uint64
    says = "There is no study {study_id}, or no such version of it. Check the number."


@light_dataclass(eq=False)
class RegistryNotSponsor(ContractRefused):
    study_id: Uint64
    caller: Address
    says = "{caller} did not propose study {study_id}; only its sponsor may propose versions."


@light_dataclass(eq=False)
class RegistryNotReviewer(ContractRefused):
    study_id: Uint64
    account: Address
    says = "{account} is not a reviewer of study {study_id}. Sign with a committee member's key."


@light_dataclass(eq=False)
class RegistryCommitteeInvalid(ContractRefused):
    reviewers: Uint256
    threshold: Uint16
    says = (
        "A committee of {reviewers} with a threshold of {threshold} is not valid: reviewers must "
        "be distinct accounts, at most 32, and the threshold between 2 and their number."
    )


@light_dataclass(eq=False)
class RegistrySponsorCannotReview(ContractRefused):
    sponsor: Address
    says = "The sponsor {sponsor} cannot review its own study; name another reviewer."


@light_dataclass(eq=False)
class RegistryVersionNotPending(ContractRefused):
    study_id: Uint64
    version: Uint32
    says = (
        "Version {version} of study {study_id} takes no approval: approve the newest proposed "
        "version or, to renew, the one in force."
    )


@light_dataclass(eq=False)
class RegistryApprovalExpiryInvalid(ContractRefused):
    expires_at: Uint40
    latest: Uint40
    says = (
        "An approval cannot expire at {expires_at}: choose a later second than now (chain time), "
        "and none after {latest}, 366 days ahead."
    )


@light_dataclass(eq=False)
class RegistryApprovalNotLater(ContractRefused):
    study_id: Uint64
    version: Uint32
    reviewer: Address
    expires_at: Uint40
    says = (
        "Reviewer {reviewer} has approved version {version} of study {study_id} until {expires_at} "
        "or later already; to renew, sign a later expiry."
    )


@light_dataclass(eq=False)
class RegistryReviewerUnsuitable(ContractRefused):
    account: Address
    says = (
        "{account} cannot join the committee: it is in it already, or it is the study's sponsor or "
        "coordinator. Name another account."
    )


@light_dataclass(eq=False)
class RegistrySuccessorInvalid(ContractRefused):
    successor: Address
    says = "{successor} cannot be this registry's successor; name the registry of a new deployment."


@light_dataclass(eq=False)
class RegistrySucceeded(ContractRefused):
    successor: Address
    says = (
        "This registry was succeeded by the one at {successor}: use the new deployment's file. "
        "Studies that run here go on."
    )


@light_dataclass(eq=False)
class RegistrySignatureInvalid(ContractRefused):
    account: Address
    says = (
        "The signature is not {account}'s over what the contract expects: check key, study, the "
        "version's terms and expiry and, for a suspension or a replacement, the current count. A "
        "contract account's signature must not have 65 bytes, which are a key's."
    )


@light_dataclass(eq=False)
class RegistryAlreadySuspended(ContractRefused):
    study_id: Uint64
    says = "Study {study_id} is suspended already."


@light_dataclass(eq=False)
class RegistryNotSuspended(ContractRefused):
    study_id: Uint64
    says = "Study {study_id} is not suspended, so there is nothing to resume."


@light_dataclass(eq=False)
class RegistryQuorumNotReached(ContractRefused):
    study_id: Uint64
    signatures: Uint256
    threshold: Uint16
    says = (
        "Study {study_id} needs {threshold} reviewers' signatures for this, not {signatures}. "
        "Carry more reviewers' files at once."
    )


@light_dataclass(eq=False)
class RegistryTermsInvalid(ContractRefused):
    field: String
    says = "The terms are not valid: see {field} and its rule in IStudyRegistry."
