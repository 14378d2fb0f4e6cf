// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Makes the three contracts, at addresses that prove how they began
/// @notice Code and storage of a contract do not tell what its constructor did: another one can write into storage, or
/// emit events, and return the same code. Addresses do. An Origin is made by CREATE2, so its address depends on its own
/// creation code, on the authority and on the three hashes that it was given; the three are its only creations, in one
/// order, so that their addresses depend on nothing but its own.
/// Anyone may call `make`, to the same end.
interface IOrigin {
    error OriginComplete();
    error OriginCodeMismatch(bytes32 expected, bytes32 given);
    error OriginCreationFailed();

    /// @notice Makes the next of StudyRegistry, ConsentToken and RoundLedger, with its arguments.
    /// @param creation its creation code, without arguments
    function make(bytes calldata creation) external returns (address created);

    /// @notice How many of the three are made.
    function made() external view returns (uint256);
}
