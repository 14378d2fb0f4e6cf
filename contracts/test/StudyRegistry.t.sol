// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IStudyRegistry, Site, Study, Terms} from "../interfaces/IStudyRegistry.sol";
import {StudyFixture} from "./StudyFixture.t.sol";

contract StudyRegistryTest is StudyFixture {
    function test_RegisterSite() external {
        vm.prank(_stranger());
        registry.registerSite(address(7), "noise");
        Site memory site = registry.site(_stranger());
        assertEq(site.enrolmentKey, address(7));
        assertEq(site.noiseSecretHash, bytes32("noise"));
        assertEq(site.registeredAt, uint256(clock));
    }

    function test_ASiteRegistersOnceSoThatItsNoiseSecretIsFixed() external {
        address account = hospitals[0].account;
        vm.prank(account);
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistrySiteAlreadyRegistered.selector, account));
        registry.registerSite(address(7), "another");
    }

    function test_KeysMustBeGiven() external {
        bytes memory missing = abi.encodeWithSelector(IStudyRegistry.RegistryKeyMissing.selector, _stranger());
        vm.prank(_stranger());
        vm.expectRevert(missing);
        registry.registerSite(address(0), "noise");
        vm.prank(_stranger());
        vm.expectRevert(missing);
        registry.registerSite(address(7), 0);
        vm.prank(hospitals[0].account);
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryKeyMissing.selector, hospitals[0].account));
        registry.rotateEnrolmentKey(address(0));
    }

    function test_RotateEnrolmentKeyChangesNothingElse() external {
        Site memory before = registry.site(hospitals[0].account);
        Site memory other = registry.site(hospitals[1].account);
        vm.prank(hospitals[0].account);
        registry.rotateEnrolmentKey(address(7));
        Site memory rotated = registry.site(hospitals[0].account);
        assertEq(rotated.enrolmentKey, address(7));
        assertEq(rotated.noiseSecretHash, before.noiseSecretHash);
        assertEq(rotated.registeredAt, uint256(before.registeredAt));
        assertEq(registry.site(hospitals[1].account).enrolmentKey, other.enrolmentKey);
    }

    function test_OnlyASiteRotates() external {
        vm.prank(_stranger());
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistrySiteUnknown.selector, _stranger()));
        registry.rotateEnrolmentKey(address(7));
    }

    function test_ProposeStudy() external {
        vm.prank(_stranger());
        uint64 id = registry.proposeStudy(_committee(), 3, _terms());
        Study memory study = registry.study(id);
        assertEq(id, uint256(studyId) + 1);
        assertEq(registry.studyCount(), uint256(id));
        assertEq(study.sponsor, _stranger());
        assertEq(study.threshold, uint256(3));
        assertEq(study.proposedVersion, uint256(1));
        assertEq(study.currentVersion, uint256(0));
        assertFalse(registry.isUsable(id), "nothing is in force before reviewers say so");
        assertEq(registry.reviewers(id), _committee());
        assertEq(registry.termsHash(id, 1), registry.hashTerms(_terms()));
        assertEq(registry.hashTerms(registry.terms(id, 1)), registry.termsHash(id, 1), "terms are kept whole");
        assertTrue(registry.isSite(id, 1, hospitals[0].account));
        assertFalse(registry.isSite(id, 1, _stranger()));
        assertFalse(registry.isSite(id, 2, hospitals[0].account));
    }

    function test_UnknownStudiesHaveNoStanding() external {
        assertFalse(registry.isUsable(99));
        assertEq(registry.study(99).sponsor, address(0));
        bytes memory unknown = abi.encodeWithSelector(IStudyRegistry.RegistryStudyUnknown.selector, uint64(99));
        vm.expectRevert(unknown);
        registry.proposeVersion(99, _terms());
        vm.expectRevert(unknown);
        registry.approve(99, 1, clock + 1, "", "");
        vm.expectRevert(unknown);
        registry.suspend(99);
        vm.expectRevert(unknown);
        registry.replaceReviewer(99, address(1), address(2), new bytes[](0), new bytes[](0));
        vm.expectRevert(unknown);
        registry.suspendBySig(99, "", "");
        vm.expectRevert(unknown);
        registry.resume(99, new bytes[](0), new bytes[](0));
    }

    function testFuzz_ThresholdFitsTheCommittee(uint8 count, uint16 threshold) external {
        count = count % 40;
        threshold = threshold % 42;
        address[] memory committee = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            committee[i] = vm.addr(0x7000 + i);
        }
        bool fits = threshold >= 2 && threshold <= count && count <= 32;
        if (!fits) _expectCommitteeInvalid(count, threshold);
        registry.proposeStudy(committee, threshold, _terms());
        assertEq(registry.studyCount(), uint256(fits ? 2 : 1));
    }

    function test_ReviewersAreDistinctAndNotZero() external {
        address[] memory committee = _committee();
        committee[2] = committee[0];
        _expectCommitteeInvalid(3, 2);
        registry.proposeStudy(committee, 2, _terms());
        committee[2] = address(0);
        _expectCommitteeInvalid(3, 2);
        registry.proposeStudy(committee, 2, _terms());
    }

    function test_TheSponsorCannotReview() external {
        address[] memory committee = _committee();
        committee[1] = _sponsor();
        vm.prank(_sponsor());
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistrySponsorCannotReview.selector, _sponsor()));
        registry.proposeStudy(committee, 2, _terms());
    }

    function test_RegistrySaysWhoIsWhat() external {
        assertTrue(registry.isReviewer(studyId, vm.addr(reviewerKeys[0])));
        assertFalse(registry.isReviewer(studyId, _sponsor()));
        assertFalse(registry.isReviewer(studyId + 1, vm.addr(reviewerKeys[0])));
        assertEq(registry.sites(studyId, 1), _terms().sites);
        assertEq(registry.sites(studyId, 2).length, uint256(0));
        assertEq(registry.authority(), AUTHORITY);
    }

    function test_OnlyTheSponsorProposesVersions() external {
        vm.prank(_coordinator());
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotSponsor.selector, studyId, _coordinator()));
        registry.proposeVersion(studyId, _terms());
    }

    function test_TheKthApprovalBringsAVersionInForce() external {
        _approve(1, 0);
        assertFalse(registry.isUsable(studyId));
        _approve(1, 1);
        assertTrue(registry.isUsable(studyId));
        assertEq(registry.study(studyId).currentVersion, uint256(1));
    }

    /// A version that a newer proposal has overtaken is dead, and so is one that is in force already.
    function test_OnlyTheNewestProposalCanBeApproved() external {
        _approve(1, 0);
        _proposeVersion(_terms());
        _notPending(1);
        _notPending(3);
        _bringInForce(2);
        _notPending(1);
        _notPending(0);
    }

    function _notPending(uint32 version) private {
        uint40 expiresAt = clock + 300 days;
        bytes memory signature = _sign(reviewerKeys[1], _approvalDigest(version, expiresAt));
        bytes memory signer = _signer(reviewerKeys[1]);
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistryVersionNotPending.selector, studyId, version)
        );
        registry.approve(studyId, version, expiresAt, signer, signature);
    }

    function _expectCommitteeInvalid(uint256 count, uint16 threshold) private {
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistryCommitteeInvalid.selector, count, threshold)
        );
    }
}
