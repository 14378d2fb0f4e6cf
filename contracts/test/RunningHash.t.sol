// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Grant, IConsentToken} from "../interfaces/IConsentToken.sol";
import {Commitment, IRoundLedger} from "../interfaces/IRoundLedger.sol";
import {IStudyRegistry, Terms} from "../interfaces/IStudyRegistry.sol";
import {RunningHash} from "../RunningHash.sol";
import {RoundFixture} from "./RoundFixture.t.sol";
import {Vm} from "@prb/test/src/Vm.sol";

/// @dev Opens `_record` to the tests.
contract Recorder is RunningHash {
    function record(uint64 studyId, bytes32 topic0, bytes calldata data) external {
        _record(studyId, topic0, data);
    }
}

contract RunningHashTest is RoundFixture {
    Recorder private _recorder;

    function setUp() public override {
        super.setUp();
        _recorder = new Recorder();
    }

    function testFuzz_HashFoldsEveryRecordInOrder(bytes32[] calldata topics, bytes calldata data) external {
        bytes32 expected = 0;
        for (uint256 i = 0; i < topics.length && i < 8; ++i) {
            _tick(uint40(i));
            _recorder.record(7, topics[i], data);
            expected = keccak256(abi.encode(expected, height, clock, topics[i], keccak256(data)));
        }
        assertEq(_recorder.runningHash(7), expected);
        assertEq(_recorder.runningHash(8), bytes32(0), "another study is untouched");
    }

    function test_HashLiesWhereErc7201Says() external {
        _recorder.record(7, "topic", "data");
        bytes32 root = keccak256(abi.encode(uint256(keccak256("assent.storage.RunningHash")) - 1)) & ~bytes32(uint256(0xff));
        bytes32 slot = keccak256(abi.encode(uint256(7), root));
        assertEq(vm.load(address(_recorder), slot), _recorder.runningHash(7));
        assertTrue(_recorder.runningHash(7) != 0);
    }

    /// A log written by hand and the same event emitted by the compiler are one and the same, also with dynamic members.
    function test_RecordEqualsEmit() external {
        Terms memory terms = _terms();
        Grant memory grant = _grantOf(1, 1);
        Commitment memory commitment = _commitmentOf(1, 1);
        bytes[] memory blobs = new bytes[](2);
        (blobs[0], blobs[1]) = (hex"01", hex"020304");
        bytes32[] memory words = new bytes32[](3);
        words[2] = "last";

        vm.recordLogs();
        emit IStudyRegistry.VersionProposed(5, 2, "hash", terms);
        _recorder.record(5, IStudyRegistry.VersionProposed.selector, abi.encode(uint32(2), bytes32("hash"), terms));
        emit IStudyRegistry.StudyProposed(5, _sponsor(), terms.sites, 2);
        _recorder.record(5, IStudyRegistry.StudyProposed.selector, abi.encode(_sponsor(), terms.sites, uint16(2)));
        emit IConsentToken.Granted(5, 9, 2, grant, "tag");
        _recorder.record(5, IConsentToken.Granted.selector, abi.encode(uint256(9), uint32(2), grant, bytes32("tag")));
        emit IRoundLedger.Committed(5, 3, _sponsor(), commitment);
        _recorder.record(5, IRoundLedger.Committed.selector, abi.encode(uint32(3), _sponsor(), commitment));
        emit IRoundLedger.Closed(5, 3, "a", "b", words, blobs, hex"ff");
        _recorder.record(
            5, IRoundLedger.Closed.selector, abi.encode(uint32(3), bytes32("a"), bytes32("b"), words, blobs, hex"ff")
        );
        Vm.Log[] memory logs = vm.getRecordedLogs();

        assertEq(logs.length, 10);
        for (uint256 i = 0; i < logs.length; i += 2) {
            assertEq(logs[i].topics.length, 2);
            assertEq(logs[i].topics[0], logs[i + 1].topics[0]);
            assertEq(logs[i].topics[1], logs[i + 1].topics[1]);
            assertEq(logs[i].data, logs[i + 1].data);
        }
    }

    /// Whoever folds the logs of a study, from its proposal to a closed round, arrives at the stored hashes.
    function test_LogsOfAWholeRoundFoldToTheStoredHashes() external {
        address[3] memory emitters = [address(registry), address(token), address(ledger)];
        bytes32[3] memory expected =
            [registry.runningHash(studyId), token.runningHash(studyId), ledger.runningHash(studyId)];
        uint256 folded = 0;
        vm.recordLogs();
        for (uint256 step = 0; step < 6; ++step) {
            _act(step);
            Vm.Log[] memory logs = vm.getRecordedLogs();
            for (uint256 i = 0; i < logs.length; ++i) {
                if (logs[i].topics.length != 2 || logs[i].topics[1] != bytes32(uint256(studyId))) continue;
                for (uint256 c = 0; c < 3; ++c) {
                    if (logs[i].emitter != emitters[c]) continue;
                    bytes32 dataHash = keccak256(logs[i].data);
                    expected[c] = keccak256(abi.encode(expected[c], height, clock, logs[i].topics[0], dataHash));
                    ++folded;
                }
            }
            _tick(1);
        }
        assertEq(folded, 11, "revoked, granted, opened, five committed, sealed, closed, suspended");
        assertEq(registry.runningHash(studyId), expected[0]);
        assertEq(token.runningHash(studyId), expected[1]);
        assertEq(ledger.runningHash(studyId), expected[2]);
    }

    function _act(uint256 step) private {
        if (step == 0) {
            _revoke(_firstToken(0));
            _granted(100, 0);
        }
        if (step == 1) _open();
        if (step == 2) _commitAll(1);
        if (step == 3) _seal(1);
        if (step == 4) _close(1);
        if (step == 5) _suspend();
    }
}
