// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Commitment, IRoundLedger, RoundState} from "../interfaces/IRoundLedger.sol";
import {RoundFixture} from "./RoundFixture.t.sol";

contract RoundCommitTest is RoundFixture {
    uint32 private _round;

    function setUp() public override {
        super.setUp();
        _round = _open();
        _tick(1);
    }

    function test_ASiteCommits() external {
        Commitment memory commitment = _commitmentOf(2, _round);
        _commitAs(2, _round, commitment);
        Commitment memory kept = ledger.commitmentOf(studyId, _round, hospitals[2].account);
        assertEq(keccak256(abi.encode(kept)), keccak256(abi.encode(commitment)));
        assertTrue(ledger.isCurrent(studyId, _round, hospitals[2].account));
        assertFalse(ledger.isCurrent(studyId, _round, hospitals[1].account));
        assertEq(ledger.rhoSpent(studyId), 0);
    }

    /// The revoked record's site commits again without it; the other sites need do nothing.
    function test_ASiteWhoseEpochMovedRecommits() external {
        _commit(0, _round);
        _commit(1, _round);
        _revoke(_firstToken(0));
        assertFalse(ledger.isCurrent(studyId, _round, hospitals[0].account));
        assertTrue(ledger.isCurrent(studyId, _round, hospitals[1].account));
        _tick(1);
        _commit(0, _round);
        assertTrue(ledger.isCurrent(studyId, _round, hospitals[0].account));
        assertEq(uint256(ledger.commitmentOf(studyId, _round, hospitals[0].account).attempt), 2);
        assertEq(uint256(ledger.commitmentOf(studyId, _round, hospitals[0].account).cohortSize), 2);
    }

    function test_TheRoundMustBeOpen() external {
        Commitment memory commitment = _commitmentOf(0, _round);
        _commitFails(0, 9, commitment, _wrongState(9, RoundState.None));
        vm.prank(_coordinator());
        ledger.abort(studyId, _round);
        _commitFails(0, _round, commitment, _wrongState(_round, RoundState.Aborted));
    }

    function test_TheStudyMustBeUsableAndTheVersionTheSame() external {
        Commitment memory commitment = _commitmentOf(0, _round);
        _suspend();
        _commitFails(
            0, _round, commitment, abi.encodeWithSelector(IRoundLedger.LedgerStudyNotUsable.selector, studyId)
        );
        _resume();
        _bringInForce(_proposeVersion(_terms()));
        _commitFails(
            0,
            _round,
            commitment,
            abi.encodeWithSelector(IRoundLedger.LedgerVersionChanged.selector, studyId, _round, uint32(2))
        );
    }

    function test_CommitmentsComeBeforeTheDeadline() external {
        uint40 deadline = ledger.round(studyId, _round).commitDeadline;
        _tickTo(deadline - 1);
        _commit(0, _round);
        _tickTo(deadline);
        _commitFails(
            1,
            _round,
            _commitmentOf(1, _round),
            abi.encodeWithSelector(IRoundLedger.LedgerDeadlinePassed.selector, studyId, _round, deadline)
        );
    }

    function test_OnlyASiteOfTheStudyCommits() external {
        Commitment memory commitment = _commitmentOf(0, _round);
        vm.prank(_stranger());
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerSiteNotInStudy.selector, studyId, _stranger()));
        ledger.commit(studyId, _round, commitment);
    }

    function test_AttemptsCountUp() external {
        Commitment memory commitment = _commitmentOf(0, _round);
        for (uint32 attempt = 0; attempt < 4; attempt += 2) {
            commitment.attempt = attempt;
            _commitFails(
                0,
                _round,
                commitment,
                abi.encodeWithSelector(IRoundLedger.LedgerAttemptNotNext.selector, attempt, uint32(1))
            );
        }
        commitment.attempt = 1;
        _commitAs(0, _round, commitment);
        _commitFails(
            0,
            _round,
            commitment,
            abi.encodeWithSelector(IRoundLedger.LedgerAttemptNotNext.selector, uint32(1), uint32(2))
        );
    }

    function testFuzz_TheCohortIsBorneOutByTheChain(uint32 size) external {
        size = size % 8;
        Commitment memory commitment = _commitmentOf(0, _round);
        commitment.cohortSize = size;
        bytes4 small = IRoundLedger.LedgerCohortTooSmall.selector;
        bytes4 large = IRoundLedger.LedgerCohortNotBorneOut.selector;
        if (size < 2) _commitFails(0, _round, commitment, abi.encodeWithSelector(small, size, uint32(2)));
        else if (size > 3) _commitFails(0, _round, commitment, abi.encodeWithSelector(large, size, uint32(3)));
        else _commitAs(0, _round, commitment);
    }

    function test_TheBlockIsOneSinceTheRoundsPinThatTheChainRemembers() external {
        _tick(1);
        Commitment memory commitment = _commitmentOf(0, _round);
        commitment.blockHash = blockhash(height - 2);
        _blockNotKnown(commitment);
        commitment.blockNumber = height;
        commitment.blockHash = 0;
        _blockNotKnown(commitment);
        uint64 pinned = ledger.round(studyId, _round).pinnedBlock;
        commitment.blockNumber = pinned - 1;
        commitment.blockHash = blockhash(pinned - 1);
        _blockNotKnown(commitment);
        commitment.blockNumber = pinned;
        commitment.blockHash = ledger.round(studyId, _round).pinnedBlockHash;
        _commitAs(0, _round, commitment);
    }

    function test_ABlockMoreThan256BlocksBackIsForgotten() external {
        Commitment memory commitment = _commitmentOf(0, _round);
        height = uint64(commitment.blockNumber) + 256; // and the next block makes it 257
        _tickTo(clock);
        _blockNotKnown(commitment);
    }

    function test_TheEpochIsTheOneNow() external {
        Commitment memory stale = _commitmentOf(0, _round);
        _revoke(_firstToken(0));
        stale.cohortSize = 2;
        _commitFails(0, _round, stale, _epochMoved(0, 0, 1));
        stale.epoch = 2;
        _commitFails(0, _round, stale, _epochMoved(0, 2, 1));
        stale.epoch = 1;
        _commitAs(0, _round, stale);
    }

    /// Sealed in with such a key, a member makes every honest one refuse to mask.
    function test_AMaskKeyMustGiveASecret() external {
        bytes32[10] memory bad = [
            bytes32(0),
            bytes32(uint256(1 << 248)),
            0xe0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800,
            0x5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157,
            0xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f,
            0xedffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f,
            0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f,
            bytes32(uint256(0x80)),
            bytes32(uint256(9 << 248 | 0x80)),
            bytes32(type(uint256).max)
        ];
        bytes memory refusal =
            abi.encodeWithSelector(IRoundLedger.LedgerKeyMissing.selector, hospitals[0].account);
        Commitment memory commitment = _commitmentOf(0, _round);
        for (uint256 i = 0; i < bad.length; ++i) {
            commitment.maskKey = bad[i];
            _commitFails(0, _round, commitment, refusal);
        }
        commitment.maskKey = bytes32(uint256(9 << 248));
        _commitAs(0, _round, commitment);
    }

    function test_NoMemberMayBeEmpty() external {
        bytes memory empty =
            abi.encodeWithSelector(IRoundLedger.LedgerCommitmentEmpty.selector, hospitals[0].account);
        Commitment memory commitment = _commitmentOf(0, _round);
        commitment.cohortRoot = 0;
        _commitFails(0, _round, commitment, empty);
        commitment = _commitmentOf(0, _round);
        commitment.vectorHash = 0;
        _commitFails(0, _round, commitment, empty);
        commitment = _commitmentOf(0, _round);
        commitment.environmentHash = 0;
        _commitFails(0, _round, commitment, empty);
    }

    /// A mask key is for one site, round and attempt: neither another site nor a later attempt or round may use it.
    function test_AMaskKeyIsUsedOnce() external {
        _commit(0, _round);
        bytes32 used = ledger.commitmentOf(studyId, _round, hospitals[0].account).maskKey;
        for (uint256 site = 0; site < 2; ++site) {
            Commitment memory commitment = _commitmentOf(site, _round);
            commitment.maskKey = used;
            _commitFails(site, _round, commitment, _keyReused(site, used));
        }
        vm.prank(_coordinator());
        ledger.abort(studyId, _round);
        uint32 next = _open();
        _tick(1);
        Commitment memory later = _commitmentOf(0, next);
        later.maskKey = used;
        _commitFails(0, next, later, _keyReused(0, used));
    }

    function _keyReused(uint256 site, bytes32 key) private view returns (bytes memory) {
        return abi.encodeWithSelector(IRoundLedger.LedgerKeyReused.selector, hospitals[site].account, key);
    }

    function _epochMoved(uint256 site, uint64 committed, uint64 current) private view returns (bytes memory) {
        bytes4 selector = IRoundLedger.LedgerEpochMoved.selector;
        return abi.encodeWithSelector(selector, hospitals[site].account, committed, current);
    }

    function _wrongState(uint32 round, RoundState state) private view returns (bytes memory) {
        return abi.encodeWithSelector(IRoundLedger.LedgerWrongState.selector, studyId, round, state);
    }

    function _blockNotKnown(Commitment memory commitment) private {
        bytes4 selector = IRoundLedger.LedgerBlockNotKnown.selector;
        bytes memory reason = abi.encodeWithSelector(selector, commitment.blockNumber, commitment.blockHash);
        _commitFails(0, _round, commitment, reason);
    }
}
