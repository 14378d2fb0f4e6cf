// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {IStudyRegistry, Standing, Study, Terms} from "../interfaces/IStudyRegistry.sol";
import {StudyFixture} from "./StudyFixture.t.sol";

/// @dev A reviewer's account that takes any signature.
contract AnySignature is IERC1271 {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return IERC1271.isValidSignature.selector;
    }
}

/// @title What an approval says, how long it holds, and how it is renewed
contract ApprovalTest is StudyFixture {
    function test_TheKthApprovalBringsAVersionInForceUntilTheKthLatestExpiry() external {
        _approveUntil(1, 0, clock + 300 days);
        assertFalse(registry.isUsable(studyId));
        assertEq(registry.approvalOf(studyId, 1, vm.addr(reviewerKeys[0])), uint256(clock) + 300 days);
        _approveUntil(1, 1, clock + 100 days);
        Study memory study = registry.study(studyId);
        assertTrue(registry.isUsable(studyId));
        assertEq(study.currentVersion, uint256(1));
        assertEq(study.approvedUntil, uint256(clock) + 100 days);
        assertEq(study.disease, uint256(DISEASE));
        _approveUntil(1, 2, clock + 200 days);
        assertEq(registry.study(studyId).approvedUntil, uint256(clock) + 200 days, "the second latest of three");
    }

    function test_AnApprovalExpires() external {
        _bringInForce(1);
        uint40 until = registry.study(studyId).approvedUntil;
        _tickTo(until - 1);
        assertTrue(registry.isUsable(studyId));
        _tickTo(until);
        assertFalse(registry.isUsable(studyId));
        Standing memory standing = registry.standing(studyId);
        assertEq(standing.approvedUntil, uint256(until));
        assertEq(standing.currentVersion, uint256(1));
        assertEq(standing.consentVersion, uint256(1));
        assertEq(standing.disease, uint256(DISEASE));
        assertFalse(standing.usable);
    }

    function test_ContinuingReviewExtendsTheVersionInForce() external {
        _bringInForce(1);
        uint40 before = registry.study(studyId).approvedUntil;
        _tick(200 days);
        _approve(1, 0);
        assertEq(registry.study(studyId).approvedUntil, uint256(before), "one reviewer extends nothing");
        vm.expectEmit(address(registry));
        emit IStudyRegistry.ApprovalExtended(studyId, 1, clock + 300 days);
        _approve(1, 1);
        assertEq(registry.study(studyId).approvedUntil, uint256(clock) + 300 days);
        assertEq(registry.study(studyId).consentVersion, uint256(1), "consent stands");
    }

    function test_AnExpiredApprovalIsRenewed() external {
        _bringInForce(1);
        _tick(400 days);
        _approve(1, 0);
        assertFalse(registry.isUsable(studyId));
        _approve(1, 1);
        assertTrue(registry.isUsable(studyId));
    }

    /// 65 bytes in an event are a key's, or who recomputes signatures would call a whole study forged.
    function test_AContractsApprovalIsNotTakenForAKeys() external {
        (address key, address seat) = (vm.addr(reviewerKeys[1]), address(new AnySignature()));
        uint40 until = clock + 300 days;
        bytes memory own = _sign(reviewerKeys[1], _approvalDigest(1, until));
        bytes memory others = _sign(STRANGER_KEY, _approvalDigest(1, until));
        vm.etch(key, seat.code);
        bytes memory invalid = abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, key);
        vm.expectRevert(invalid);
        registry.approve(studyId, 1, until, abi.encodePacked(key), others);
        vm.expectRevert(invalid);
        registry.approve(studyId, 1, until, abi.encodePacked(key), new bytes(65));
        registry.approve(studyId, 1, until, abi.encodePacked(key), own);
        registry.approve(studyId, 1, until + 1, abi.encodePacked(key), bytes.concat(others, hex"00"));
        assertEq(registry.approvalOf(studyId, 1, key), uint256(until) + 1);
    }

    /// Approvals that ran out while others were awaited do not count.
    function test_AnExpiredApprovalBringsNothingInForce() external {
        _approveUntil(1, 0, clock + 10);
        _tick(10);
        _approve(1, 1);
        assertEq(registry.study(studyId).currentVersion, uint256(0));
        _approve(1, 0);
        assertEq(registry.study(studyId).currentVersion, uint256(1));
    }

    function test_AReviewerOnlyEverExtends() external {
        _approve(1, 0);
        _notLater(clock + 300 days);
        _notLater(clock + 299 days);
        _approveUntil(1, 0, clock + 301 days);
        assertFalse(registry.isUsable(studyId), "one reviewer approves once");
    }

    function test_AnApprovalHoldsAYearAtMost() external {
        _expiryInvalid(clock);
        _expiryInvalid(clock - 1);
        _expiryInvalid(clock + 366 days + 1);
        _approveUntil(1, 0, clock + 366 days);
        _approveUntil(1, 1, clock + 1);
        assertTrue(registry.isUsable(studyId));
    }

    function test_OnlyReviewersApprove() external {
        uint40 expiresAt = clock + 1 days;
        bytes memory signature = _sign(SPONSOR_KEY, _approvalDigest(1, expiresAt));
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotReviewer.selector, studyId, _sponsor()));
        registry.approve(studyId, 1, expiresAt, _signer(SPONSOR_KEY), signature);
    }

    /// Whoever carries an approval changes nothing that it names.
    function test_NoSignedMemberCanBeChanged() external {
        uint40 expiresAt = clock + 1 days;
        bytes memory first = _sign(reviewerKeys[0], _approvalDigest(1, expiresAt));
        _signatureInvalid(studyId, 1, expiresAt + 1, first);
        _signatureInvalid(studyId, 1, expiresAt - 1, first);
        vm.prank(_sponsor());
        uint64 another = registry.proposeStudy(_committee(), 2, _terms());
        _signatureInvalid(another, 1, expiresAt, first);
        Terms memory terms = _terms();
        _signatureInvalid(studyId, _proposeVersion(terms), expiresAt, first);
        bytes32 typeHash = keccak256(
            "Approval(uint64 studyId,uint32 version,bytes32 termsHash,bytes32 protocolHash,bytes32 consentTextHash,bytes32 dpiaHash,uint40 expiresAt)"
        );
        bytes32[4] memory named =
            [registry.termsHash(studyId, 2), terms.protocolHash, terms.consentTextHash, terms.dpiaHash];
        for (uint256 i = 0; i < 4; ++i) {
            bytes32 kept = named[i];
            named[i] = ~kept;
            bytes32 structHash = keccak256(
                abi.encode(typeHash, studyId, uint32(2), named[0], named[1], named[2], named[3], expiresAt)
            );
            _signatureInvalid(studyId, 2, expiresAt, _sign(reviewerKeys[0], _registryDigest(structHash)));
            named[i] = kept;
        }
    }

    /// The k-th latest, against a count made another way.
    function testFuzz_ApprovedUntilIsTheKthLatest(uint32[3] calldata seconds_) external {
        uint40[3] memory expiries;
        for (uint256 i = 0; i < 3; ++i) {
            expiries[i] = clock + 1 + seconds_[i] % (300 days);
            _approveUntil(1, i, expiries[i]);
        }
        uint40 least = expiries[0] < expiries[1] ? expiries[0] : expiries[1];
        uint40 most = expiries[0] < expiries[1] ? expiries[1] : expiries[0];
        uint40 median = expiries[2] < least ? least : expiries[2] > most ? most : expiries[2];
        assertEq(registry.study(studyId).approvedUntil, uint256(median));
    }

    function test_UnknownStandingIsEmpty() external {
        Standing memory standing = registry.standing(99);
        assertFalse(standing.usable);
        assertEq(standing.approvedUntil + standing.currentVersion, uint256(0));
    }

    function _notLater(uint40 expiresAt) private {
        bytes memory signature = _sign(reviewerKeys[0], _approvalDigest(1, expiresAt));
        bytes memory signer = _signer(reviewerKeys[0]);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStudyRegistry.RegistryApprovalNotLater.selector,
                studyId,
                uint32(1),
                vm.addr(reviewerKeys[0]),
                expiresAt
            )
        );
        registry.approve(studyId, 1, expiresAt, signer, signature);
    }

    function _expiryInvalid(uint40 expiresAt) private {
        bytes memory signature = _sign(reviewerKeys[0], _approvalDigest(1, expiresAt));
        bytes memory signer = _signer(reviewerKeys[0]);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStudyRegistry.RegistryApprovalExpiryInvalid.selector, expiresAt, clock + 366 days
            )
        );
        registry.approve(studyId, 1, expiresAt, signer, signature);
    }

    function _signatureInvalid(uint64 study, uint32 version, uint40 expiresAt, bytes memory signature) private {
        bytes memory signer = _signer(reviewerKeys[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, vm.addr(reviewerKeys[0]))
        );
        registry.approve(study, version, expiresAt, signer, signature);
    }
}
