// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DataUse} from "../DataUse.sol";
import {Grant} from "../interfaces/IConsentToken.sol";
import {Terms} from "../interfaces/IStudyRegistry.sol";
import {ConsentFixture} from "./ConsentFixture.t.sol";

contract ConsentActiveTest is ConsentFixture {
    function testFuzz_ThePredicate(uint64 given, uint64 asked, uint40 start, uint40 length, uint40 time, uint8 what)
        external
    {
        Grant memory grant = _grantOf(1, 0);
        grant.purposes = given & DataUse.KNOWN | TRAINING;
        grant.disease = given & DISEASE_RESEARCH == 0 ? 0 : what % 5 == 4 ? DISEASE + 1 : DISEASE;
        grant.useStart = start % clock;
        grant.useEnd = clock + 1 + length % 1e9;
        asked = what % 2 == 0 ? asked & grant.purposes | grant.purposes & DataUse.CONDITIONS : asked;
        time = what % 3 == 0 ? time : grant.useStart + time % (grant.useEnd - grant.useStart + 2);
        uint256 tokenId = _submit(grant, 1);
        bool revoked = what % 16 == 15;
        bool suspended = what % 16 == 14;
        if (revoked) _revoke(tokenId);
        if (suspended) _suspend();
        bool expected = DataUse.permits(grant.purposes, grant.disease, asked, DISEASE) && grant.useStart <= time
            && time < grant.useEnd && time < registry.study(studyId).approvedUntil && !revoked && !suspended;
        assertEq(token.isConsentActive(tokenId, asked, time), expected);
    }

    function test_TheUsePeriodIsHalfOpen() external {
        Grant memory grant = _grantOf(1, 0);
        uint256 tokenId = _submit(grant, 1);
        assertFalse(token.isConsentActive(tokenId, PURPOSES, grant.useStart - 1));
        assertTrue(token.isConsentActive(tokenId, PURPOSES, grant.useStart));
        assertTrue(token.isConsentActive(tokenId, PURPOSES, grant.useEnd - 1));
        assertFalse(token.isConsentActive(tokenId, PURPOSES, grant.useEnd));
    }

    /// No longer than the reviewers' approval, however long the patient agreed.
    function test_NothingIsActiveBeyondTheApproval() external {
        Grant memory grant = _grantOf(1, 0);
        uint40 until = registry.study(studyId).approvedUntil;
        grant.useEnd = until + 1 days;
        uint256 tokenId = _submit(grant, 1);
        assertTrue(token.isConsentActive(tokenId, PURPOSES, until - 1));
        assertFalse(token.isConsentActive(tokenId, PURPOSES, until));
        _tickTo(until);
        assertFalse(token.isConsentActive(tokenId, PURPOSES, until - 1), "nor in hindsight once it expired");
        _bringInForce(1);
        assertTrue(token.isConsentActive(tokenId, PURPOSES, until), "a renewal counts");
    }

    /// A version about another disease finds no token that was given for the first.
    function test_AnotherDiseaseIsAnotherConsent() external {
        uint256 tokenId = _granted(1, 0);
        Grant memory wide = _grantOf(2, 0);
        (wide.purposes, wide.disease) = (TRAINING | 1 << 6, 0);
        uint256 wideId = _submit(wide, 2);
        Terms memory terms = _terms();
        terms.disease = DISEASE + 1;
        _bringInForce(_proposeVersion(terms));
        assertFalse(_isActive(tokenId));
        assertTrue(_isActive(wideId));
    }

    function testFuzz_AnUnknownTokenIsInactiveAndNothingReverts(uint256 tokenId, uint64 purposes, uint40 time)
        external
    {
        assertFalse(token.isConsentActive(tokenId, purposes, time));
    }

    function test_ALooserVersionNeedsAFreshGrantAndAStricterOneDoesNot() external {
        uint256 tokenId = _granted(1, 0);
        Terms memory terms = _terms();
        terms.delta -= 1;
        _bringInForce(_proposeVersion(terms));
        assertTrue(_isActive(tokenId));
        terms.delta += 1;
        uint32 looser = _proposeVersion(terms);
        assertTrue(_isActive(tokenId), "proposing changes nothing");
        _bringInForce(looser);
        assertFalse(_isActive(tokenId));
        _tick(1);
        assertTrue(_isActive(_granted(1, 0)));
    }

    function test_PagesCrossBitmapWords() external {
        address site = hospitals[0].account;
        for (uint256 n = 0; n < 260; ++n) {
            _granted(n, 0);
        }
        _revoke(token.tokenIdOf(studyId, site, 256));
        _revoke(token.tokenIdOf(studyId, site, 1)); // the same bit as index 257, in the word before
        assertEq(token.unburnedWord(studyId, site, 0), type(uint256).max - 2);
        assertEq(token.unburnedWord(studyId, site, 1), uint256(14));
        (uint32[] memory indices, uint32 next) = token.activeTokens(studyId, site, PURPOSES, clock, 254, 4);
        assertEq(indices.length, 3);
        assertEq(uint256(indices[0]), 254);
        assertEq(uint256(indices[1]), 255);
        assertEq(uint256(indices[2]), 257);
        assertEq(uint256(next), 258);
        (indices, next) = token.activeTokens(studyId, site, PURPOSES, clock, 0, 0);
        assertEq(indices.length, 258, "page size 0 is all that is left");
        assertEq(uint256(next), 0);
    }

    function test_ASuspendedStudyAndAPagePastTheEndHaveNoTokens() external {
        _granted(1, 0);
        address site = hospitals[0].account;
        (uint32[] memory indices, uint32 next) =
            token.activeTokens(studyId, site, PURPOSES, clock, type(uint32).max, type(uint32).max);
        assertEq(indices.length + next, 0);
        _suspend();
        (indices,) = token.activeTokens(studyId, site, PURPOSES, clock, 0, 10);
        assertEq(indices.length, 0);
    }
}
