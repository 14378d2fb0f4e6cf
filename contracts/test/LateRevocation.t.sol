// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AbortReason, IRoundLedger} from "../interfaces/IRoundLedger.sol";
import {LateRevocation, Terms} from "../interfaces/IStudyRegistry.sol";
import {RoundFixture} from "./RoundFixture.t.sol";

/// @title What a withdrawal does to a round, under both policies
contract LateRevocationTest is RoundFixture {
    function test_AbandonAWithdrawalAfterTheSealEndsTheRoundAndTheNextRunsWithoutTheRecord() external {
        uint32 round = _sealedRound();
        _revoke(_firstToken(2));
        assertFalse(ledger.isCurrent(studyId, round, hospitals[2].account));
        _closeFails(round, _epochMoved(2));
        vm.prank(_stranger());
        assertTrue(ledger.abort(studyId, round) == AbortReason.ConsentChanged);
        uint32 again = _sealedRound();
        _close(again);
        assertEq(uint256(ledger.commitmentOf(studyId, again, hospitals[2].account).cohortSize), 2);
        assertEq(uint256(ledger.round(studyId, again).previousSealed), uint256(round));
    }

    function test_AbandonAWithdrawalAfterTheCommitDeadlineLeavesItsSiteOut() external {
        uint32 round = _committedToDeadline();
        _tick(1);
        _revoke(_firstToken(2));
        _seal(round);
        assertEq(ledger.members(studyId, round).length, 4);
        _close(round);
    }

    function test_ProceedAWithdrawalAfterTheCommitDeadlineStopsNothing() external {
        _allowProceed();
        uint32 round = _committedToDeadline();
        _tick(1);
        _revoke(_firstToken(2));
        _seal(round);
        assertEq(ledger.members(studyId, round).length, 5);
        _revoke(_firstToken(3));
        vm.prank(_stranger());
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerCannotAbort.selector, studyId, round));
        ledger.abort(studyId, round);
        _close(round);
    }

    /// A patient who withdraws in the deadline's own second is out of the round.
    function test_ProceedAWithdrawalUpToTheEndOfTheDeadlinesSecondLeavesItsSiteOut() external {
        _allowProceed();
        uint32 round = _committedToDeadline();
        _revoke(_firstToken(2));
        _tick(1);
        _seal(round);
        assertEq(ledger.members(studyId, round).length, 4);
        _close(round);
    }

    function test_ProceedAWithdrawalBetweenAnEarlySealAndTheDeadlineEndsTheRound() external {
        _allowProceed();
        uint32 round = _sealedRound();
        _revoke(_firstToken(2));
        _closeFails(round, _epochMoved(2));
        _tickTo(ledger.round(studyId, round).commitDeadline + 5);
        assertFalse(ledger.isCurrent(studyId, round, hospitals[2].account));
        _closeFails(round, _epochMoved(2));
        vm.prank(_stranger());
        assertTrue(ledger.abort(studyId, round) == AbortReason.ConsentChanged);
    }

    function test_AGrantStopsNothing() external {
        uint32 round = _sealedRound();
        _granted(100, 2);
        assertTrue(ledger.isCurrent(studyId, round, hospitals[2].account));
        _close(round);
    }

    function test_AWithdrawalElsewhereStopsNothing() external {
        uint32 round = _open();
        _tick(1);
        _commitAll(round);
        _revoke(_firstToken(4));
        _tickTo(ledger.round(studyId, round).commitDeadline);
        _seal(round);
        _revoke(_firstToken(4) + 1);
        _close(round);
        assertEq(uint256(ledger.lastClosed(studyId)), uint256(round));
    }

    function _committedToDeadline() private returns (uint32 round) {
        round = _open();
        _tick(1);
        _commitAll(round);
        _tickTo(ledger.round(studyId, round).commitDeadline);
    }

    /// @dev The looser policy needs fresh consent, but a cohort's size is counted in tokens that are not revoked.
    function _allowProceed() private {
        Terms memory terms = _terms();
        terms.lateRevocation = LateRevocation.Proceed;
        _bringInForce(_proposeVersion(terms));
    }

    function _epochMoved(uint256 site) private view returns (bytes memory) {
        bytes4 selector = IRoundLedger.LedgerEpochMoved.selector;
        return abi.encodeWithSelector(selector, hospitals[site].account, uint64(0), uint64(1));
    }
}
