// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The account of those who run a deployment together
/// @notice It acts when k of its n members have signed (k >= 2), in one order: each execution names a nonce. It is
/// meant to hold the ADMIN role of an AccessManager, with an execution delay, so that no single key can do a powerful
/// act.
/// Members are ERC-7913 signers: 20 bytes are an EOA or ERC-1271 account, longer ones a verifier and a key.
/// EIP-712 domain: name "Assent Consortium", version "1". Type: Execution(address target,bytes data,uint256 nonce).
interface IConsortium {
    event ConsortiumExecuted(uint256 indexed nonce, address target, bytes data);

    error ConsortiumNotItself(address caller);

    /// @notice Calls `target`, whose failure is passed on and leaves the nonce as it was. Anyone may carry it.
    /// @param signatures abi.encode(bytes[] signers, bytes[] signatures) of k members over Execution(target, data,
    /// nonces(this account))
    function execute(address target, bytes calldata data, bytes calldata signatures)
        external
        returns (bytes memory result);

    /// @notice Adds, then sets the threshold, then removes. Only through `execute` on this account.
    function changeMembers(bytes[] calldata added, bytes[] calldata removed, uint64 threshold) external;
}
