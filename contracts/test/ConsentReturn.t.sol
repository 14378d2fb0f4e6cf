// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Enrolment, EnrolmentProof, Grant, IConsentToken} from "../interfaces/IConsentToken.sol";
import {Terms} from "../interfaces/IStudyRegistry.sol";
import {RoundFixture} from "./RoundFixture.t.sol";

/// @title How a record comes back after its token ended
contract ConsentReturnTest is RoundFixture {
    function test_ARecordSitsOutARoundAndThenGetsANewToken() external {
        uint256 tokenId = _firstToken(0);
        _revoke(tokenId);
        _tick(1);
        _waits(0, tokenId, 1);
        uint32 round = _open();
        _waits(0, tokenId, 1);
        vm.prank(_coordinator());
        ledger.abort(studyId, round);
        uint256 fresh = _granted(0, 0);
        assertEq(fresh, tokenId + PATIENTS_PER_SITE, "indices are never reused");
        assertTrue(_isActive(fresh));
        assertFalse(_isActive(tokenId));
        assertEq(token.liveTokenOf(studyId, hospitals[0].account, bytes32(uint256(1))), fresh);
        vm.prank(_patient(0));
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentAlreadyRevoked.selector, tokenId));
        token.revoke(tokenId);
    }

    /// A round that was open when the record left does not count, nor one opened in the same second.
    function test_OnlyRoundsOpenedAfterTheRevocationCount() external {
        uint32 before = _open();
        _revoke(_firstToken(0));
        vm.prank(_coordinator());
        ledger.abort(studyId, before);
        _tick(1);
        _waits(0, _firstToken(0), 1);
        before = _open();
        vm.prank(_coordinator());
        ledger.abort(studyId, before);
        _granted(0, 0);
    }

    function test_AStudyMayAskForMoreRoundsOrNone() external {
        _waitingRounds(2);
        _revoke(_firstToken(0));
        _tick(1);
        _close(_sealedRound());
        _waits(0, _firstToken(0), 2);
        _sealedRound();
        _waits(0, _firstToken(0), 2);
        vm.prank(_coordinator());
        ledger.abort(studyId, 2);
        _granted(0, 0);
        _waitingRounds(0);
        _revoke(_firstToken(1));
        _tick(1);
        _granted(3, 1);
    }

    /// An enrolment that the site signed before the record left is void, also when its deadline is far.
    function test_ARevokedRecordNeedsANewEnrolment() external {
        _waitingRounds(0);
        Enrolment memory old = _enrolmentOf(_grantOf(0, 0), 0);
        old.deadline = clock + 365 days;
        uint40 revokedAt = clock + 10;
        _tick(10);
        _revoke(_firstToken(0));
        _tick(1);
        Grant memory grant = _grantOf(0, 0);
        _enrolmentVoid(grant, old, revokedAt);
        old.issuedAt = revokedAt;
        _enrolmentVoid(grant, old, revokedAt);
        old.issuedAt = revokedAt + 1;
        EnrolmentProof memory proof = _signedProof(hospitals[0].enrolmentKey, old);
        vm.prank(grant.holder);
        token.grant(grant, proof);
    }

    /// Another holder may come back with the record: the hospital says whose it is.
    function test_ARecordMayReturnWithAnotherHolder() external {
        _waitingRounds(0);
        _revoke(_firstToken(0));
        _tick(1);
        Grant memory grant = _grantOf(77, 0);
        assertEq(token.ownerOf(_submit(grant, 0)), _patient(77));
    }

    function test_AnOutdatedTokenGivesWayToItsHoldersNewGrant() external {
        uint256 old = _firstToken(0);
        _looser();
        assertFalse(_isActive(old));
        _tick(1);
        uint256 fresh = _granted(0, 0);
        address site = hospitals[0].account;
        assertTrue(_isActive(fresh));
        assertEq(token.consent(old).revokedAt, uint256(clock));
        assertEq(token.unburnedCount(studyId, site), PATIENTS_PER_SITE);
        assertEq(token.unburnedWord(studyId, site, 0), uint256(14));
        assertEq(token.epoch(studyId, site), uint256(1), "an act that ends a token");
        assertEq(token.revocationCounter(_patient(0)), uint256(1), "voids what was signed before");
        assertEq(token.balanceOf(_patient(0)), uint256(1));
        assertEq(token.liveTokenOf(studyId, site, bytes32(uint256(1))), fresh);
    }

    function test_AnOutdatedTokenStandsInTheWayOfAnotherHolder() external {
        _looser();
        _tick(1);
        _submitFails(
            _grantOf(77, 0),
            0,
            abi.encodeWithSelector(IConsentToken.ConsentRecordHasToken.selector, _firstToken(0))
        );
    }

    function test_TheEnrolmentOfAnOutdatedTokenServedAlready() external {
        Enrolment memory used = _enrolmentOf(_grantOf(0, 0), 0);
        used.issuedAt = token.consent(_firstToken(0)).grantedAt;
        _looser();
        _tick(1);
        _enrolmentVoid(_grantOf(0, 0), used, used.issuedAt);
    }

    function _waits(uint256 n, uint256 revoked, uint16 rounds) private {
        bytes4 selector = IConsentToken.ConsentRecordWaiting.selector;
        _submitFails(_grantOf(n, 0), n, abi.encodeWithSelector(selector, revoked, rounds));
    }

    function _enrolmentVoid(Grant memory grant, Enrolment memory enrolment, uint40 since) private {
        EnrolmentProof memory proof = _signedProof(hospitals[0].enrolmentKey, enrolment);
        vm.prank(grant.holder);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentToken.ConsentEnrolmentVoid.selector, enrolment.issuedAt, since)
        );
        token.grant(grant, proof);
    }

    function _waitingRounds(uint16 rounds) private {
        Terms memory terms = _terms();
        terms.waitingRounds = rounds;
        _bringInForce(_proposeVersion(terms));
    }

    function _looser() private {
        Terms memory terms = _terms();
        terms.delta += 1;
        _bringInForce(_proposeVersion(terms));
    }
}
