// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Enrolment, EnrolmentProof, Grant} from "../interfaces/IConsentToken.sol";
import {Study} from "../interfaces/IStudyRegistry.sol";
import {StudyFixture} from "./StudyFixture.t.sol";

/// @title A study in force whose patients may grant and revoke
/// @dev Patient n has the private key PATIENT_KEY + n, an account of their own and the record tag n + 1.
abstract contract ConsentFixture is StudyFixture {
    uint256 internal constant PATIENT_KEY = 0x9A71E000;


    function setUp() public virtual override {
        super.setUp();
        _bringInForce(1);
    }

    function _patient(uint256 n) internal pure returns (address) {
        return vm.addr(PATIENT_KEY + n);
    }

    function _grantOf(uint256 n, uint256 site) internal view returns (Grant memory) {
        uint32 version = registry.study(studyId).currentVersion;
        return Grant({
            studyId: studyId,
            termsHash: registry.termsHash(studyId, version),
            site: hospitals[site].account,
            holder: _patient(n),
            purposes: PURPOSES,
            disease: DISEASE,
            useStart: clock - 1,
            useEnd: clock + 200 days,
            dataStart: 1,
            dataEnd: clock,
            recordCommitment: keccak256(abi.encode("record", n)),
            consentTextHash: registry.terms(studyId, version).consentTextHash,
            language: "fr",
            revocationCounter: token.revocationCounter(_patient(n)),
            deadline: clock + 1 hours
        });
    }

    /// @dev An enrolment of now that goes with the grant.
    function _enrolmentOf(Grant memory grant, uint256 n) internal view returns (Enrolment memory) {
        return Enrolment({
            studyId: grant.studyId,
            site: grant.site,
            holder: grant.holder,
            recordTag: bytes32(n + 1),
            recordCommitment: grant.recordCommitment,
            issuedAt: clock,
            deadline: clock + 1 hours
        });
    }

    function _signGrant(uint256 key, Grant memory grant) internal view returns (bytes memory) {
        bytes32 typeHash = keccak256(
            "Grant(uint64 studyId,bytes32 termsHash,address site,address holder,uint64 purposes,uint24 disease,uint40 useStart,uint40 useEnd,uint40 dataStart,uint40 dataEnd,bytes32 recordCommitment,bytes32 consentTextHash,bytes8 language,uint64 revocationCounter,uint40 deadline)"
        );
        return _sign(key, _tokenDigest(keccak256(abi.encode(typeHash, grant))));
    }

    function _signEnrolment(uint256 key, Enrolment memory enrolment) internal view returns (bytes memory) {
        bytes32 typeHash = keccak256(
            "Enrolment(uint64 studyId,address site,address holder,bytes32 recordTag,bytes32 recordCommitment,uint40 issuedAt,uint40 deadline)"
        );
        return _sign(key, _tokenDigest(keccak256(abi.encode(typeHash, enrolment))));
    }

    function _signRevocation(uint256 key, uint256 tokenId) internal view returns (bytes memory) {
        bytes32 structHash = keccak256(abi.encode(keccak256("Revocation(uint256 tokenId)"), tokenId));
        return _sign(key, _tokenDigest(structHash));
    }

    function _tokenDigest(bytes32 structHash) internal view returns (bytes32) {
        return _digest("Assent ConsentToken", address(token), structHash);
    }

    function _siteOf(address account) internal view returns (uint256 site) {
        while (hospitals[site].account != account) ++site;
    }

    /// @dev The proof that the holder's site signs now.
    function _proofOf(Grant memory grant, uint256 n) internal view returns (EnrolmentProof memory) {
        return _signedProof(hospitals[_siteOf(grant.site)].enrolmentKey, _enrolmentOf(grant, n));
    }

    function _signedProof(uint256 key, Enrolment memory enrolment) internal view returns (EnrolmentProof memory) {
        return EnrolmentProof(
            enrolment.recordTag, enrolment.issuedAt, enrolment.deadline, _signEnrolment(key, enrolment)
        );
    }

    /// @dev Sends the grant from the holder's own account, with an enrolment of now.
    function _submit(Grant memory grant, uint256 n) internal returns (uint256) {
        EnrolmentProof memory proof = _proofOf(grant, n);
        vm.prank(grant.holder);
        return token.grant(grant, proof);
    }

    /// @dev As `_submit`, and must fail with exactly this error.
    function _submitFails(Grant memory grant, uint256 n, bytes memory reason) internal {
        EnrolmentProof memory proof = _signedProof(hospitals[0].enrolmentKey, _enrolmentOf(grant, n));
        vm.prank(grant.holder);
        vm.expectRevert(reason);
        token.grant(grant, proof);
    }

    function _granted(uint256 n, uint256 site) internal returns (uint256 tokenId) {
        return _submit(_grantOf(n, site), n);
    }

    function _revoke(uint256 tokenId) internal {
        address holder = token.consent(tokenId).holder;
        vm.prank(holder);
        token.revoke(tokenId);
    }

    function _isActive(uint256 tokenId) internal view returns (bool) {
        return token.isConsentActive(tokenId, PURPOSES, clock);
    }
}
