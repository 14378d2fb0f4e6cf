// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Going back to an earlier checkpoint
/// @notice Type: Rollback(uint64 studyId,uint32 toRound,uint32 rollbacks), in the ledger's EIP-712 domain.
interface IRollbacks {
    /// @param toRound the closed round whose checkpoint the next round starts from; 0 for the initial checkpoint
    /// @param fromRound the closed round whose checkpoint it would have started from
    /// @param rollbacks how many the study has had, with this one; one more than what was signed
    /// @param signers,signatures of the reviewers, as they were carried
    event RolledBack(
        uint64 indexed studyId, uint32 toRound, uint32 fromRound, uint32 rollbacks, bytes[] signers, bytes[] signatures
    );

    /// @notice Not a round that the last closed one descends from: never closed, retired before, or itself.
    error RollbackNotAncestor(uint64 studyId, uint32 toRound, uint32 lastClosed);

    /// @notice Makes the checkpoint of `toRound` the base of the next round, or the initial one for 0. Those closed since
    /// are retired for good: no later rollback leads to them. As many distinct reviewers as approving takes sign Rollback
    /// with the count of rollbacks so far; anyone may carry it, whether or not the study may run rounds. Refused while a
    /// round is open or sealed: a reviewer can suspend the study, so that it ends. What was charged stays charged.
    function rollBack(uint64 studyId, uint32 toRound, bytes[] calldata signers, bytes[] calldata signatures) external;

    /// @notice How many rollbacks a study has had; signed in Rollback so that none can be replayed.
    function rollbacks(uint64 studyId) external view returns (uint32);

    /// @notice Whether a round closed and a rollback took it out of what later rounds descend from.
    function isRetired(uint64 studyId, uint32 round) external view returns (bool);
}
