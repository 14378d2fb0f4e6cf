// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBars} from "../interfaces/IBars.sol";
import {Commitment, IRoundLedger, RoundState} from "../interfaces/IRoundLedger.sol";
import {LateRevocation, Terms} from "../interfaces/IStudyRegistry.sol";
import {LedgerFixture} from "./LedgerFixture.t.sol";

contract BarsTest is LedgerFixture {
    function test_ASilentMemberIsBarredUntilAReviewerReadmitsIt() external {
        uint32 round = _undelivered();
        vm.expectEmit(address(ledger));
        emit IBars.Barred(studyId, round, hospitals[2].account, 1);
        _bar(round, 2);
        assertEq(uint256(ledger.barredFor(studyId, hospitals[2].account)), uint256(round));
        assertEq(uint256(ledger.barredFor(studyId, hospitals[1].account)), 0);
        uint32 next = _open();
        _tick(1);
        Commitment memory commitment = _commitmentOf(2, next);
        _commitFails(
            2,
            next,
            commitment,
            abi.encodeWithSelector(IRoundLedger.LedgerSiteBarred.selector, studyId, hospitals[2].account, round)
        );
        vm.expectEmit(address(ledger));
        emit IBars.Readmitted(studyId, round, hospitals[2].account, vm.addr(reviewerKeys[1]));
        _readmit(2);
        _commit(2, next);
    }

    function test_AnEarlySealDoesNotWaitForABarredSite() external {
        _bar(_undelivered(), 2);
        uint32 round = _open();
        _tick(1);
        for (uint256 site = 0; site < SITES; ++site) {
            if (site != 2) _commit(site, round);
        }
        _seal(round);
        assertEq(ledger.members(studyId, round).length, SITES - 1);
        _close(round);
    }

    /// Barred while it is already in the next round: its commitment no longer counts.
    function test_ABarTakesASiteOutOfAnOpenRound() external {
        uint32 before = _undelivered();
        uint32 round = _open();
        _tick(1);
        _commitAll(round);
        _bar(before, 2);
        assertFalse(ledger.isCurrent(studyId, round, hospitals[2].account));
        _seal(round);
        assertEq(ledger.members(studyId, round).length, SITES - 1);
        assertTrue(ledger.isCurrent(studyId, round, hospitals[1].account));
    }

    function test_ASealedRoundClosesWithAMemberThatIsBarredForAnother() external {
        uint32 before = _undelivered();
        _challenge(before, 2, 0, reviewerKeys[0]);
        Terms memory terms = _terms();
        terms.commitSeconds = 30 days;
        _bringInForce(_proposeVersion(terms));
        uint32 round = _sealedRound();
        _tick(7 days);
        ledger.fault(studyId, before, hospitals[2].account, 0);
        assertTrue(ledger.isCurrent(studyId, round, hospitals[2].account));
        _close(round);
    }

    function test_OnlyTheCoordinatorBars() external {
        uint32 round = _undelivered();
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerNotCoordinator.selector, studyId, address(this)));
        ledger.bar(studyId, round, hospitals[2].account);
    }

    function test_BarringComesAfterTheDeliveryDeadline() external {
        uint32 round = _sealedRound();
        uint40 deadline = ledger.round(studyId, round).deliveryDeadline;
        _tickTo(deadline - 1);
        _barFails(round, 2, abi.encodeWithSelector(IRoundLedger.LedgerTooEarly.selector, studyId, round, deadline));
        _tickTo(deadline);
        _bar(round, 2);
    }

    function test_NobodyIsBarredForARoundThatClosed() external {
        uint32 round = _sealedRound();
        _close(round);
        _tick(1 days);
        _barFails(
            round,
            2,
            abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, round, RoundState.Closed)
        );
    }

    function test_OnlyTheLastSealedRoundCounts() external {
        bytes4 selector = IBars.BarsNotLastSealed.selector;
        _barFails(0, 2, abi.encodeWithSelector(selector, studyId, uint32(0)));
        uint32 first = _undelivered();
        uint32 second = _undelivered();
        _barFails(first, 2, abi.encodeWithSelector(selector, studyId, first));
        _barFails(second + 1, 2, abi.encodeWithSelector(selector, studyId, second + 1));
        _bar(second, 2);
    }

    function test_EveryMemberIsBarredByItself() external {
        uint32 round = _undelivered();
        for (uint256 site = 0; site < SITES; ++site) {
            _bar(round, site);
            assertEq(uint256(ledger.barredFor(studyId, hospitals[site].account)), uint256(round));
        }
    }

    function test_OnlyMembersAreBarred() external {
        uint32 round = _undelivered();
        vm.prank(_coordinator());
        vm.expectRevert(abi.encodeWithSelector(IBars.BarsNotMember.selector, studyId, round, _stranger()));
        ledger.bar(studyId, round, _stranger());
    }

    /// A member that withheld because a consent was withdrawn did what it had to.
    function test_AWithdrawalExcusesItsSite() external {
        uint32 round = _withdrawnAfterSeal();
        address site = hospitals[2].account;
        _barFails(round, 2, abi.encodeWithSelector(IBars.BarsExcused.selector, studyId, round, site));
        _bar(round, 1);
    }

    function test_ADeliveryOnRecordProtectsItsSite() external {
        uint32 round = _sealedRound();
        address site = hospitals[2].account;
        vm.expectEmit(address(ledger));
        emit IBars.DeliveryRecorded(studyId, round, site, "masked");
        _record(round, 2, "masked");
        assertEq(ledger.deliveryOf(studyId, round, site), bytes32("masked"));
        _recordFails(round, 2, "other", abi.encodeWithSelector(IBars.BarsDeliveryRecorded.selector, studyId, round, site));
        _tickTo(ledger.round(studyId, round).deliveryDeadline);
        _barFails(round, 2, abi.encodeWithSelector(IBars.BarsDeliveryRecorded.selector, studyId, round, site));
        _bar(round, 1);
    }

    function test_ARoundClosesWithTheDeliveryOnRecordOrNotAtAll() external {
        uint32 round = _sealedRound();
        address site = hospitals[2].account;
        _record(round, 2, "masked");
        _closeFails(round, abi.encodeWithSelector(IRoundLedger.LedgerDeliveryInvalid.selector, site));
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
        uint32 next = _sealedRound();
        _record(next, 2, keccak256(abi.encode("masked", next, site)));
        _close(next);
    }

    function test_OnlyAMemberOfASealedRoundRecordsInTime() external {
        uint32 round = _open();
        _recordFails(
            round,
            2,
            "masked",
            abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, round, RoundState.Open)
        );
        _tick(1);
        _commitAll(round);
        _seal(round);
        vm.prank(_stranger());
        vm.expectRevert(abi.encodeWithSelector(IBars.BarsNotMember.selector, studyId, round, _stranger()));
        ledger.recordDelivery(studyId, round, "masked");
        _recordFails(
            round, 2, 0, abi.encodeWithSelector(IBars.BarsDeliveryEmpty.selector, hospitals[2].account)
        );
        uint40 deadline = ledger.round(studyId, round).deliveryDeadline;
        _tickTo(deadline - 1);
        _record(round, 1, "masked");
        _tickTo(deadline);
        _recordFails(
            round,
            2,
            "masked",
            abi.encodeWithSelector(IRoundLedger.LedgerDeadlinePassed.selector, studyId, round, deadline)
        );
    }

    function test_AReadmissionIsNotUndoneByTheSameAccusation() external {
        uint32 round = _undelivered();
        _bar(round, 2);
        _barFails(
            round,
            2,
            abi.encodeWithSelector(IBars.BarsAlreadyBarred.selector, studyId, round, hospitals[2].account)
        );
        _readmit(2);
        _barFails(
            round,
            2,
            abi.encodeWithSelector(IBars.BarsAlreadyBarred.selector, studyId, round, hospitals[2].account)
        );
    }

    function test_OnlyAReviewerReadmits() external {
        uint32 round = _undelivered();
        _bar(round, 2);
        address site = hospitals[2].account;
        bytes memory forged = _sign(SPONSOR_KEY, _readmissionDigest(2, 1));
        bytes memory sponsor = _signer(SPONSOR_KEY);
        vm.expectRevert(abi.encodeWithSelector(IBars.BarsNotReviewer.selector, studyId, _sponsor()));
        ledger.readmit(studyId, site, sponsor, forged);
        bytes memory reviewer = _signer(reviewerKeys[0]);
        _readmissionInvalid(site, reviewer, forged);
        _readmissionInvalid(site, reviewer, _sign(reviewerKeys[0], _readmissionDigest(1, 1)));
        _readmissionInvalid(site, reviewer, _sign(reviewerKeys[0], _readmissionDigest(2, 2)));
        ledger.readmit(studyId, site, reviewer, _sign(reviewerKeys[0], _readmissionDigest(2, 1)));
        assertEq(uint256(ledger.barredFor(studyId, site)), 0);
    }

    /// A site can be barred twice for one round, by its coordinator and by its silence, and for another.
    function test_AReadmissionServesOnce() external {
        uint32 round = _undelivered();
        _challenge(round, 2, 0, reviewerKeys[0]);
        _bar(round, 2);
        address site = hospitals[2].account;
        bytes memory reviewer = _signer(reviewerKeys[0]);
        bytes memory signature = _sign(reviewerKeys[0], _readmissionDigest(2, 1));
        ledger.readmit(studyId, site, reviewer, signature);
        vm.expectRevert(abi.encodeWithSelector(IBars.BarsNotBarred.selector, studyId, site));
        ledger.readmit(studyId, site, reviewer, signature);
        _tick(7 days);
        ledger.fault(studyId, round, site, 0);
        assertEq(uint256(ledger.timesBarred(studyId, site)), 2);
        _readmissionInvalid(site, reviewer, signature);
        _readmit(2);
        _bar(_undelivered(), 2);
        _readmissionInvalid(site, reviewer, signature);
    }

    /// What a site does not do while its study stands still, or under other terms, is no silence.
    function test_ASuspensionOrANewVersionExcusesEveryone() external {
        uint32 round = _sealedRound();
        _suspend();
        _resume();
        address site = hospitals[2].account;
        _tickTo(ledger.round(studyId, round).deliveryDeadline);
        _barFails(round, 2, abi.encodeWithSelector(IBars.BarsExcused.selector, studyId, round, site));
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
        round = _undelivered();
        _bar(round, 1);
        _bringInForce(_proposeVersion(_terms()));
        _barFails(round, 2, abi.encodeWithSelector(IBars.BarsExcused.selector, studyId, round, site));
    }

    function test_UnderProceedALateWithdrawalIsNoExcuse() external {
        Terms memory terms = _terms();
        terms.lateRevocation = LateRevocation.Proceed;
        _bringInForce(_proposeVersion(terms));
        uint32 round = _open();
        _tick(1);
        _commitAll(round);
        _tickTo(ledger.round(studyId, round).commitDeadline);
        _seal(round);
        _tick(1);
        _revoke(_firstToken(2));
        _tickTo(ledger.round(studyId, round).deliveryDeadline);
        _bar(round, 2);
    }

    /// Nobody could put a delivery on record any more: whoever ended the round so early has nobody barred for it.
    function test_NobodyIsBarredForARoundThatWasEndedBeforeItsDeliveriesWereDue() external {
        uint32 round = _sealedRound();
        uint40 due = ledger.round(studyId, round).deliveryDeadline;
        _tickTo(due - 1);
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
        _recordFails(
            round,
            2,
            "masked",
            abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, round, RoundState.Aborted)
        );
        _tickTo(due);
        address site = hospitals[2].account;
        _barFails(round, 2, abi.encodeWithSelector(IBars.BarsExcused.selector, studyId, round, site));

        uint32 next = _undelivered();
        _bar(next, 2);
        _barFails(round, 2, abi.encodeWithSelector(IBars.BarsNotLastSealed.selector, studyId, round));
    }

    /// A withdrawal before the deadline excuses its site for good, whatever happens in the rounds after.
    function test_UnderProceedAnExcuseOutlastsTheNextRound() external {
        Terms memory terms = _terms();
        terms.lateRevocation = LateRevocation.Proceed;
        _bringInForce(_proposeVersion(terms));
        uint32 round = _withdrawnAfterSeal();
        address site = hospitals[2].account;
        bytes memory excused = abi.encodeWithSelector(IBars.BarsExcused.selector, studyId, round, site);
        _barFails(round, 2, excused);
        uint32 next = _open();
        _tick(1);
        _commit(2, next);
        _tick(1);
        _revoke(_firstToken(2) + 1);
        _barFails(round, 2, excused);
    }

    /// @dev Undelivered by a site that withheld, for one of its consents was withdrawn after the seal.
    function _withdrawnAfterSeal() private returns (uint32 round) {
        round = _sealedRound();
        _revoke(_firstToken(2));
        _tickTo(ledger.round(studyId, round).deliveryDeadline);
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
    }

    function _record(uint32 round, uint256 site, bytes32 maskedHash) private {
        vm.prank(hospitals[site].account);
        ledger.recordDelivery(studyId, round, maskedHash);
    }

    function _recordFails(uint32 round, uint256 site, bytes32 maskedHash, bytes memory reason) private {
        vm.prank(hospitals[site].account);
        vm.expectRevert(reason);
        ledger.recordDelivery(studyId, round, maskedHash);
    }

    function _barFails(uint32 round, uint256 site, bytes memory reason) private {
        vm.prank(_coordinator());
        vm.expectRevert(reason);
        ledger.bar(studyId, round, hospitals[site].account);
    }

    function _readmissionInvalid(address site, bytes memory signer, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(IBars.BarsSignatureInvalid.selector, vm.addr(reviewerKeys[0])));
        ledger.readmit(studyId, site, signer, signature);
    }
}
