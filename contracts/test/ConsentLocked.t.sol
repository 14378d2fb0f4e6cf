// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {EnrolmentProof, Grant, IConsentToken} from "../interfaces/IConsentToken.sol";
import {IERC5192} from "../interfaces/IERC5192.sol";
import {IERC5484} from "../interfaces/IERC5484.sol";
import {ConsentFixture} from "./ConsentFixture.t.sol";
import {Guardian} from "./Signers.t.sol";

contract ConsentLockedTest is ConsentFixture {
    bytes private constant LOCKED = abi.encodeWithSelector(IConsentToken.ConsentLocked.selector);

    function test_NoPathOfErc721MovesAToken() external {
        uint256 tokenId = _granted(1, 0);
        address holder = _patient(1);
        vm.startPrank(holder);
        vm.expectRevert(LOCKED);
        token.transferFrom(holder, _stranger(), tokenId);
        vm.expectRevert(LOCKED);
        token.safeTransferFrom(holder, _stranger(), tokenId);
        vm.expectRevert(LOCKED);
        token.safeTransferFrom(holder, _stranger(), tokenId, "data");
        vm.expectRevert(LOCKED);
        token.approve(_stranger(), tokenId);
        vm.expectRevert(LOCKED);
        token.setApprovalForAll(_stranger(), true);
        vm.stopPrank();
        assertEq(token.ownerOf(tokenId), holder);
    }

    function test_WalletsAreToldThatItIsLockedAndWhoMayBurnIt() external {
        uint256 tokenId = _granted(1, 0);
        assertTrue(token.locked(tokenId));
        assertTrue(token.burnAuth(tokenId) == IERC5484.BurnAuth.OwnerOnly);
        _revoke(tokenId);
        bytes memory gone = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, tokenId);
        vm.expectRevert(gone);
        token.locked(tokenId);
        vm.expectRevert(gone);
        token.burnAuth(tokenId);
    }

    function test_WalletsSeeLockedAndIssued() external {
        Grant memory grant = _grantOf(1, 0);
        uint256 tokenId = token.tokenIdOf(studyId, grant.site, 0);
        EnrolmentProof memory proof = _proofOf(grant, 1);
        vm.prank(grant.holder);
        vm.expectEmit(address(token));
        emit IERC721.Transfer(address(0), grant.holder, tokenId);
        vm.expectEmit(address(token));
        emit IERC5192.Locked(tokenId);
        vm.expectEmit(address(token));
        emit IERC5484.Issued(grant.site, grant.holder, tokenId, IERC5484.BurnAuth.OwnerOnly);
        token.grant(grant, proof);
    }

    function test_BalancesCountLiveTokens() external {
        uint256 first = _granted(1, 0);
        _submit(_grantOf(1, 0), 2);
        assertEq(token.balanceOf(_patient(1)), uint256(2));
        _revoke(first);
        assertEq(token.balanceOf(_patient(1)), uint256(1));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidOwner.selector, address(0)));
        token.balanceOf(address(0));
    }

    function test_Interfaces() external {
        assertEq(type(IERC5192).interfaceId, bytes4(0xb45a3c0e));
        assertEq(type(IERC5484).interfaceId, bytes4(0x0489b56f));
        assertTrue(token.supportsInterface(type(IERC165).interfaceId));
        assertTrue(token.supportsInterface(type(IERC721).interfaceId));
        assertTrue(token.supportsInterface(0xb45a3c0e));
        assertTrue(token.supportsInterface(0x0489b56f));
        assertFalse(token.supportsInterface(0xffffffff));
    }

    /// A guardian's account holds the token; when its keys are rotated, the new ones revoke and the old ones cannot.
    function test_AGuardianHoldsAndItsNewKeysRevoke() external {
        Guardian guardian = new Guardian(_patient(1));
        Grant memory grant = _grantOf(1, 0);
        grant.holder = address(guardian);
        bytes memory signer = abi.encodePacked(address(guardian));
        bytes memory signature = _signGrant(PATIENT_KEY + 1, grant);
        uint256 tokenId = token.grantBySig(grant, signer, signature, _proofOf(grant, 1));
        guardian.rotate(_patient(2));
        bytes memory old = _signRevocation(PATIENT_KEY + 1, tokenId);
        bytes memory fresh = _signRevocation(PATIENT_KEY + 2, tokenId);
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentSignatureInvalid.selector, address(guardian)));
        token.revokeBySig(tokenId, signer, old);
        token.revokeBySig(tokenId, signer, fresh);
        assertFalse(_isActive(tokenId));
    }
}
