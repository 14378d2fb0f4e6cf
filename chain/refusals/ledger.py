"""Custom errors of RoundLedger."""

from chain.light_dataclass import light_dataclass
from chain.messages import RoundState
from chain.refusals.base import ContractRefused
from chain.solidity import Address, Bytes32, Uint16, Uint32, Uint40, Uint64, Uint256


@light_dataclass(eq=False)
class LedgerStudyNotUsable(ContractRefused):
    study_id: Uint64
    says = (
        "The rounds of study {study_id} stand still: no version is in force, its approval has "
        "expired, or it is suspended. Ask its reviewers."
    )


@light_dataclass(eq=False)
class LedgerNotCoordinator(ContractRefused):
    study_id: Uint64
    caller: Address
    says = "{caller} is not the coordinator of study {study_id}, who alone may do this now."


@light_dataclass(eq=False)
class LedgerRoundOpen(ContractRefused):
    study_id: Uint64
    round: Uint32
    says = "Round {round} of study {study_id} is not over; close or abort it first."


@light_dataclass(eq=False)
class LedgerApprovalExpires(ContractRefused):
    study_id: Uint64
    approved_until: Uint40
    close_deadline: Uint40
    says = (
        "A round of study {study_id} could last until {close_deadline}, but its approval expires "
        "at {approved_until}. Ask the reviewers to renew it."
    )


@light_dataclass(eq=False)
class LedgerPausedByAborts(ContractRefused):
    study_id: Uint64
    aborts: Uint32
    says = (
        "Study {study_id} pauses after {aborts} aborted rounds that were charged. A reviewer "
        "suspends it and the committee resumes it; then rounds open again."
    )


@light_dataclass(eq=False)
class LedgerSiteBarred(ContractRefused):
    study_id: Uint64
    site: Address
    round: Uint32
    says = (
        "Site {site} is barred from study {study_id} because of round {round}; a reviewer must "
        "readmit it first."
    )


@light_dataclass(eq=False)
class LedgerBudgetExhausted(ContractRefused):
    study_id: Uint64
    rho_spent: Uint256
    rho: Uint256
    rho_ceiling: Uint256
    says = (
        "The privacy budget of study {study_id} is used up: {rho_spent} spent, a round costs "
        "{rho}, the ceiling is {rho_ceiling} (rho in 1e-18). More needs a new approved version."
    )


@light_dataclass(eq=False)
class LedgerWrongState(ContractRefused):
    study_id: Uint64
    round: Uint32
    state: RoundState
    says = "Round {round} of study {study_id} is {state.name}, in which this cannot be done."


@light_dataclass(eq=False)
class LedgerVersionChanged(ContractRefused):
    study_id: Uint64
    round: Uint32
    version: Uint32
    says = (
        "Study {study_id} changed to version {version} after round {round} had opened; abort the "
        "round and open another."
    )


@light_dataclass(eq=False)
class LedgerDeadlinePassed(ContractRefused):
    study_id: Uint64
    round: Uint32
    deadline: Uint40
    says = "The deadline {deadline} for this in round {round} of study {study_id} has passed."


@light_dataclass(eq=False)
class LedgerTooEarly(ContractRefused):
    study_id: Uint64
    round: Uint32
    until: Uint40
    says = "Round {round} of study {study_id} does not take this before {until} (chain time)."


@light_dataclass(eq=False)
class LedgerSiteNotInStudy(ContractRefused):
    study_id: Uint64
    site: Address
    says = "Site {site} is not part of the round's version of study {study_id}."


@light_dataclass(eq=False)
class LedgerAttemptNotNext(ContractRefused):
    attempt: Uint32
    expected: Uint32
    says = "The commitment is attempt {attempt}, but the site's next one is {expected}."


@light_dataclass(eq=False)
class LedgerCohortTooSmall(ContractRefused):
    size: Uint32
    minimum: Uint32
    says = "The cohort has {size} patients, the study demands at least {minimum} at each site."


@light_dataclass(eq=False)
class LedgerCohortNotBorneOut(ContractRefused):
    size: Uint32
    unburned: Uint32
    says = "The cohort claims {size} patients, but the chain holds only {unburned} live consents."


@light_dataclass(eq=False)
class LedgerBlockNotKnown(ContractRefused):
    block_number: Uint64
    block_hash: Bytes32
    says = (
        "The ledger cannot see block {block_number} with hash {block_hash}: it is older than 256 "
        "blocks, older than the round, or of another fork. Read the cohort again and recommit."
    )


@light_dataclass(eq=False)
class LedgerEpochMoved(ContractRefused):
    site: Address
    committed: Uint64
    current: Uint64
    says = (
        "A consent at site {site} ended after its commitment (epoch {committed}, now {current}); "
        "before the seal it must recommit, after it the round must be run again."
    )


@light_dataclass(eq=False)
class LedgerKeyMissing(ContractRefused):
    site: Address
    says = (
        "The commitment of site {site} has no mask key with which others have a secret: a canonical"
        " X25519 key, and not one of low order."
    )


@light_dataclass(eq=False)
class LedgerKeyReused(ContractRefused):
    site: Address
    mask_key: Bytes32
    says = "Site {site} gave mask key {mask_key}, which was used before; make a fresh one."


@light_dataclass(eq=False)
class LedgerCommitmentEmpty(ContractRefused):
    site: Address
    says = "The commitment of site {site} has an empty root, vector hash or environment hash."


@light_dataclass(eq=False)
class LedgerNotAllCurrent(ContractRefused):
    site: Address
    says = (
        "Site {site} has no current commitment, so the round cannot be sealed before its commit "
        "deadline. Wait for the site or for the deadline."
    )


@light_dataclass(eq=False)
class LedgerTooFewSites(ContractRefused):
    sites: Uint256
    minimum: Uint16
    says = "Only {sites} sites have a current commitment, the study demands {minimum}."


@light_dataclass(eq=False)
class LedgerDeliveryCountMismatch(ContractRefused):
    given: Uint256
    members: Uint256
    says = "{given} deliveries were given for {members} members; each member needs exactly one."


@light_dataclass(eq=False)
class LedgerDeliveryInvalid(ContractRefused):
    site: Address
    says = (
        "The delivery of site {site} is not signed over this round's seal and this hash, or it "
        "recorded another hash on chain. Close with what the site delivered."
    )


@light_dataclass(eq=False)
class LedgerClosureInvalid(ContractRefused):
    coordinator: Address
    says = "The closure is not signed by the coordinator {coordinator} over this seal."


@light_dataclass(eq=False)
class LedgerCannotAbort(ContractRefused):
    study_id: Uint64
    round: Uint32
    says = "Round {round} of study {study_id} cannot be aborted by this account yet."


@light_dataclass(eq=False)
class RollbackNotAncestor(ContractRefused):
    study_id: Uint64
    to_round: Uint32
    last_closed: Uint32
    says = (
        "The next round of study {study_id} starts from round {last_closed}, which does not "
        "descend from round {to_round}. Name 0, or an older round that closed and is not retired."
    )
