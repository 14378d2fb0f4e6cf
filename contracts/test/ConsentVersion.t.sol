// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LateRevocation, Study, Terms} from "../interfaces/IStudyRegistry.sol";
import {StudyFixture} from "./StudyFixture.t.sol";

/// @title Which new versions need fresh consent
contract ConsentVersionTest is StudyFixture {
    function test_TheFirstVersionInForceIsTheOneConsentedTo() external {
        assertEq(registry.study(studyId).consentVersion, uint256(0));
        _bringInForce(1);
        assertEq(registry.study(studyId).consentVersion, uint256(1));
    }

    function test_LooserVersionsNeedFreshConsent() external {
        Terms memory terms = _terms();
        terms.lateRevocation = LateRevocation.Proceed;
        _afterVersionOne(terms, 2);
        terms.rhoCeiling += 1;
        _next(terms, 3);
        terms.delta += 1;
        _next(terms, 4);
        terms.appHash = keccak256("another app");
        _next(terms, 5);
        terms.recipeHash = keccak256("another recipe");
        _next(terms, 6);
        terms.challengeSeconds -= 1;
        _next(terms, 7);
        terms.answerSeconds += 1;
        _next(terms, 8);
    }

    function test_ASiteThatJoinsNeedsFreshConsentAndOneThatLeavesDoesNot() external {
        Terms memory four = _terms();
        four.sites = new address[](4);
        for (uint256 i = 0; i < 4; ++i) {
            four.sites[i] = hospitals[i + 1].account;
        }
        _afterVersionOne(four, 1);
        _next(_terms(), 3);
    }

    function test_OtherChangesKeepConsent() external {
        Terms memory terms = _terms();
        terms.rhoCeiling -= 1;
        terms.delta -= 1;
        terms.noiseMultiplier += 1;
        terms.clippingNorm += 1;
        terms.minCohort += 1;
        terms.commitSeconds += 1;
        terms.challengeSeconds += 1;
        terms.answerSeconds -= 1;
        terms.waitingRounds = 0;
        terms.maxChargedAborts += 1;
        terms.dpiaHash = keccak256("another dpia");
        terms.protocolHash = keccak256("another protocol");
        terms.consentTextHash = keccak256("another consent text");
        _afterVersionOne(terms, 1);
    }

    function test_ProceedBackToAbandonIsNotLooser() external {
        Terms memory terms = _terms();
        terms.lateRevocation = LateRevocation.Proceed;
        _afterVersionOne(terms, 2);
        _next(_terms(), 2);
    }

    /// What counts is what was in force, not what was only proposed in between.
    function test_ComparedWithTheVersionInForce() external {
        _bringInForce(1);
        Terms memory looser = _terms();
        looser.rhoCeiling += 1;
        _proposeVersion(looser);
        _next(_terms(), 1);
    }

    function _afterVersionOne(Terms memory terms, uint32 expectedConsentVersion) private {
        _bringInForce(1);
        _next(terms, expectedConsentVersion);
    }

    function _next(Terms memory terms, uint32 expectedConsentVersion) private {
        uint32 version = _proposeVersion(terms);
        _bringInForce(version);
        Study memory study = registry.study(studyId);
        assertEq(study.currentVersion, uint256(version));
        assertEq(study.consentVersion, uint256(expectedConsentVersion));
    }
}
