// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

import {IStudyRegistry, Terms} from "../interfaces/IStudyRegistry.sol";
import {Deployment, DeployedRegistry} from "./Deployment.t.sol";
import {LedgerFixture} from "./LedgerFixture.t.sol";

/// @title Who sits on a committee, and who names the next deployment
contract CommitteeTest is LedgerFixture {
    address private constant INCOMING = address(0x1CC0);

    function test_KReviewersReplaceOne() external {
        address outgoing = vm.addr(reviewerKeys[2]);
        vm.expectEmit(address(registry));
        emit IStudyRegistry.ReviewerReplaced(studyId, outgoing, INCOMING, 1);
        _replace(outgoing, INCOMING);
        assertFalse(registry.isReviewer(studyId, outgoing));
        assertTrue(registry.isReviewer(studyId, INCOMING));
        address[] memory seats = registry.reviewers(studyId);
        assertEq(seats[0], vm.addr(reviewerKeys[0]));
        assertEq(seats[1], vm.addr(reviewerKeys[1]));
        assertEq(seats[2], INCOMING);
        assertEq(registry.study(studyId).replacements, uint256(1));
        assertTrue(registry.isUsable(studyId), "what the committee approved stands");
    }

    function test_WhoSitsFirstIsReplacedInTheSameSeat() external {
        _replace(vm.addr(reviewerKeys[0]), INCOMING);
        address[] memory seats = registry.reviewers(studyId);
        assertEq(seats[0], INCOMING);
        assertEq(seats[1], vm.addr(reviewerKeys[1]));
        assertEq(seats[2], vm.addr(reviewerKeys[2]));
    }

    function test_OneReviewerReplacesNobody() external {
        address outgoing = vm.addr(reviewerKeys[2]);
        (bytes[] memory signers, bytes[] memory signatures) =
            _signedByTwo(_replacementDigest(0, outgoing, INCOMING));
        (signers[1], signatures[1]) = (signers[0], signatures[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistryQuorumNotReached.selector, studyId, 1, uint16(2))
        );
        registry.replaceReviewer(studyId, outgoing, INCOMING, signers, signatures);
    }

    function test_AReplacementIsForTheseTwoAndServesOnce() external {
        address outgoing = vm.addr(reviewerKeys[2]);
        (bytes[] memory signers, bytes[] memory signatures) =
            _signedByTwo(_replacementDigest(0, outgoing, INCOMING));
        _signatureInvalid(outgoing, address(0x1CC1), signers, signatures);
        _signatureInvalid(vm.addr(reviewerKeys[1]), INCOMING, signers, signatures);
        registry.replaceReviewer(studyId, outgoing, INCOMING, signers, signatures);
        _replace(INCOMING, outgoing);
        _signatureInvalid(outgoing, INCOMING, signers, signatures);
    }

    function test_WhoLeavesIsAReviewer() external {
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotReviewer.selector, studyId, _stranger()));
        registry.replaceReviewer(studyId, _stranger(), INCOMING, new bytes[](0), new bytes[](0));
    }

    /// Nobody reviews what they gain from, and nobody twice.
    function test_WhoJoinsIsIndependent() external {
        _unsuitable(address(0));
        _unsuitable(vm.addr(reviewerKeys[0]));
        _unsuitable(_sponsor());
        _unsuitable(_coordinator());
        Terms memory terms = _terms();
        terms.coordinator = _stranger();
        _proposeVersion(terms);
        _unsuitable(_stranger());
        _unsuitable(_coordinator());
        _bringInForce(2);
        _unsuitable(_stranger());
        _replace(vm.addr(reviewerKeys[2]), _coordinator());
    }

    /// Approvals of who left do not help a version that is not yet in force; those of who joined do.
    function test_OnlyPresentReviewersBringAVersionInForce() external {
        _proposeVersion(_terms());
        _approve(2, 2);
        uint256 fresh = 0x4F01;
        _replace(vm.addr(reviewerKeys[2]), vm.addr(fresh));
        _approve(2, 0);
        assertEq(registry.study(studyId).currentVersion, uint256(1));
        reviewerKeys[2] = fresh;
        _approve(2, 2);
        assertEq(registry.study(studyId).currentVersion, uint256(2));
    }

    function test_WhoLeftNoLongerSuspends() external {
        address outgoing = vm.addr(reviewerKeys[2]);
        _replace(outgoing, INCOMING);
        vm.prank(outgoing);
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotReviewer.selector, studyId, outgoing));
        registry.suspend(studyId);
        vm.prank(INCOMING);
        registry.suspend(studyId);
    }

    function test_OnlyTheAuthorityRecordsASuccessor() external {
        vm.expectRevert(
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(this))
        );
        registry.recordSuccessor(address(7));
    }

    function test_TheAdministratorRecordsASuccessorAfterTheDelay() external {
        (IAccessManager manager, DeployedRegistry managed) = _managed();
        bytes memory act = abi.encodeCall(IStudyRegistry.recordSuccessor, (address(7)));
        vm.startPrank(_sponsor());
        vm.expectRevert();
        manager.execute(address(managed), act);
        manager.schedule(address(managed), act, 0);
        _tick(7 days - 1);
        vm.expectRevert();
        manager.execute(address(managed), act);
        _tick(1);
        vm.expectEmit(address(managed));
        emit IStudyRegistry.SuccessorRecorded(0, address(7));
        manager.execute(address(managed), act);
        vm.stopPrank();
        assertEq(managed.successor(), address(7));
    }

    function test_ASuccessorIsRecordedOnceAndTakesNewStudies() external {
        DeployedRegistry managed = Deployment.registry(address(_atOnce()));
        vm.startPrank(_sponsor());
        _successorFails(managed, address(0), IStudyRegistry.RegistrySuccessorInvalid.selector, address(0));
        _successorFails(managed, address(managed), IStudyRegistry.RegistrySuccessorInvalid.selector, address(managed));
        managed.recordSuccessor(address(7));
        _successorFails(managed, address(8), IStudyRegistry.RegistrySucceeded.selector, address(7));
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistrySucceeded.selector, address(7)));
        managed.proposeStudy(_committee(), 2, _terms());
        vm.stopPrank();
    }

    /// @dev A manager whose administrator acts at once.
    function _atOnce() private returns (IAccessManager) {
        return Deployment.manager(_sponsor());
    }

    function _managed() private returns (IAccessManager manager, DeployedRegistry managed) {
        manager = Deployment.manager(address(this));
        managed = Deployment.registry(address(manager));
        manager.grantRole(0, _sponsor(), 7 days);
        manager.renounceRole(0, address(this));
    }

    function _successorFails(DeployedRegistry managed, address successor, bytes4 selector, address named) private {
        vm.expectRevert(abi.encodeWithSelector(selector, named));
        managed.recordSuccessor(successor);
    }

    function _unsuitable(address incoming) private {
        address outgoing = vm.addr(reviewerKeys[2]);
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryReviewerUnsuitable.selector, incoming));
        registry.replaceReviewer(studyId, outgoing, incoming, new bytes[](0), new bytes[](0));
    }

    function _signatureInvalid(
        address outgoing,
        address incoming,
        bytes[] memory signers,
        bytes[] memory signatures
    ) private {
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, vm.addr(reviewerKeys[0]))
        );
        registry.replaceReviewer(studyId, outgoing, incoming, signers, signatures);
    }
}
