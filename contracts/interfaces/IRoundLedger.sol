// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IConsentToken} from "./IConsentToken.sol";
import {IStudyRegistry} from "./IStudyRegistry.sol";

enum RoundState {
    None,
    Open,
    Sealed,
    Closed,
    Aborted
}

enum AbortReason {
    Coordinator,
    SealDeadlinePassed,
    CloseDeadlinePassed,
    ConsentChanged,
    StudyChanged
}

/// @param pinnedBlock the block before the one that opened it
/// @param base SHA-256 of the checkpoint that it starts from
/// @param previousSealed the last round that was sealed, closed or not; 0 for none
/// @param previousClosed the closed round whose checkpoint it starts from; 0 for the initial checkpoint
struct Round {
    RoundState state;
    uint32 version;
    uint32 previousSealed;
    uint32 previousClosed;
    uint40 openedAt;
    uint40 commitDeadline;
    uint40 sealDeadline;
    uint40 deliveryDeadline;
    uint40 closeDeadline;
    uint64 pinnedBlock;
    bytes32 pinnedBlockHash;
    bytes32 base;
    bytes32 sealDigest;
    bytes32 checkpointHash;
    bytes32 manifestHash;
}

/// @notice One site's part of a round before the seal.
/// @param attempt 1 for a site's first commitment to the round, one more at each recommitment
/// @param cohortRoot root of the cohort tree
/// @param cohortSize tokens admitted
/// @param blockNumber,blockHash the block at which cohort and epoch were read
/// @param epoch the (study, site) epoch at that block
/// @param vectorHash salted hash of the noised vector
/// @param maskKey X25519 public key, for this round and attempt only: canonical, and of no point of low order
/// @param environmentHash SHA-256 of what a bit-exact replay needs (lock, CPU features, threads)
struct Commitment {
    uint32 attempt;
    bytes32 cohortRoot;
    uint32 cohortSize;
    uint64 blockNumber;
    bytes32 blockHash;
    uint64 epoch;
    bytes32 vectorHash;
    bytes32 maskKey;
    bytes32 environmentHash;
}

/// @title Rounds and the privacy budget
/// @notice EIP-712 domain: name "Assent RoundLedger", version "1".
/// Types: Delivery(bytes32 sealDigest,bytes32 maskedHash), Closure(bytes32 sealDigest,bytes32 checkpointHash,bytes32 manifestHash).
/// sealDigest = keccak256(abi.encode(chainId, ledger, studyId, round, parentHash, address[] members, Commitment[] commitments)),
/// where parentHash is the hash of the block before the one that sealed and members keep the order of Terms.sites.
/// rho of a round = ceil(1e18 * 1e12 / (2 * noiseMultiplier^2)) + 1, in 1e-18; the 1 covers the slack of the distributed
/// discrete Gaussian (terms are refused unless a site's noise has a standard deviation of at least 4 grid steps).
/// Every event has the study as its only indexed argument and enters the running hash.
interface IRoundLedger {
    event Opened(
        uint64 indexed studyId,
        uint32 round,
        uint32 version,
        uint64 pinnedBlock,
        bytes32 pinnedBlockHash,
        bytes32 base,
        uint32 previousSealed,
        uint32 previousClosed,
        uint40 commitDeadline,
        uint40 sealDeadline,
        uint40 deliveryDeadline,
        uint40 closeDeadline
    );
    event Committed(uint64 indexed studyId, uint32 round, address site, Commitment commitment);
    event Sealed(
        uint64 indexed studyId,
        uint32 round,
        address[] members,
        bytes32 parentHash,
        bytes32 sealDigest,
        uint256 rho,
        uint256 rhoSpent
    );
    event Closed(
        uint64 indexed studyId,
        uint32 round,
        bytes32 checkpointHash,
        bytes32 manifestHash,
        bytes32[] maskedHashes,
        bytes[] deliverySignatures,
        bytes coordinatorSignature
    );
    event Aborted(uint64 indexed studyId, uint32 round, AbortReason reason);

