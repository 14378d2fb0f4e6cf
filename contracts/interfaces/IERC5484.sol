// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ERC-5484, consensual soulbound tokens
/// @dev The interface id is 0x0489b56f.
interface IERC5484 {
    enum BurnAuth {
        IssuerOnly,
        OwnerOnly,
        Both,
        Neither
    }

    event Issued(address indexed from, address indexed to, uint256 indexed tokenId, BurnAuth burnAuth);

    /// @notice Who may burn the token; reverts for a token that nobody owns.
    function burnAuth(uint256 tokenId) external view returns (BurnAuth);
}
