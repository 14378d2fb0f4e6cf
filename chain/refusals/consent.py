"""Custom errors of ConsentToken."""

from chain.light_dataclass import light_dataclass
from chain.refusals.base import ContractRefused
from chain.solidity import Address, Bytes32, Uint16, Uint24, Uint40, Uint64, Uint256


@light_dataclass(eq=False)
class ConsentNotHolder(ContractRefused):
    token_id: Uint256
    caller: Address
    says = "{caller} does not hold consent {token_id}; only its holder may grant or revoke it."


@light_dataclass(eq=False)
class ConsentSignatureInvalid(ContractRefused):
    account: Address
    says = "The signature is not {account}'s over this message; sign with the holder's key."


@light_dataclass(eq=False)
class ConsentEnrolmentInvalid(ContractRefused):
    site: Address
    says = (
        "The enrolment is not signed by the current enrolment key of site {site} for this grant's "
        "study, holder and record commitment; ask the site for a new one."
    )


@light_dataclass(eq=False)
class ConsentEnrolmentNotYetIssued(ContractRefused):
    issued_at: Uint40
    says = (
        "The enrolment is dated {issued_at}, later than the chain's newest block; wait for a "
        "block or correct the site's clock."
    )


@light_dataclass(eq=False)
class ConsentEnrolmentVoid(ContractRefused):
    issued_at: Uint40
    since: Uint40
    says = (
        "The enrolment of second {issued_at} is void: the record's last consent was given or "
        "ended at {since}. Ask the site for a new enrolment."
    )


@light_dataclass(eq=False)
class ConsentRecordHasToken(ContractRefused):
    token_id: Uint256
    says = "The record has a live consent already, {token_id}; revoke it before granting anew."


@light_dataclass(eq=False)
class ConsentRecordWaiting(ContractRefused):
    revoked_token_id: Uint256
    waiting_rounds: Uint16
    says = (
        "The record's consent {revoked_token_id} was revoked; by the study's terms it sits out "
        "{waiting_rounds} rounds. Grant again once so many rounds were opened and are over."
    )


@light_dataclass(eq=False)
class ConsentGrantVoid(ContractRefused):
    signed: Uint64
    current: Uint64
    says = (
        "The grant was signed at revocation counter {signed}, the holder's is now {current}: a "
        "revocation voided it. The holder must sign a new grant."
    )


@light_dataclass(eq=False)
class ConsentDeadlinePassed(ContractRefused):
    deadline: Uint40
    says = "The deadline {deadline} of the grant or enrolment has passed; sign a new one."


@light_dataclass(eq=False)
class ConsentPeriodInvalid(ContractRefused):
    says = "A period of the grant is empty, ends before it starts, or is over."


@light_dataclass(eq=False)
class ConsentPurposesInvalid(ContractRefused):
    purposes: Uint64
    disease: Uint24
    says = (
        "Purposes {purposes:#x} with disease {disease} cannot be granted: a grant names at least "
        "one purpose, only those of docs/purposes.md, and a disease exactly when it has DS."
    )


@light_dataclass(eq=False)
class ConsentTermsNotCurrent(ContractRefused):
    terms_hash: Bytes32
    says = "The grant is for terms {terms_hash}, which are not those in force; sign for these."


@light_dataclass(eq=False)
class ConsentTextNotCurrent(ContractRefused):
    consent_text_hash: Bytes32
    says = "The consent text {consent_text_hash} is not the study's; show the current one."


@light_dataclass(eq=False)
class ConsentStudyNotUsable(ContractRefused):
    study_id: Uint64
    says = (
        "Study {study_id} takes no grants: no version is in force, its approval has expired, or "
        "it is suspended. Ask its reviewers."
    )


@light_dataclass(eq=False)
class ConsentSiteNotInStudy(ContractRefused):
    study_id: Uint64
    site: Address
    says = "Site {site} is not part of study {study_id} in its current version."


@light_dataclass(eq=False)
class ConsentTokenUnknown(ContractRefused):
    token_id: Uint256
    says = "There is no consent {token_id}. Check the number."


@light_dataclass(eq=False)
class ConsentAlreadyRevoked(ContractRefused):
    token_id: Uint256
    says = "Consent {token_id} was revoked already; nothing more needs to be done."


@light_dataclass(eq=False)
class ConsentLocked(ContractRefused):
    says = "A consent cannot be transferred or approved for another account."


@light_dataclass(eq=False)
class ConsentNotLedger(ContractRefused):
    caller: Address
    says = "{caller} is not the deployment's RoundLedger, which alone may watch epochs."
