// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PRBTest} from "@prb/test/src/PRBTest.sol";

import {Round, RoundState} from "../interfaces/IRoundLedger.sol";
import {Study} from "../interfaces/IStudyRegistry.sol";
import {DeployedLedger, DeployedRegistry, DeployedToken} from "./Deployment.t.sol";
import {StudyHandler} from "./StudyHandler.t.sol";

/// @title What holds of a study whatever anyone does, in any order
contract StudyInvariantTest is PRBTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint64 private constant PURPOSES = 1 << 7 | 1 << 48;

    StudyHandler private _handler;
    DeployedRegistry private _registry;
    DeployedToken private _token;
    DeployedLedger private _ledger;
    uint64 private _studyId;

    function setUp() external {
        _handler = new StudyHandler();
        _handler.setUp();
        (address registry, address token, address ledger, uint64 studyId) = _handler.parts();
        (_registry, _token, _ledger) = (DeployedRegistry(registry), DeployedToken(token), DeployedLedger(ledger));
        _studyId = studyId;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[21] memory acts = [
            StudyHandler.pass.selector,
            StudyHandler.grant.selector,
            StudyHandler.replay.selector,
            StudyHandler.comeBack.selector,
            StudyHandler.revoke.selector,
            StudyHandler.open.selector,
            StudyHandler.commit.selector,
            StudyHandler.commitAll.selector,
            StudyHandler.seal.selector,
            StudyHandler.close.selector,
            StudyHandler.abort.selector,
            StudyHandler.rollBack.selector,
            StudyHandler.recordDelivery.selector,
            StudyHandler.bar.selector,
            StudyHandler.readmit.selector,
            StudyHandler.challenge.selector,
            StudyHandler.suspend.selector,
            StudyHandler.resume.selector,
            StudyHandler.amend.selector,
            StudyHandler.renew.selector,
            StudyHandler.replaceReviewer.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0].addr = address(_handler);
        targets[0].selectors = new bytes4[](acts.length);
        for (uint256 i = 0; i < acts.length; ++i) {
            targets[0].selectors[i] = acts[i];
        }
    }

    /// No seal over a withdrawal, no way back but to an ancestor, above the ceiling, with too few sites or while suspended; no grant used twice.
    function invariant_NoActBrokeARule() external view {
        require(bytes(_handler.violation()).length == 0, _handler.violation());
    }

    function invariant_ARevokedTokenIsNeverActiveAndUnburnedBitsCountTheOthers() external {
        uint256[5] memory unburned;
        for (uint256 i = 0; i < _handler.tokenCount(); ++i) {
            uint256 tokenId = _handler.tokens(i);
            uint40 granted = _token.consent(tokenId).grantedAt;
            bool revoked = _handler.revoked(tokenId);
            assertEq(_token.consent(tokenId).revokedAt != 0, revoked);
            if (revoked) assertFalse(_token.isConsentActive(tokenId, PURPOSES, _handler.now_()));
            if (revoked) assertFalse(_token.isConsentActive(tokenId, PURPOSES, granted));
            uint256 word = _token.unburnedWord(_studyId, address(uint160(tokenId >> 32)), 0);
            assertEq(word >> uint32(tokenId) & 1 == 1, !revoked);
            for (uint256 site = 0; site < 5; ++site) {
                if (!revoked && _handler.siteAt(site) == address(uint160(tokenId >> 32))) ++unburned[site];
            }
        }
        for (uint256 site = 0; site < 5; ++site) {
            assertEq(_token.unburnedCount(_studyId, _handler.siteAt(site)), unburned[site]);
        }
    }

    /// The epoch is the number of withdrawals, so it only rises; when it first moved is kept for the ledger.
    function invariant_EpochsCountWithdrawals() external {
        for (uint256 site = 0; site < 5; ++site) {
            address account = _handler.siteAt(site);
            assertEq(uint256(_token.epoch(_studyId, account)), _handler.withdrawnBy(account, _handler.now_()));
            assertEq(uint256(_token.epochMovedAt(_studyId, account)), _handler.firstMoveSinceCommit(account));
        }
    }

    function invariant_EverySealedRoundIsChargedExactlyOnce() external {
        uint256 charged = 0;
        for (uint32 n = 1; n <= _ledger.roundCount(_studyId); ++n) {
            Round memory round = _ledger.round(_studyId, n);
            bool wasSealed = round.sealDigest != 0;
            assertEq(wasSealed, _ledger.members(_studyId, n).length != 0);
            if (round.state == RoundState.Sealed || round.state == RoundState.Closed) assertTrue(wasSealed);
            if (wasSealed) charged += _ledger.rhoOfRound(_studyId, round.version);
        }
        assertEq(_ledger.rhoSpent(_studyId), charged);
    }

    function invariant_EachRoundNamesItsPredecessors() external {
        uint32 lastSealed = 0;
        uint32 count = _ledger.roundCount(_studyId);
        for (uint32 n = 1; n <= count; ++n) {
            Round memory round = _ledger.round(_studyId, n);
            assertEq(uint256(round.previousSealed), uint256(lastSealed));
            uint32 lastClosed = _handler.startsFrom(n);
            assertEq(uint256(round.previousClosed), uint256(lastClosed));
            bool closed = round.state == RoundState.Closed;
            assertEq(_ledger.isRetired(_studyId, n), closed && !_handler.isInLineage(n));
            if (lastClosed != 0) assertEq(round.base, _ledger.round(_studyId, lastClosed).checkpointHash);
            else assertEq(round.base, _registry.terms(_studyId, round.version).initialCheckpoint);
            if (round.sealDigest != 0) lastSealed = n;
            if (n < count) assertTrue(closed || round.state == RoundState.Aborted);
        }
        assertEq(uint256(_ledger.lastSealed(_studyId)), uint256(lastSealed));
        assertEq(uint256(_ledger.lastClosed(_studyId)), uint256(_handler.newest()));
    }

    /// In every state that can be reached, suspended or not, every holder can revoke. (What is done here is undone.)
    function invariant_RevokingIsAlwaysPossible() external {
        for (uint256 i = 0; i < _handler.tokenCount(); ++i) {
            uint256 tokenId = _handler.tokens(i);
            if (_handler.revoked(tokenId)) continue;
            address holder = _token.consent(tokenId).holder;
            vm.prank(holder);
            _token.revoke(tokenId);
            assertTrue(_token.consent(tokenId).revokedAt != 0);
        }
    }

    function invariant_SpendingNeverExceedsWhatAnyVersionAllowed() external {
        uint256 highest = 0;
        for (uint32 version = 1; version <= _registry.study(_studyId).currentVersion; ++version) {
            uint256 ceiling = _registry.terms(_studyId, version).rhoCeiling;
            if (ceiling > highest) highest = ceiling;
        }
        assertTrue(_ledger.rhoSpent(_studyId) <= highest);
    }

    /// The proof of the predicate rests on this: a version is in force exactly if its approval has an end.
    function invariant_AVersionInForceHasAnExpiry() external {
        for (uint64 studyId = 1; studyId <= _studyId + 1; ++studyId) {
            Study memory study = _registry.study(studyId);
            assertEq(study.currentVersion == 0, study.approvedUntil == 0);
        }
    }

    /// @dev Guards the invariants above against a handler that does nothing.
    function test_TheHandlerReachesEveryAct() external {
        _handler.open();
        _handler.commitAll();
        _handler.seal();
        _handler.recordDelivery(1);
        _handler.close();
        _handler.rollBack(0);
        _handler.revoke(3, true);
        _handler.revoke(4, false);
        _handler.grant(1);
        _handler.replay(0);
        _handler.open();
        _handler.abort(0);
        _handler.pass(1);
        _handler.open();
        _handler.abort(0);
        _handler.comeBack(3);
        _handler.pass(1);
        _handler.open();
        _handler.commitAll();
        _handler.seal();
        for (uint256 i = 0; i < 5; ++i) {
            _handler.pass(249);
        }
        _handler.abort(0);
        _handler.bar(2);
        _handler.readmit(2);
        _handler.challenge(0);
        _handler.challenge(6);
        _handler.readmit(1);
        _handler.renew(3 * 301 days);
        _handler.replaceReviewer(0);
        _handler.amend(8);
        _handler.suspend(0);
        _handler.resume();
        bytes32[17] memory acts = [
            bytes32("open"),
            "seal",
            "close",
            "revoke",
            "replay",
            "grant",
            "comeBack",
            "abort",
            "amend",
            "recordDelivery",
            "bar",
            "readmit",
            "challenge",
            "renew",
            "replaceReviewer",
            "resume",
            "rollBack"
        ];
        for (uint256 i = 0; i < acts.length; ++i) {
            assertTrue(_handler.done(acts[i]) != 0);
        }
        assertEq(_handler.violation(), "");
    }
}
