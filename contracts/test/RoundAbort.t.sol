// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AbortReason, IRoundLedger, RoundState} from "../interfaces/IRoundLedger.sol";
import {RoundFixture} from "./RoundFixture.t.sol";

contract RoundAbortTest is RoundFixture {
    function test_TheCoordinatorAbortsAtAnyTime() external {
        uint32 open = _open();
        _aborts(_coordinator(), open, AbortReason.Coordinator);
        uint32 sealed_ = _sealedRound();
        _aborts(_coordinator(), sealed_, AbortReason.Coordinator);
        assertEq(uint256(ledger.lastSealed(studyId)), uint256(sealed_), "it was sealed and stays so");
        assertEq(uint256(ledger.lastClosed(studyId)), 0);
    }

    function test_NobodyElseAbortsWhatCanStillClose() external {
        uint32 round = _open();
        _cannotAbort(round);
        _tickTo(ledger.round(studyId, round).sealDeadline - 1);
        _cannotAbort(round);
        _aborts(_coordinator(), round, AbortReason.Coordinator);
        round = _sealedRound();
        _cannotAbort(round);
        _tickTo(ledger.round(studyId, round).closeDeadline - 1);
        _cannotAbort(round);
    }

    function test_AnyoneAbortsAnOpenRoundPastItsSealDeadline() external {
        uint32 round = _open();
        _tickTo(ledger.round(studyId, round).sealDeadline);
        _aborts(_stranger(), round, AbortReason.SealDeadlinePassed);
    }

    function test_AnyoneAbortsASealedRoundPastItsCloseDeadline() external {
        uint32 round = _sealedRound();
        _tickTo(ledger.round(studyId, round).sealDeadline);
        _cannotAbort(round);
        _tickTo(ledger.round(studyId, round).closeDeadline);
        _aborts(_stranger(), round, AbortReason.CloseDeadlinePassed);
    }

    function test_AnyoneAbortsARoundOfAVersionThatIsNoLongerInForce() external {
        uint32 round = _open();
        uint32 version = _proposeVersion(_terms());
        _cannotAbort(round);
        _bringInForce(version);
        _aborts(_stranger(), round, AbortReason.StudyChanged);
        round = _sealedRound();
        _bringInForce(_proposeVersion(_terms()));
        _aborts(_stranger(), round, AbortReason.StudyChanged);
    }

    function test_AnOpenRoundSurvivesAWithdrawal() external {
        uint32 round = _open();
        _tick(1);
        _commitAll(round);
        _revoke(_firstToken(0));
        _cannotAbort(round);
    }

    function test_ASuspensionDoesNotKeepARoundOpenForEver() external {
        uint32 round = _sealedRound();
        _suspend();
        _cannotAbort(round);
        _tickTo(ledger.round(studyId, round).closeDeadline);
        _aborts(_stranger(), round, AbortReason.CloseDeadlinePassed);
    }

    function test_OnlyARoundThatIsUnderWayAborts() external {
        uint32 round = _sealedRound();
        _close(round);
        vm.startPrank(_coordinator());
        vm.expectRevert(
            abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, round, RoundState.Closed)
        );
        ledger.abort(studyId, round);
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, 9, RoundState.None));
        ledger.abort(studyId, 9);
        vm.stopPrank();
    }

    function _aborts(address caller, uint32 round, AbortReason expected) private {
        vm.prank(caller);
        assertTrue(ledger.abort(studyId, round) == expected);
        assertTrue(ledger.round(studyId, round).state == RoundState.Aborted);
        for (uint256 site = 0; site < SITES; ++site) {
            assertFalse(ledger.isCurrent(studyId, round, hospitals[site].account));
        }
    }

    function _cannotAbort(uint32 round) private {
        vm.prank(_stranger());
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerCannotAbort.selector, studyId, round));
        ledger.abort(studyId, round);
    }
}
