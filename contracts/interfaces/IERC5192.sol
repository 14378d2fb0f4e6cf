// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ERC-5192, minimal soulbound tokens
/// @dev The interface id is 0xb45a3c0e.
interface IERC5192 {
    event Locked(uint256 tokenId);
    event Unlocked(uint256 tokenId);

    /// @notice Whether the token is locked; reverts for a token that nobody owns.
    function locked(uint256 tokenId) external view returns (bool);
}
