// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A hash over every event of a study, in order
/// @notice next = keccak256(abi.encode(previous, block.number, block.timestamp, topic0, keccak256(data))), where topic0 and
/// data are those of the log; the first previous is 0. Kept at an ERC-7201 location, namespace "assent.storage.RunningHash",
/// as mapping(uint64 studyId => bytes32), so that one storage proof shows that no event was left out.
interface IRunningHash {
    function runningHash(uint64 studyId) external view returns (bytes32);
}
