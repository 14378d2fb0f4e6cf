// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Many patients of one site at once, for measurements at scale and nothing else
/// @notice As a holder it grants what it is told to, and as a site's enrolment key it vouches for anything.
contract Crowd {
    /// @notice Makes one call to `token` for each record from `first` on. Reverts as the call does.
    /// @param call_ the calldata of one grant
    /// @param commitmentAt,tagAt where in it, in bytes, lie the record's commitment and tag
    function grantMany(
        address token,
        bytes memory call_,
        uint256 commitmentAt,
        uint256 tagAt,
        uint256 first,
        uint256 count
    ) external {
        for (uint256 record = first; record < first + count; ++record) {
            bytes32 salted = keccak256(abi.encode(record));
            assembly ("memory-safe") {
                mstore(add(add(call_, 0x20), commitmentAt), salted)
                mstore(add(add(call_, 0x20), tagAt), not(salted))
            }
            (bool granted, bytes memory answer) = token.call(call_);
            if (!granted) {
                assembly ("memory-safe") {
                    revert(add(answer, 0x20), mload(answer))
                }
            }
        }
    }

    /// @notice ERC-1271.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}
