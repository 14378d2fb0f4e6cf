// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IStudyRegistry, Study} from "../interfaces/IStudyRegistry.sol";
import {StudyFixture} from "./StudyFixture.t.sol";

contract SuspensionTest is StudyFixture {
    function setUp() public override {
        super.setUp();
        _bringInForce(1);
    }

    function test_AnyOneReviewerSuspends() external {
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(vm.addr(reviewerKeys[i]));
            registry.suspend(studyId);
            assertFalse(registry.isUsable(studyId));
            assertEq(registry.study(studyId).suspensions, i + 1);
            assertEq(registry.study(studyId).currentVersion, uint256(1), "the version stays in force");
            _resume();
            assertTrue(registry.isUsable(studyId));
        }
    }

    function test_OnlyReviewersSuspend() external {
        vm.prank(_sponsor());
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotReviewer.selector, studyId, _sponsor()));
        registry.suspend(studyId);
        bytes memory signature = _sign(SPONSOR_KEY, _suspensionDigest(0));
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotReviewer.selector, studyId, _sponsor()));
        registry.suspendBySig(studyId, _signer(SPONSOR_KEY), signature);
    }

    function test_AStudyIsSuspendedOnceAtATime() external {
        _suspend();
        vm.prank(vm.addr(reviewerKeys[1]));
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryAlreadySuspended.selector, studyId));
        registry.suspend(studyId);
    }

    function test_AnyoneCarriesASignedSuspensionAndNobodyReplaysIt() external {
        bytes memory signature = _sign(reviewerKeys[2], _suspensionDigest(0));
        bytes memory signer = _signer(reviewerKeys[2]);
        vm.prank(_stranger());
        registry.suspendBySig(studyId, signer, signature);
        assertFalse(registry.isUsable(studyId));
        _resume();
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, vm.addr(reviewerKeys[2]))
        );
        registry.suspendBySig(studyId, signer, signature);
        assertTrue(registry.isUsable(studyId));
    }

    function test_ResumingTakesTheThreshold() external {
        _suspend();
        (bytes[] memory signers, bytes[] memory signatures) = _resumption(1);
        _expectQuorumNotReached(1);
        registry.resume(studyId, signers, signatures);
        (signers, signatures) = _resumption(2);
        registry.resume(studyId, signers, signatures);
        assertTrue(registry.isUsable(studyId));
    }

    function test_AReviewerNamedTwiceCountsOnce() external {
        _suspend();
        (bytes[] memory signers, bytes[] memory signatures) = _resumption(2);
        (signers[1], signatures[1]) = (signers[0], signatures[0]);
        _expectQuorumNotReached(1);
        registry.resume(studyId, signers, signatures);
    }

    function test_AResumptionIsForOneSuspension() external {
        _suspend();
        (bytes[] memory signers, bytes[] memory signatures) = _resumption(2);
        registry.resume(studyId, signers, signatures);
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotSuspended.selector, studyId));
        registry.resume(studyId, signers, signatures);
        _suspend();
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, vm.addr(reviewerKeys[0]))
        );
        registry.resume(studyId, signers, signatures);
        assertFalse(registry.isUsable(studyId));
    }

    function test_SignersAndSignaturesComeInPairs() external {
        _suspend();
        (bytes[] memory signers,) = _resumption(2);
        (, bytes[] memory signatures) = _resumption(3);
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, address(0)));
        registry.resume(studyId, signers, signatures);
    }

    function test_OnlyReviewersResume() external {
        _suspend();
        (bytes[] memory signers, bytes[] memory signatures) = _resumption(2);
        signers[1] = _signer(SPONSOR_KEY);
        signatures[1] = _sign(SPONSOR_KEY, _resumptionDigest(1));
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotReviewer.selector, studyId, _sponsor()));
        registry.resume(studyId, signers, signatures);
    }

    /// Reviewers may amend a study while it stands still; that alone does not start it again.
    function test_ANewVersionDoesNotLiftASuspension() external {
        _suspend();
        _bringInForce(_proposeVersion(_terms()));
        Study memory study = registry.study(studyId);
        assertEq(study.currentVersion, uint256(2));
        assertTrue(study.suspended);
        assertFalse(registry.isUsable(studyId));
    }

    function _resumption(uint256 count) private view returns (bytes[] memory signers, bytes[] memory signatures) {
        bytes32 digest = _resumptionDigest(registry.study(studyId).suspensions);
        signers = new bytes[](count);
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            signers[i] = _signer(reviewerKeys[i]);
            signatures[i] = _sign(reviewerKeys[i], digest);
        }
    }

    function _expectQuorumNotReached(uint256 count) private {
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistryQuorumNotReached.selector, studyId, count, uint16(2))
        );
    }
}
