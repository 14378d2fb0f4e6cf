// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRunningHash} from "./interfaces/IRunningHash.sol";

/// @title Events that cannot be left out
/// @notice Writes a log and advances its study's hash in one step, so that the two can never differ.
abstract contract RunningHash is IRunningHash {
    /// @custom:storage-location erc7201:assent.storage.RunningHash
    struct RunningHashStorage {
        mapping(uint64 studyId => bytes32) latest;
    }

    bytes32 private constant RUNNING_HASH_STORAGE =
        keccak256(abi.encode(uint256(keccak256("assent.storage.RunningHash")) - 1)) & ~bytes32(uint256(0xff));

    /// @inheritdoc IRunningHash
    function runningHash(uint64 studyId) external view returns (bytes32) {
        return _runningHashStorage().latest[studyId];
    }

    /// @dev Emits the event with topics (topic0, studyId).
    /// @param topic0 the event's selector
    /// @param data abi.encode of the event's other arguments, in order
    function _record(uint64 studyId, bytes32 topic0, bytes memory data) internal {
        RunningHashStorage storage $ = _runningHashStorage();
        $.latest[studyId] = keccak256(
            abi.encode($.latest[studyId], block.number, block.timestamp, topic0, keccak256(data))
        );
        bytes32 topic1 = bytes32(uint256(studyId));
        assembly ("memory-safe") {
            log2(add(data, 0x20), mload(data), topic0, topic1)
        }
    }

    function _runningHashStorage() private pure returns (RunningHashStorage storage $) {
        bytes32 slot = RUNNING_HASH_STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}
