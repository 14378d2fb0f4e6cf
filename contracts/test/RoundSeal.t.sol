// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Commitment, IRoundLedger, Round, RoundState} from "../interfaces/IRoundLedger.sol";
import {RoundFixture} from "./RoundFixture.t.sol";

contract RoundSealTest is RoundFixture {
    uint32 private _round;

    function setUp() public override {
        super.setUp();
        _round = _open();
        _tick(1);
    }

    function test_SealingFixesTheContributorsAndCharges() external {
        _commitAll(_round);
        _tick(1);
        bytes32 sealDigest = _seal(_round);
        Round memory round = ledger.round(studyId, _round);
        assertTrue(round.state == RoundState.Sealed);
        assertEq(round.sealDigest, sealDigest);
        assertEq(ledger.members(studyId, _round), _terms().sites);
        assertEq(uint256(ledger.lastSealed(studyId)), 1);
        assertEq(uint256(ledger.lastClosed(studyId)), 0);
        assertEq(ledger.rhoSpent(studyId), 0.02e18 + 1);
    }

    function test_TheDigestBindsChainLedgerRoundParentAndEveryCommitment() external {
        _commitAll(_round);
        _tick(1);
        bytes32 expected = _sealDigest(_round);
        assertEq(_seal(_round), expected);
    }

    function test_BeforeTheCommitDeadlineOnlyTheCoordinatorSeals() external {
        _commitAll(_round);
        uint40 deadline = ledger.round(studyId, _round).commitDeadline;
        bytes4 early = IRoundLedger.LedgerTooEarly.selector;
        vm.prank(_stranger());
        vm.expectRevert(abi.encodeWithSelector(early, studyId, _round, deadline));
        ledger.seal(studyId, _round);
        _tickTo(deadline);
        vm.prank(_stranger());
        ledger.seal(studyId, _round);
    }

    function test_BeforeTheCommitDeadlineEverySiteMustBeCurrent() external {
        for (uint256 site = 0; site < 4; ++site) {
            _commit(site, _round);
        }
        _sealFails(_notAllCurrent(4));
        _commit(4, _round);
        _revoke(_firstToken(2));
        _sealFails(_notAllCurrent(2));
        _tick(1);
        _commit(2, _round);
        _seal(_round);
    }

    function test_AfterItThoseThatAreCurrentAreSealed() external {
        _commitAll(_round);
        _revoke(_firstToken(1));
        _tickTo(ledger.round(studyId, _round).commitDeadline);
        _seal(_round);
        address[] memory members = ledger.members(studyId, _round);
        assertEq(members.length, 4);
        assertEq(members[0], hospitals[0].account);
        assertEq(members[1], hospitals[2].account);
        assertFalse(ledger.isCurrent(studyId, _round, hospitals[1].account));
        assertTrue(ledger.isCurrent(studyId, _round, hospitals[2].account));
    }

    function test_ThereMustBeEnoughSites() external {
        _commit(0, _round);
        _commit(3, _round);
        _tickTo(ledger.round(studyId, _round).commitDeadline);
        _sealFails(abi.encodeWithSelector(IRoundLedger.LedgerTooFewSites.selector, 2, uint16(3)));
        assertEq(ledger.rhoSpent(studyId), 0);
    }

    function test_SealsComeBeforeTheSealDeadline() external {
        _commitAll(_round);
        uint40 deadline = ledger.round(studyId, _round).sealDeadline;
        _tickTo(deadline);
        _sealFails(abi.encodeWithSelector(IRoundLedger.LedgerDeadlinePassed.selector, studyId, _round, deadline));
        _tickTo(deadline - 1);
        _seal(_round);
    }

    function test_ASuspendedOrAmendedStudyIsNotSealed() external {
        _commitAll(_round);
        _suspend();
        _sealFails(abi.encodeWithSelector(IRoundLedger.LedgerStudyNotUsable.selector, studyId));
        _resume();
        _bringInForce(_proposeVersion(_terms()));
        _sealFails(abi.encodeWithSelector(IRoundLedger.LedgerVersionChanged.selector, studyId, _round, uint32(2)));
    }

    function test_ARoundIsSealedAndChargedOnce() external {
        _commitAll(_round);
        _seal(_round);
        uint256 spent = ledger.rhoSpent(studyId);
        _sealFails(
            abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, _round, RoundState.Sealed)
        );
        assertEq(ledger.rhoSpent(studyId), spent);
        _sealFailsFor(9, abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, 9, RoundState.None));
    }

    /// A sealed round is paid for, whatever becomes of it.
    function test_AnAbortGivesNothingBack() external {
        _commitAll(_round);
        _seal(_round);
        uint256 spent = ledger.rhoSpent(studyId);
        vm.prank(_coordinator());
        ledger.abort(studyId, _round);
        assertEq(ledger.rhoSpent(studyId), spent);
        _sealedRound();
        assertEq(ledger.rhoSpent(studyId), 2 * spent);
    }

    function _notAllCurrent(uint256 site) private view returns (bytes memory) {
        return abi.encodeWithSelector(IRoundLedger.LedgerNotAllCurrent.selector, hospitals[site].account);
    }

    function _sealFails(bytes memory reason) private {
        _sealFailsFor(_round, reason);
    }

    function _sealFailsFor(uint32 round, bytes memory reason) private {
        vm.prank(_coordinator());
        vm.expectRevert(reason);
        ledger.seal(studyId, round);
    }
}
