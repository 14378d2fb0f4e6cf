// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

import {IConsentToken} from "./interfaces/IConsentToken.sol";
import {IERC5192} from "./interfaces/IERC5192.sol";
import {IERC5484} from "./interfaces/IERC5484.sol";

/// @title A token that stays with the account it was issued to until that account burns it
abstract contract LockedERC721 is ERC721, IERC5192, IERC5484 {
    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view returns (bool) {
        _requireOwned(tokenId);
        return true;
    }

    /// @inheritdoc IERC5484
    function burnAuth(uint256 tokenId) external view returns (BurnAuth) {
        _requireOwned(tokenId);
        return BurnAuth.OwnerOnly;
    }

    /// @notice Always reverts with ConsentLocked. The safe variants come through here too.
    function transferFrom(address, address, uint256) public pure override {
        revert IConsentToken.ConsentLocked();
    }

    /// @notice Always reverts with ConsentLocked.
    function approve(address, uint256) public pure override {
        revert IConsentToken.ConsentLocked();
    }

    /// @notice Always reverts with ConsentLocked.
    function setApprovalForAll(address, bool) public pure override {
        revert IConsentToken.ConsentLocked();
    }

    function supportsInterface(bytes4 interfaceId) public view virtual override returns (bool) {
        return interfaceId == type(IERC5192).interfaceId || interfaceId == type(IERC5484).interfaceId
            || super.supportsInterface(interfaceId);
    }

    /// @dev Owners and balances are kept by whoever inherits this, beside what else it keeps of a token. No receiver is
    /// called: a holder's contract must not run in the middle of a grant.
    function _announceIssue(address issuer, address holder, uint256 tokenId) internal {
        emit Transfer(address(0), holder, tokenId);
        emit Locked(tokenId);
        emit Issued(issuer, holder, tokenId, BurnAuth.OwnerOnly);
    }

    function _announceBurn(address holder, uint256 tokenId) internal {
        emit Transfer(holder, address(0), tokenId);
    }
}