    error LedgerStudyNotUsable(uint64 studyId);
    error LedgerNotCoordinator(uint64 studyId, address caller);
    error LedgerRoundOpen(uint64 studyId, uint32 round);
    error LedgerApprovalExpires(uint64 studyId, uint40 approvedUntil, uint40 closeDeadline);
    error LedgerPausedByAborts(uint64 studyId, uint32 aborts);
    error LedgerSiteBarred(uint64 studyId, address site, uint32 round);
    error LedgerBudgetExhausted(uint64 studyId, uint256 rhoSpent, uint256 rho, uint256 rhoCeiling);
    error LedgerWrongState(uint64 studyId, uint32 round, RoundState state);
    error LedgerVersionChanged(uint64 studyId, uint32 round, uint32 version);
    error LedgerDeadlinePassed(uint64 studyId, uint32 round, uint40 deadline);
    error LedgerTooEarly(uint64 studyId, uint32 round, uint40 until);
    error LedgerSiteNotInStudy(uint64 studyId, address site);
    error LedgerAttemptNotNext(uint32 attempt, uint32 expected);
    error LedgerCohortTooSmall(uint32 size, uint32 minimum);
    error LedgerCohortNotBorneOut(uint32 size, uint32 unburned);
    error LedgerBlockNotKnown(uint64 blockNumber, bytes32 blockHash);
    error LedgerEpochMoved(address site, uint64 committed, uint64 current);
    error LedgerKeyMissing(address site);
    error LedgerKeyReused(address site, bytes32 maskKey);
    error LedgerCommitmentEmpty(address site);
    error LedgerNotAllCurrent(address site);
    error LedgerTooFewSites(uint256 sites, uint16 minimum);
    error LedgerDeliveryCountMismatch(uint256 given, uint256 members);
    error LedgerDeliveryInvalid(address site);
    error LedgerClosureInvalid(address coordinator);
    error LedgerCannotAbort(uint64 studyId, uint32 round);

    /// @notice Opens the next round. Coordinator only; refused while another is open or sealed, when the study is not
    /// usable, when its approval expires before the round's close deadline, when the budget has no room for one more round,
    /// or when as many sealed rounds were aborted since the last suspension as the terms allow: then a reviewer suspends
    /// the study, and k reviewers resume it.
    function open(uint64 studyId) external returns (uint32 round);

    /// @notice The calling site commits, or recommits, before the commit deadline.
    function commit(uint64 studyId, uint32 round, Commitment calldata commitment) external;

    /// @notice Fixes the contributors and charges rho. Before the commit deadline: coordinator only, and only when every
    /// site of the study has a commitment that is current. After it, until the seal deadline: anyone; those that are current.
    function seal(uint64 studyId, uint32 round) external returns (bytes32 sealDigest);

    /// @notice Closes with the evidence; anyone may, until the close deadline.
    /// @param maskedHashes,deliverySignatures one a member, in the order of the members
    function close(
        uint64 studyId,
        uint32 round,
        bytes32 checkpointHash,
        bytes32 manifestHash,
        bytes32[] calldata maskedHashes,
        bytes[] calldata deliverySignatures,
        bytes calldata coordinatorSignature
    ) external;

    /// @notice Ends a round that is open or sealed: by the coordinator at any time; by anyone once its seal or close
    /// deadline has passed, its study's version changed, or (sealed) a member's epoch moved so that it can never close.
    function abort(uint64 studyId, uint32 round) external returns (AbortReason reason);

    function registry() external view returns (IStudyRegistry);
    function consentToken() external view returns (IConsentToken);
    function round(uint64 studyId, uint32 number) external view returns (Round memory);
    function roundCount(uint64 studyId) external view returns (uint32);
    /// @notice The closed round whose checkpoint the next round starts from; 0 for the initial checkpoint. The newest
    /// closed, unless a rollback went back further (IRollbacks).
    function lastClosed(uint64 studyId) external view returns (uint32);
    function lastSealed(uint64 studyId) external view returns (uint32);
    function members(uint64 studyId, uint32 number) external view returns (address[] memory);
    function commitmentOf(uint64 studyId, uint32 number, address site) external view returns (Commitment memory);

    /// @notice Whether the site's commitment may be sealed (open round) or may still be closed (sealed round).
    function isCurrent(uint64 studyId, uint32 number, address site) external view returns (bool);

    /// @notice Whether at least `count` rounds that were opened after second `since` are over.
    function roundsOver(uint64 studyId, uint40 since, uint16 count) external view returns (bool);

    /// @notice Sealed rounds that were aborted since the study was last suspended.
    function chargedAborts(uint64 studyId) external view returns (uint32);

    function rhoSpent(uint64 studyId) external view returns (uint256);
    function rhoOfRound(uint64 studyId, uint32 version) external view returns (uint256);
}
