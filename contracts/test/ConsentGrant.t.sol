// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Consent, Enrolment, EnrolmentProof, Grant, IConsentToken} from "../interfaces/IConsentToken.sol";
import {Terms} from "../interfaces/IStudyRegistry.sol";
import {ConsentFixture} from "./ConsentFixture.t.sol";

contract ConsentGrantTest is ConsentFixture {
    function test_AGrantGivesItsHolderAnActiveToken() external {
        Grant memory grant = _grantOf(1, 2);
        uint256 tokenId = _submit(grant, 1);
        assertEq(tokenId, uint256(studyId) << 192 | uint256(uint160(grant.site)) << 32);
        assertEq(token.ownerOf(tokenId), grant.holder);
        assertTrue(_isActive(tokenId));
        Consent memory consent = token.consent(tokenId);
        assertEq(consent.purposes, uint256(grant.purposes));
        assertEq(consent.disease, uint256(grant.disease));
        assertEq(consent.useStart, uint256(grant.useStart));
        assertEq(consent.useEnd, uint256(grant.useEnd));
        assertEq(consent.dataStart, uint256(grant.dataStart));
        assertEq(consent.dataEnd, uint256(grant.dataEnd));
        assertEq(consent.version, uint256(1));
        assertEq(consent.holder, grant.holder);
        assertEq(consent.grantedAt, uint256(clock));
        assertEq(consent.revokedAt, uint256(0));
        assertEq(consent.recordCommitment, grant.recordCommitment);
    }

    function test_AGrantCountsAtItsSiteAloneAndMovesNoEpoch() external {
        uint256 tokenId = _granted(1, 2);
        address site = hospitals[2].account;
        assertEq(token.mintedCount(studyId, site), uint256(1));
        assertEq(token.unburnedCount(studyId, site), uint256(1));
        assertEq(token.unburnedWord(studyId, site, 0), uint256(1));
        assertEq(token.liveTokenOf(studyId, site, bytes32(uint256(2))), tokenId);
        assertEq(token.epoch(studyId, site), uint256(0));
        assertEq(token.revocationCounter(_patient(1)), uint256(0));
        assertEq(token.mintedCount(studyId, hospitals[1].account), uint256(0));
        assertEq(token.mintedCount(studyId + 1, site), uint256(0));
    }

    function test_AnyoneCarriesASignedGrant() external {
        Grant memory grant = _grantOf(1, 0);
        bytes memory signer = _signer(PATIENT_KEY + 1);
        bytes memory signature = _signGrant(PATIENT_KEY + 1, grant);
        EnrolmentProof memory proof = _proofOf(grant, 1);
        vm.prank(_stranger());
        uint256 tokenId = token.grantBySig(grant, signer, signature, proof);
        assertEq(token.ownerOf(tokenId), grant.holder);
    }

    function test_OnlyTheHolderGrants() external {
        Grant memory grant = _grantOf(1, 0);
        EnrolmentProof memory proof = _proofOf(grant, 1);
        vm.prank(_stranger());
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentNotHolder.selector, 0, _stranger()));
        token.grant(grant, proof);

        bytes memory forged = _signGrant(STRANGER_KEY, grant);
        bytes memory invalid = abi.encodeWithSelector(IConsentToken.ConsentSignatureInvalid.selector, grant.holder);
        vm.expectRevert(invalid);
        token.grantBySig(grant, _signer(STRANGER_KEY), forged, proof);
        vm.expectRevert(invalid);
        token.grantBySig(grant, _signer(PATIENT_KEY + 1), forged, proof);
    }

    /// Whoever carries a grant can change no member of it.
    function test_NoSignedMemberCanBeChanged() external {
        for (uint256 member = 0; member < 15; ++member) {
            _changedMemberIsRefused(member);
        }
    }

    function _changedMemberIsRefused(uint256 member) private {
        Grant memory grant = _grantOf(1, 0);
        bytes memory signature = _signGrant(PATIENT_KEY + 1, grant);
        if (member == 0) grant.studyId += 1;
        if (member == 1) grant.termsHash = ~grant.termsHash;
        if (member == 2) grant.site = hospitals[1].account;
        if (member == 3) grant.holder = _stranger();
        if (member == 4) grant.purposes |= 1 << 49;
        if (member == 5) grant.useStart -= 1;
        if (member == 6) grant.useEnd += 1;
        if (member == 7) grant.dataStart -= 1;
        if (member == 8) grant.dataEnd += 1;
        if (member == 9) grant.recordCommitment = ~grant.recordCommitment;
        if (member == 10) grant.consentTextHash = ~grant.consentTextHash;
        if (member == 11) grant.language = "en";
        if (member == 12) grant.revocationCounter += 1;
        if (member == 13) grant.deadline += 1;
        if (member == 14) grant.disease += 1;
        EnrolmentProof memory proof = _proofOf(grant, 1);
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentSignatureInvalid.selector, grant.holder));
        token.grantBySig(grant, _signer(PATIENT_KEY + 1), signature, proof);
    }

    function test_TheStudyMustBeUsable() external {
        Grant memory grant = _grantOf(1, 0);
        _suspend();
        _submitFails(grant, 1, abi.encodeWithSelector(IConsentToken.ConsentStudyNotUsable.selector, studyId));
        _resume();
        grant.studyId = 99;
        _submitFails(grant, 1, abi.encodeWithSelector(IConsentToken.ConsentStudyNotUsable.selector, uint64(99)));
    }

    function test_TheTermsAndTheTextMustBeThoseInForce() external {
        Grant memory grant = _grantOf(1, 0);
        grant.consentTextHash = "another";
        _submitFails(
            grant, 1, abi.encodeWithSelector(IConsentToken.ConsentTextNotCurrent.selector, bytes32("another"))
        );
        grant = _grantOf(1, 0);
        Terms memory terms = _terms();
        terms.minCohort += 1;
        _bringInForce(_proposeVersion(terms));
        _submitFails(grant, 1, abi.encodeWithSelector(IConsentToken.ConsentTermsNotCurrent.selector, grant.termsHash));
        _granted(1, 0);
    }

    function test_TheSiteMustBeInTheStudy() external {
        Grant memory grant = _grantOf(1, 0);
        grant.site = _stranger();
        _submitFails(
            grant, 1, abi.encodeWithSelector(IConsentToken.ConsentSiteNotInStudy.selector, studyId, _stranger())
        );
    }

    function test_PurposesMustBeInTheTableWithADiseaseWhereTheyNameOne() external {
        _purposesFail(0, 0);
        _purposesFail(1, 0);
        _purposesFail(TRAINING | 1 << 50, 0);
        _purposesFail(TRAINING | 1 << 63, 0);
        _purposesFail(PURPOSES, 0);
        _purposesFail(TRAINING, DISEASE);
        Grant memory grant = _grantOf(1, 0);
        (grant.purposes, grant.disease) = (TRAINING, 0);
        _submit(grant, 1);
    }

    function test_PeriodsMustNotBeEmptyOrOver() external {
        Grant memory grant;
        bytes memory invalid = abi.encodeWithSelector(IConsentToken.ConsentPeriodInvalid.selector);
        grant = _grantOf(1, 0);
        grant.useStart = grant.useEnd;
        _submitFails(grant, 1, invalid);
        grant = _grantOf(1, 0);
        grant.dataStart = grant.dataEnd;
        _submitFails(grant, 1, invalid);
        grant = _grantOf(1, 0);
        grant.useEnd = clock;
        _submitFails(grant, 1, invalid);
    }

    function test_AGrantMayBeSubmittedUpToItsDeadline() external {
        Grant memory late = _grantOf(1, 0);
        late.deadline = clock - 1;
        _submitFails(late, 1, abi.encodeWithSelector(IConsentToken.ConsentDeadlinePassed.selector, late.deadline));
        late.deadline = clock;
        _submit(late, 1);
    }

    /// Whoever carries an enrolment can change no member of it, nor use it for another grant.
    function test_TheEnrolmentMustBeForThisGrant() external {
        for (uint256 member = 0; member < 7; ++member) {
            Grant memory grant = _grantOf(1, 0);
            Enrolment memory enrolment = _enrolmentOf(grant, 1);
            if (member == 0) enrolment.studyId += 1;
            if (member == 1) enrolment.site = hospitals[1].account;
            if (member == 2) enrolment.holder = _stranger();
            if (member == 3) enrolment.recordCommitment = ~enrolment.recordCommitment;
            if (member == 4) enrolment.recordTag = ~enrolment.recordTag;
            if (member == 5) enrolment.issuedAt -= 1;
            if (member == 6) enrolment.deadline += 1;
            bytes memory signature = _signEnrolment(hospitals[0].enrolmentKey, enrolment);
            Enrolment memory honest = _enrolmentOf(grant, 1);
            vm.prank(grant.holder);
            vm.expectRevert(
                abi.encodeWithSelector(IConsentToken.ConsentEnrolmentInvalid.selector, hospitals[0].account)
            );
            token.grant(grant, EnrolmentProof(honest.recordTag, honest.issuedAt, honest.deadline, signature));
        }
    }

    function test_TheEnrolmentIsTheSitesOwnAndInTime() external {
        Grant memory grant = _grantOf(1, 0);
        Enrolment memory enrolment = _enrolmentOf(grant, 1);
        bytes memory invalid =
            abi.encodeWithSelector(IConsentToken.ConsentEnrolmentInvalid.selector, hospitals[0].account);
        _grantFails(grant, enrolment, 1, invalid);
        enrolment.deadline = clock - 1;
        _grantFails(
            grant, enrolment, 0, abi.encodeWithSelector(IConsentToken.ConsentDeadlinePassed.selector, clock - 1)
        );
        enrolment.deadline = clock;
        enrolment.issuedAt = clock + 1;
        _grantFails(
            grant, enrolment, 0, abi.encodeWithSelector(IConsentToken.ConsentEnrolmentNotYetIssued.selector, clock + 1)
        );
        enrolment.issuedAt = clock;
        EnrolmentProof memory proof = _signedProof(hospitals[0].enrolmentKey, enrolment);
        vm.prank(grant.holder);
        token.grant(grant, proof);
        assertEq(token.balanceOf(grant.holder), uint256(1));
    }

    function test_ARotatedEnrolmentKeyNoLongerEnrols() external {
        Grant memory grant = _grantOf(1, 0);
        Enrolment memory enrolment = _enrolmentOf(grant, 1);
        vm.prank(hospitals[0].account);
        registry.rotateEnrolmentKey(_stranger());
        _grantFails(
            grant,
            enrolment,
            0,
            abi.encodeWithSelector(IConsentToken.ConsentEnrolmentInvalid.selector, hospitals[0].account)
        );
    }

    /// One record, one token, whoever holds it: else a record would weigh twice in a round.
    function test_ARecordHasOneTokenAtATime() external {
        uint256 tokenId = _granted(1, 0);
        bytes memory taken = abi.encodeWithSelector(IConsentToken.ConsentRecordHasToken.selector, tokenId);
        _submitFails(_grantOf(1, 0), 1, taken);
        _submitFails(_grantOf(2, 0), 1, taken);
        _granted(2, 0);
    }

    function _purposesFail(uint64 purposes, uint24 disease) private {
        Grant memory grant = _grantOf(1, 0);
        (grant.purposes, grant.disease) = (purposes, disease);
        _submitFails(
            grant, 1, abi.encodeWithSelector(IConsentToken.ConsentPurposesInvalid.selector, purposes, disease)
        );
    }

    function _grantFails(Grant memory grant, Enrolment memory enrolment, uint256 site, bytes memory reason) private {
        EnrolmentProof memory proof = _signedProof(hospitals[site].enrolmentKey, enrolment);
        vm.prank(grant.holder);
        vm.expectRevert(reason);
        token.grant(grant, proof);
    }
}
