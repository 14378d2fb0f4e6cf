// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRollbacks} from "../interfaces/IRollbacks.sol";
import {IRoundLedger, Round} from "../interfaces/IRoundLedger.sol";
import {IStudyRegistry, Terms} from "../interfaces/IStudyRegistry.sol";
import {LedgerFixture} from "./LedgerFixture.t.sol";

contract RollbacksTest is LedgerFixture {
    function test_TheNextRoundStartsFromTheNamedCheckpoint() external {
        _closedRounds(3);
        uint256 spent = ledger.rhoSpent(studyId);
        _rollBack(1);
        assertEq(uint256(ledger.lastClosed(studyId)), 1);
        assertEq(ledger.rhoSpent(studyId), spent);
        _assertRetired(1, false);
        _assertRetired(2, true);
        _assertRetired(3, true);
        Round memory round = ledger.round(studyId, _open());
        assertEq(round.base, _checkpoint(1));
        assertEq(uint256(round.previousClosed), 1);
        assertEq(uint256(round.previousSealed), 3);
    }

    function test_EveryoneSeesWhoSigned() external {
        _closedRounds(3);
        bytes32 before = ledger.runningHash(studyId);
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(_rollbackDigest(studyId, 1, 0));
        vm.expectEmit(address(ledger));
        emit IRollbacks.RolledBack(studyId, 1, 3, 1, signers, signatures);
        ledger.rollBack(studyId, 1, signers, signatures);
        assertEq(uint256(ledger.rollbacks(studyId)), 1);
        bytes memory data = abi.encode(uint32(1), uint32(3), uint32(1), signers, signatures);
        assertEq(
            ledger.runningHash(studyId),
            keccak256(
                abi.encode(before, block.number, block.timestamp, IRollbacks.RolledBack.selector, keccak256(data))
            )
        );
    }

    function test_BackToTheFirstCheckpointOfTheVersionInForce() external {
        _closedRounds(2);
        Terms memory terms = _terms();
        terms.initialCheckpoint = keccak256("another checkpoint 0");
        _bringInForce(_proposeVersion(terms));
        _rollBack(0);
        _assertRetired(1, true);
        _assertRetired(2, true);
        Round memory round = ledger.round(studyId, _open());
        assertEq(round.base, terms.initialCheckpoint);
        assertEq(uint256(round.previousClosed), 0);
    }

    function test_RetiredRoundsStayRetired() external {
        _closedRounds(3);
        _rollBack(1);
        uint32 fourth = _sealedRound();
        _close(fourth);
        _rollBackFails(2, 1, _notAncestor(2, 4));
        _rollBackFails(3, 1, _notAncestor(3, 4));
        _assertRetired(fourth, false);
        _rollBack(1);
        _assertRetired(fourth, true);
        _rollBackFails(4, 2, _notAncestor(4, 1));
        _rollBack(0);
        assertEq(uint256(ledger.rollbacks(studyId)), 3);
    }

    function test_OnlyToAnOlderRoundThatClosed() external {
        _closedRounds(1);
        uint32 aborted = _undelivered();
        _closedRounds(1);
        _rollBackFails(aborted, 0, _notAncestor(aborted, 3));
        _rollBackFails(3, 0, _notAncestor(3, 3));
        _rollBackFails(4, 0, _notAncestor(4, 3));
        _rollBack(1);
    }

    function test_NothingToGoBackFrom() external {
        _rollBackFails(0, 0, _notAncestor(0, 0));
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(_rollbackDigest(99, 0, 0));
        vm.expectRevert(
            abi.encodeWithSelector(IRollbacks.RollbackNotAncestor.selector, uint64(99), uint32(0), uint32(0))
        );
        ledger.rollBack(99, 0, signers, signatures);
    }

    function test_NotWhileARoundRuns() external {
        _closedRounds(1);
        uint32 round = _open();
        bytes memory reason = abi.encodeWithSelector(IRoundLedger.LedgerRoundOpen.selector, studyId, round);
        _rollBackFails(0, 0, reason);
        _tick(1);
        _commitAll(round);
        _tick(1);
        _seal(round);
        _rollBackFails(0, 0, reason);
        _tick(1);
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
        _rollBack(0);
    }

    function test_ASuspendedStudyAndOneWithoutApprovalGoBackToo() external {
        _closedRounds(2);
        _suspend();
        _rollBack(1);
        _tick(301 days);
        assertFalse(registry.isUsable(studyId));
        _rollBack(0);
    }

    function test_ItTakesAsManyReviewersAsApproving() external {
        _closedRounds(1);
        bytes32 digest = _rollbackDigest(studyId, 0, 0);
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(digest);
        (signers[1], signatures[1]) = (signers[0], signatures[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistryQuorumNotReached.selector, studyId, 1, uint16(2))
        );
        ledger.rollBack(studyId, 0, signers, signatures);
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistryQuorumNotReached.selector, studyId, 0, uint16(2))
        );
        ledger.rollBack(studyId, 0, new bytes[](0), new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, address(0)));
        ledger.rollBack(studyId, 0, signers, new bytes[](1));
    }

    function test_OnlyReviewersOfToday() external {
        _closedRounds(1);
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(_rollbackDigest(studyId, 0, 0));
        address outgoing = vm.addr(reviewerKeys[1]);
        _replace(outgoing, vm.addr(0x4F01));
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryNotReviewer.selector, studyId, outgoing));
        ledger.rollBack(studyId, 0, signers, signatures);
        (signers[1], signatures[1]) = (_signer(0x4F01), _sign(0x4F01, _rollbackDigest(studyId, 0, 0)));
        ledger.rollBack(studyId, 0, signers, signatures);
    }

    function test_ASignatureHoldsOnce() external {
        _closedRounds(2);
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(_rollbackDigest(studyId, 1, 0));
        ledger.rollBack(studyId, 1, signers, signatures);
        _closedRounds(1);
        _expectNotSigned();
        ledger.rollBack(studyId, 1, signers, signatures);
    }

    /// Study, round and count are all signed, and for this ledger alone.
    function testFuzz_NothingElseWasSigned(uint64 study, uint32 toRound, uint32 count) external {
        vm.assume(study != studyId || toRound != 1 || count != 0);
        _closedRounds(2);
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(_rollbackDigest(study, toRound, count));
        _expectNotSigned();
        ledger.rollBack(studyId, 1, signers, signatures);
        bytes32 structHash = _rollbackHash(studyId, 1, 0);
        (signers, signatures) = _signedByTwo(_registryDigest(structHash));
        _expectNotSigned();
        ledger.rollBack(studyId, 1, signers, signatures);
    }

    function test_TheRegistrySaysWhetherTheCommitteeSigned() external {
        bytes32 digest = keccak256("anything");
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(digest);
        registry.requireQuorum(studyId, digest, signers, signatures);
        _expectNotSigned();
        registry.requireQuorum(studyId, keccak256("anything else"), signers, signatures);
        vm.expectRevert(abi.encodeWithSelector(IStudyRegistry.RegistryStudyUnknown.selector, uint64(99)));
        registry.requireQuorum(99, digest, signers, signatures);
    }

    function _closedRounds(uint256 count) private {
        for (uint256 i = 0; i < count; ++i) {
            _close(_sealedRound());
            _tick(1);
        }
    }

    function _rollBackFails(uint32 toRound, uint32 count, bytes memory reason) private {
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(_rollbackDigest(studyId, toRound, count));
        vm.expectRevert(reason);
        ledger.rollBack(studyId, toRound, signers, signatures);
    }

    function _assertRetired(uint32 round, bool retired) private {
        assertEq(ledger.isRetired(studyId, round), retired);
    }

    function _notAncestor(uint32 toRound, uint32 lastClosed) private view returns (bytes memory) {
        return abi.encodeWithSelector(IRollbacks.RollbackNotAncestor.selector, studyId, toRound, lastClosed);
    }

    function _expectNotSigned() private {
        vm.expectRevert(
            abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, vm.addr(reviewerKeys[0]))
        );
    }
}
