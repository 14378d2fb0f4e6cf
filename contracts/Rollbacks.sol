// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenges} from "./Challenges.sol";
import {IRollbacks} from "./interfaces/IRollbacks.sol";
import {RoundState} from "./interfaces/IRoundLedger.sol";

/// @title Going back to an earlier checkpoint
abstract contract Rollbacks is IRollbacks, Challenges {
    bytes32 private constant ROLLBACK_TYPE_HASH =
        keccak256("Rollback(uint64 studyId,uint32 toRound,uint32 rollbacks)");

    /// @inheritdoc IRollbacks
    function rollBack(uint64 studyId, uint32 toRound, bytes[] calldata signers, bytes[] calldata signatures)
        external
    {
        Line storage line = _lines[studyId];
        _requireNoneRunning(studyId, line);
        uint32 fromRound = line.lastClosed;
        if (toRound >= fromRound || !_isAncestor(line, toRound)) {
            revert RollbackNotAncestor(studyId, toRound, fromRound);
        }
        bytes32 structHash = keccak256(abi.encode(ROLLBACK_TYPE_HASH, studyId, toRound, line.rollbacks));
        registry.requireQuorum(studyId, _hashTypedDataV4(structHash), signers, signatures);
        line.lastClosed = toRound;
        line.rollbacks += 1;
        _record(
            studyId, RolledBack.selector, abi.encode(toRound, fromRound, line.rollbacks, signers, signatures)
        );
    }

    /// @inheritdoc IRollbacks
    function rollbacks(uint64 studyId) external view returns (uint32) {
        return _lines[studyId].rollbacks;
    }

    /// @inheritdoc IRollbacks
    function isRetired(uint64 studyId, uint32 number) external view returns (bool) {
        Line storage line = _lines[studyId];
        return line.rounds[number].state == RoundState.Closed && !_isAncestor(line, number);
    }

    /// @dev Whether the next round descends from it. Each closed round names an older one, down to 0.
    function _isAncestor(Line storage line, uint32 number) private view returns (bool) {
        uint32 at = line.lastClosed;
        while (at > number) at = line.rounds[at].previousClosed;
        return at == number;
    }
}
