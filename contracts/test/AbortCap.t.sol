// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRoundLedger} from "../interfaces/IRoundLedger.sol";
import {Terms} from "../interfaces/IStudyRegistry.sol";
import {LedgerFixture} from "./LedgerFixture.t.sol";

/// @title When a study pauses because its rounds are paid for and come to nothing
contract AbortCapTest is LedgerFixture {
    function setUp() public override {
        super.setUp();
        Terms memory terms = _terms();
        terms.rhoCeiling = 1e18;
        terms.maxChargedAborts = 2;
        _bringInForce(_proposeVersion(terms));
        for (uint256 n = 0; n < SITES * PATIENTS_PER_SITE; ++n) {
            _revoke(token.tokenIdOf(studyId, hospitals[n / PATIENTS_PER_SITE].account, uint32(n % PATIENTS_PER_SITE)));
            _granted(100 + n, n / PATIENTS_PER_SITE);
        }
        _tick(1);
    }

    function test_TheStudyPausesUntilItsReviewersSuspendedAndResumedIt() external {
        _aborted();
        assertEq(uint256(ledger.chargedAborts(studyId)), 1);
        _aborted();
        assertEq(uint256(ledger.chargedAborts(studyId)), 2);
        _paused(2);
        _suspend();
        assertEq(uint256(ledger.chargedAborts(studyId)), 0);
        _resume();
        _aborted();
        assertEq(uint256(ledger.chargedAborts(studyId)), 1, "the count begins anew");
        _aborted();
        _paused(2);
    }

    function test_ANewVersionDoesNotLiftThePause() external {
        _aborted();
        _aborted();
        _bringInForce(_proposeVersion(_terms()));
        assertEq(uint256(ledger.chargedAborts(studyId)), 2);
        Terms memory terms = _terms();
        terms.maxChargedAborts = 3;
        _bringInForce(_proposeVersion(terms));
        _open();
    }

    function test_OnlyAbortsThatWerePaidForCount() external {
        for (uint256 i = 0; i < 4; ++i) {
            uint32 round = _open();
            vm.prank(_coordinator());
            ledger.abort(studyId, round);
        }
        assertEq(uint256(ledger.chargedAborts(studyId)), 0);
        _close(_sealedRound());
        assertEq(uint256(ledger.chargedAborts(studyId)), 0);
    }

    /// Whoever ends the round, and for whatever reason.
    function test_EveryReasonCounts() external {
        uint32 round = _sealedRound();
        _revoke(token.tokenIdOf(studyId, hospitals[0].account, uint32(PATIENTS_PER_SITE)));
        vm.prank(_stranger());
        ledger.abort(studyId, round);
        round = _sealedRound();
        _tickTo(ledger.round(studyId, round).closeDeadline);
        vm.prank(_stranger());
        ledger.abort(studyId, round);
        _paused(2);
    }

    /// Aborts from before a suspension do not come back with the next one.
    function test_ASuspensionForgetsForGood() external {
        _aborted();
        _suspend();
        _resume();
        assertEq(uint256(ledger.chargedAborts(studyId)), 0);
        _aborted();
        _suspend();
        _resume();
        assertEq(uint256(ledger.chargedAborts(studyId)), 0);
        _open();
    }

    function _aborted() private {
        uint32 round = _sealedRound();
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
    }

    function _paused(uint32 aborts) private {
        vm.prank(_coordinator());
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerPausedByAborts.selector, studyId, aborts));
        ledger.open(studyId);
    }
}
