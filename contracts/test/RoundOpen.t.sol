// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRoundLedger, Round, RoundState} from "../interfaces/IRoundLedger.sol";
import {Terms} from "../interfaces/IStudyRegistry.sol";
import {DeployedLedger, DeployedRegistry, DeployedToken, Deployment} from "./Deployment.t.sol";
import {RoundFixture} from "./RoundFixture.t.sol";

contract RoundOpenTest is RoundFixture {
    /// What a record waits for after a revocation: rounds that were opened since and are over.
    function test_ARoundUnderWayDoesNotHideThoseThatAreOver() external {
        uint40 since = clock;
        for (uint256 i = 0; i < 2; ++i) {
            _tick(1);
            uint32 round = _sealedRound();
            assertFalse(ledger.roundsOver(studyId, since, 2), "not before both are over");
            _close(round);
        }
        assertTrue(ledger.roundsOver(studyId, since, 2));
        _tick(1);
        _open();
        assertTrue(ledger.roundsOver(studyId, since, 2));
        assertFalse(ledger.roundsOver(studyId, since, 3));
        assertFalse(ledger.roundsOver(studyId, clock, 1));
    }

    function test_OpeningPinsABlockNamesTheBaseAndSetsDeadlines() external {
        assertEq(uint256(_open()), 1);
        Round memory round = ledger.round(studyId, 1);
        assertTrue(round.state == RoundState.Open);
        assertEq(uint256(round.version), 1);
        assertEq(uint256(round.previousSealed) + round.previousClosed, 0);
        assertEq(uint256(round.openedAt), uint256(clock));
        assertEq(uint256(round.commitDeadline), uint256(clock) + 600);
        assertEq(uint256(round.sealDeadline), uint256(clock) + 900);
        assertEq(uint256(round.deliveryDeadline), uint256(clock) + 1200);
        assertEq(uint256(round.closeDeadline), uint256(clock) + 1800);
        assertEq(uint256(round.pinnedBlock), uint256(height) - 1);
        assertEq(round.pinnedBlockHash, blockhash(height - 1));
        assertEq(round.base, _terms().initialCheckpoint);
        assertEq(uint256(ledger.roundCount(studyId)), 1);
        assertEq(ledger.rhoSpent(studyId), 0, "opening costs nothing");
    }

    function test_OnlyTheCoordinatorOpens() external {
        vm.prank(_sponsor());
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerNotCoordinator.selector, studyId, _sponsor()));
        ledger.open(studyId);
    }

    function test_OnlyAStudyInForceAndNotSuspendedOpens() external {
        vm.prank(_sponsor());
        uint64 proposed = registry.proposeStudy(_committee(), 2, _terms());
        _openFails(proposed, abi.encodeWithSelector(IRoundLedger.LedgerStudyNotUsable.selector, proposed));
        _openFails(99, abi.encodeWithSelector(IRoundLedger.LedgerStudyNotUsable.selector, uint64(99)));
        _suspend();
        _openFails(studyId, abi.encodeWithSelector(IRoundLedger.LedgerStudyNotUsable.selector, studyId));
    }

    function test_OneRoundIsOpenAtATime() external {
        bytes memory open = abi.encodeWithSelector(IRoundLedger.LedgerRoundOpen.selector, studyId, uint32(1));
        _open();
        _openFails(studyId, open);
        _tick(1);
        _commitAll(1);
        _seal(1);
        _openFails(studyId, open);
        _close(1);
        assertEq(uint256(_open()), 2);
    }

    function test_EachRoundNamesTheLastSealedAndTheLastClosed() external {
        _close(_sealedRound());
        uint32 abandoned = _sealedRound();
        vm.prank(_coordinator());
        ledger.abort(studyId, abandoned);
        Round memory round = ledger.round(studyId, _open());
        assertEq(uint256(round.previousSealed), 2);
        assertEq(uint256(round.previousClosed), 1);
        assertEq(round.base, _checkpoint(1));
    }

    function test_TheBudgetMustHaveRoomForOneMoreRound() external {
        uint256 rho = ledger.rhoOfRound(studyId, 1);
        for (uint256 i = 0; i < 4; ++i) {
            _close(_sealedRound());
        }
        _openFails(
            studyId,
            abi.encodeWithSelector(IRoundLedger.LedgerBudgetExhausted.selector, studyId, 4 * rho, rho, 0.1e18)
        );
    }

    function test_ANewVersionKeepsWhatWasSpent() external {
        _close(_sealedRound());
        Terms memory terms = _terms();
        terms.noiseMultiplier *= 2;
        _bringInForce(_proposeVersion(terms));
        uint256 spent = ledger.rhoSpent(studyId);
        assertEq(spent, ledger.rhoOfRound(studyId, 1));
        _sealedRound();
        assertEq(ledger.rhoSpent(studyId), spent + ledger.rhoOfRound(studyId, 2));
    }

    /// rho = ceil(1 / (2 sigma^2)) + 1 in 1e-18, checked without division: the smallest whole number that is enough.
    function testFuzz_RhoOfARoundIsRoundedUpWithOneUnitOfSlack(uint64 noiseMultiplier) external {
        Terms memory terms = _terms();
        terms.noiseMultiplier = noiseMultiplier < 4 ? 4 : noiseMultiplier;
        terms.clippingNorm = 1 << 40;
        terms.rhoCeiling = type(uint256).max;
        uint32 version = _proposeVersion(terms);
        uint256 ceiled = ledger.rhoOfRound(studyId, version) - 1;
        uint256 twiceSquare = 2 * uint256(terms.noiseMultiplier) ** 2;
        assertTrue(ceiled * twiceSquare >= 1e30);
        assertTrue((ceiled - 1) * twiceSquare < 1e30);
    }

    function test_RhoOfAnUnknownVersionIsRefused() external {
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerStudyNotUsable.selector, studyId));
        ledger.rhoOfRound(studyId, 7);
    }

    function test_TheBudgetLiesWhereErc7201Says() external {
        _sealedRound();
        bytes32 root = keccak256(abi.encode(uint256(keccak256("assent.storage.Budget")) - 1)) & ~bytes32(uint256(0xff));
        bytes32 slot = keccak256(abi.encode(uint256(studyId), root));
        assertEq(uint256(vm.load(address(ledger), slot)), ledger.rhoSpent(studyId));
        assertTrue(ledger.rhoSpent(studyId) != 0);
    }

    function test_LedgerAndConsentAnswerForEachOtherAndOneRegistry() external {
        DeployedRegistry another = Deployment.registry(AUTHORITY);
        vm.expectRevert(
            abi.encodeWithSelector(DeployedLedger.LedgerTokenMismatch.selector, address(registry), address(ledger))
        );
        Deployment.ledger(another, token);
        vm.expectRevert(
            abi.encodeWithSelector(DeployedLedger.LedgerTokenMismatch.selector, address(registry), address(ledger))
        );
        Deployment.ledger(registry, token);
        address next = Deployment.created(vm.getNonce(address(this)) + 1);
        DeployedToken elsewhere = Deployment.token(another, next);
        vm.expectRevert(abi.encodeWithSelector(DeployedLedger.LedgerTokenMismatch.selector, address(another), next));
        Deployment.ledger(registry, elsewhere);
        assertEq(address(ledger.registry()), address(registry));
        assertEq(address(ledger.consentToken()), address(token));
        assertEq(address(token.registry()), address(registry));
        assertEq(address(token.ledger()), address(ledger));
    }

    /// A round must be over before the approval is: a consent at the close deadline has to count.
    function test_ARoundIsNotOpenedThatTheApprovalDoesNotOutlast() external {
        uint40 until = registry.study(studyId).approvedUntil;
        _tickTo(until - 1800);
        _openFails(
            studyId,
            abi.encodeWithSelector(IRoundLedger.LedgerApprovalExpires.selector, studyId, until, until)
        );
    }

    function test_ARoundIsOpenedThatEndsASecondBeforeTheApproval() external {
        _tickTo(registry.study(studyId).approvedUntil - 1801);
        _open();
    }

    function test_AStudyWhoseApprovalExpiredOpensAgainAfterItsReview() external {
        uint40 until = registry.study(studyId).approvedUntil;
        _tickTo(until);
        _openFails(studyId, abi.encodeWithSelector(IRoundLedger.LedgerStudyNotUsable.selector, studyId));
        _bringInForce(1);
        _open();
    }

    function _openFails(uint64 study, bytes memory reason) private {
        vm.prank(_coordinator());
        vm.expectRevert(reason);
        ledger.open(study);
    }
}
