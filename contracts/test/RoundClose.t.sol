// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRoundLedger, Round, RoundState} from "../interfaces/IRoundLedger.sol";
import {RoundFixture} from "./RoundFixture.t.sol";

contract RoundCloseTest is RoundFixture {
    uint32 private _round;

    function setUp() public override {
        super.setUp();
        _round = _sealedRound();
    }

    function test_AnyoneWithTheEvidenceCloses() external {
        uint256 spent = ledger.rhoSpent(studyId);
        _close(_round);
        Round memory round = ledger.round(studyId, _round);
        assertTrue(round.state == RoundState.Closed);
        assertEq(round.checkpointHash, _checkpoint(_round));
        assertEq(round.manifestHash, keccak256(abi.encode("manifest", _round)));
        assertEq(uint256(ledger.lastClosed(studyId)), uint256(_round));
        assertEq(ledger.rhoSpent(studyId), spent);
    }

    function test_OnlyASealedRoundCloses() external {
        _close(_round);
        _closeFails(_round, _wrongState(_round, RoundState.Closed));
        uint32 next = _open();
        _closeFails(next, _wrongState(next, RoundState.Open));
        _closeFails(9, _wrongState(9, RoundState.None));
    }

    function test_ASuspendedOrAmendedStudyIsNotClosed() external {
        _suspend();
        _closeFails(_round, abi.encodeWithSelector(IRoundLedger.LedgerStudyNotUsable.selector, studyId));
        _resume();
        _bringInForce(_proposeVersion(_terms()));
        _closeFails(
            _round, abi.encodeWithSelector(IRoundLedger.LedgerVersionChanged.selector, studyId, _round, uint32(2))
        );
    }

    function test_ClosingComesBeforeTheCloseDeadline() external {
        uint40 deadline = ledger.round(studyId, _round).closeDeadline;
        _tickTo(deadline);
        _closeFails(
            _round, abi.encodeWithSelector(IRoundLedger.LedgerDeadlinePassed.selector, studyId, _round, deadline)
        );
        _tickTo(deadline - 1);
        _close(_round);
    }

    function test_EveryMemberDelivers() external {
        bytes32[] memory hashes = _maskedHashes(_round);
        bytes[] memory signatures = _deliveries(_round, hashes);
        bytes memory mismatch =
            abi.encodeWithSelector(IRoundLedger.LedgerDeliveryCountMismatch.selector, SITES - 1, SITES);
        vm.expectRevert(mismatch);
        ledger.close(studyId, _round, "c", "m", new bytes32[](SITES - 1), signatures, "");
        vm.expectRevert(mismatch);
        ledger.close(studyId, _round, "c", "m", hashes, new bytes[](SITES - 1), "");
    }

    function test_EachDeliveryIsSignedByItsMember() external {
        bytes32[] memory hashes = _maskedHashes(_round);
        bytes[] memory signatures = _deliveries(_round, hashes);
        for (uint256 i = 0; i < SITES; ++i) {
            bytes memory kept = signatures[i];
            signatures[i] = signatures[(i + 1) % SITES];
            vm.expectRevert(
                abi.encodeWithSelector(IRoundLedger.LedgerDeliveryInvalid.selector, hospitals[i].account)
            );
            ledger.close(studyId, _round, "c", "m", hashes, signatures, "");
            signatures[i] = kept;
        }
        hashes[3] = ~hashes[3];
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerDeliveryInvalid.selector, hospitals[3].account));
        ledger.close(studyId, _round, "c", "m", hashes, signatures, "");
    }

    function test_TheClosureIsSignedByTheCoordinator() external {
        bytes32[] memory hashes = _maskedHashes(_round);
        bytes[] memory signatures = _deliveries(_round, hashes);
        bytes memory invalid =
            abi.encodeWithSelector(IRoundLedger.LedgerClosureInvalid.selector, _coordinator());
        bytes memory forged = _signClosure(STRANGER_KEY, _round, "c", "m");
        vm.expectRevert(invalid);
        ledger.close(studyId, _round, "c", "m", hashes, signatures, forged);
        bytes memory other = _signClosure(COORDINATOR_KEY, _round, "c", "m");
        vm.expectRevert(invalid);
        ledger.close(studyId, _round, "d", "m", hashes, signatures, other);
        vm.expectRevert(invalid);
        ledger.close(studyId, _round, "c", "n", hashes, signatures, other);
        bytes memory empty = _signClosure(COORDINATOR_KEY, _round, 0, "m");
        vm.expectRevert(invalid);
        ledger.close(studyId, _round, 0, "m", hashes, signatures, empty);
        empty = _signClosure(COORDINATOR_KEY, _round, "c", 0);
        vm.expectRevert(invalid);
        ledger.close(studyId, _round, "c", 0, hashes, signatures, empty);
        ledger.close(studyId, _round, "c", "m", hashes, signatures, other);
    }

    /// Deliveries of a round that was abandoned do not close the one that is run again.
    function test_DeliveriesBelongToOneSeal() external {
        bytes32[] memory hashes = _maskedHashes(_round);
        bytes[] memory signatures = _deliveries(_round, hashes);
        vm.prank(_coordinator());
        ledger.abort(studyId, _round);
        uint32 again = _sealedRound();
        bytes memory closure = _signClosure(COORDINATOR_KEY, again, "c", "m");
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerDeliveryInvalid.selector, hospitals[0].account));
        ledger.close(studyId, again, "c", "m", hashes, signatures, closure);
    }

    function _wrongState(uint32 round, RoundState state) private view returns (bytes memory) {
        return abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, round, state);
    }
}
