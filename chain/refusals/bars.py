"""Custom errors of RoundLedger about sites that did not deliver or answer (IBars, IChallenges)."""

from chain.light_dataclass import light_dataclass
from chain.refusals.base import ContractRefused
from chain.solidity import Address, Uint32, Uint40, Uint64, Uint256


@light_dataclass(eq=False)
class BarsNotMember(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    says = "Site {site} is no member of the sealed round {round} of study {study_id}."


@light_dataclass(eq=False)
class BarsDeliveryRecorded(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    says = "The delivery of site {site} to round {round} of study {study_id} is on record already."


@light_dataclass(eq=False)
class BarsDeliveryEmpty(ContractRefused):
    site: Address
    says = "Site {site} gave no masked hash; a delivery is recorded with its SHA-256."


@light_dataclass(eq=False)
class BarsNotLastSealed(ContractRefused):
    study_id: Uint64
    round: Uint32
    says = "Round {round} is not the last sealed one of study {study_id}; only that one bars sites."


@light_dataclass(eq=False)
class BarsAlreadyBarred(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    says = "Site {site} was barred for round {round} of study {study_id} before; once is all."


@light_dataclass(eq=False)
class BarsExcused(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    says = (
        "A consent ended at site {site} after its commitment to round {round} of study {study_id}, "
        "or the study was suspended or amended after the seal, so the site was right not to "
        "deliver and is not barred."
    )


@light_dataclass(eq=False)
class BarsNotBarred(ContractRefused):
    study_id: Uint64
    site: Address
    says = "Site {site} is not barred from study {study_id}, so there is nothing to readmit."


@light_dataclass(eq=False)
class BarsNotReviewer(ContractRefused):
    study_id: Uint64
    account: Address
    says = "{account} is not a reviewer of study {study_id}. Sign with a committee member's key."


@light_dataclass(eq=False)
class BarsSignatureInvalid(ContractRefused):
    account: Address
    says = (
        "The readmission is not signed by {account} for as often as the site was barred by now; "
        "sign it again with that number (timesBarred)."
    )


@light_dataclass(eq=False)
class ChallengeTooEarly(ContractRefused):
    study_id: Uint64
    round: Uint32
    says = "Round {round} of study {study_id} is not over; challenge it once it closed or aborted."


@light_dataclass(eq=False)
class ChallengeTooLate(ContractRefused):
    study_id: Uint64
    round: Uint32
    until: Uint40
    says = (
        "The time for this about round {round} of study {study_id} ended at {until} (chain time)."
    )


@light_dataclass(eq=False)
class ChallengeSiteNotInRound(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    says = "Site {site} committed nothing to round {round} of study {study_id}; there is no more."


@light_dataclass(eq=False)
class ChallengeNotEntitled(ContractRefused):
    account: Address
    says = (
        "{account} may not ask this: only a reviewer asks for a replay (token 0), and only the "
        "holder of a token of this study and site for its receipt."
    )


@light_dataclass(eq=False)
class ChallengeSignatureInvalid(ContractRefused):
    account: Address
    says = "The challenge is not signed by {account} for this study, round, site and token."


@light_dataclass(eq=False)
class ChallengeExists(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    token_id: Uint256
    says = (
        "Site {site} was asked about token {token_id} in round {round} of study {study_id} "
        "already; wait for its answer."
    )


@light_dataclass(eq=False)
class ChallengeUnknown(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    token_id: Uint256
    says = (
        "Site {site} was never asked about token {token_id} in round {round} of study {study_id}."
    )


@light_dataclass(eq=False)
class ChallengeAnswered(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    token_id: Uint256
    says = (
        "The challenge to site {site} about token {token_id} in round {round} of study {study_id} "
        "is settled: it was answered, or put on record that it was not."
    )


@light_dataclass(eq=False)
class ChallengeAnswerEmpty(ContractRefused):
    says = "An answer is put on record with its SHA-256, not with zeros."


@light_dataclass(eq=False)
class ChallengePending(ContractRefused):
    study_id: Uint64
    round: Uint32
    site: Address
    token_id: Uint256
    says = (
        "Site {site} still has time to answer about token {token_id} in round {round} of study "
        "{study_id}."
    )
