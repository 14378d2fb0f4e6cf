// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EnrolmentProof, Grant, IConsentToken} from "../interfaces/IConsentToken.sol";
import {IBars} from "../interfaces/IBars.sol";
import {IChallenges} from "../interfaces/IChallenges.sol";
import {IRoundLedger} from "../interfaces/IRoundLedger.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {LedgerFixture} from "./LedgerFixture.t.sol";

/// @title A signature counts on one chain, at one contract, for one version of it
/// @dev Each act is tried under domains that differ in one member, and then under its own. (What a signature says is
/// changed member by member in the tests of each act; guardian accounts and the consortium have theirs.)
contract TamperingTest is LedgerFixture {
    enum Wrong {
        Name,
        Version,
        Chain,
        Contract,
        Nothing
    }

    /// @dev Its own domain until a test says otherwise, also while the fixture signs.
    Wrong private _wrong = Wrong.Nothing;

    function test_Grant() external {
        Grant memory grant = _grantOf(100, 0);
        EnrolmentProof memory proof = _proofOf(grant, 100);
        bytes memory signer = _signer(PATIENT_KEY + 100);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            bytes memory signature = _signGrant(PATIENT_KEY + 100, grant);
            _expect(abi.encodeWithSelector(IConsentToken.ConsentSignatureInvalid.selector, grant.holder));
            token.grantBySig(grant, signer, signature, proof);
        }
    }

    function test_Enrolment() external {
        Grant memory grant = _grantOf(100, 0);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            EnrolmentProof memory proof = _proofOf(grant, 100);
            vm.prank(grant.holder);
            _expect(abi.encodeWithSelector(IConsentToken.ConsentEnrolmentInvalid.selector, grant.site));
            token.grant(grant, proof);
        }
    }

    function test_Revocation() external {
        uint256 tokenId = _firstToken(0);
        bytes memory signer = _signer(PATIENT_KEY);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            bytes memory signature = _signRevocation(PATIENT_KEY, tokenId);
            _expect(abi.encodeWithSelector(IConsentToken.ConsentSignatureInvalid.selector, _patient(0)));
            token.revokeBySig(tokenId, signer, signature);
        }
    }

    function test_Approval() external {
        uint32 version = _proposeVersion(_terms());
        bytes memory signer = _signer(reviewerKeys[0]);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            bytes memory signature = _sign(reviewerKeys[0], _approvalDigest(version, clock + 1));
            _expect(_reviewerInvalid());
            registry.approve(studyId, version, clock + 1, signer, signature);
        }
    }

    function test_Suspension() external {
        bytes memory signer = _signer(reviewerKeys[0]);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            bytes memory signature = _sign(reviewerKeys[0], _suspensionDigest(0));
            _expect(_reviewerInvalid());
            registry.suspendBySig(studyId, signer, signature);
        }
    }

    function test_ASuspensionIsForOneStudyAndOneCount() external {
        bytes memory signer = _signer(reviewerKeys[0]);
        bytes memory later = _sign(reviewerKeys[0], _suspensionDigest(1));
        bytes memory ofThis = _sign(reviewerKeys[0], _suspensionDigest(0));
        vm.prank(_sponsor());
        uint64 another = registry.proposeStudy(_committee(), 2, _terms());
        vm.expectRevert(_reviewerInvalid());
        registry.suspendBySig(studyId, signer, later);
        vm.expectRevert(_reviewerInvalid());
        registry.suspendBySig(another, signer, ofThis);
    }

    function test_Resumption() external {
        _suspend();
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(_resumptionDigest(1));
            _expect(_reviewerInvalid());
            registry.resume(studyId, signers, signatures);
        }
    }

    function test_Replacement() external {
        address outgoing = vm.addr(reviewerKeys[2]);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            (bytes[] memory signers, bytes[] memory signatures) =
                _signedByTwo(_replacementDigest(0, outgoing, _stranger()));
            _expect(_reviewerInvalid());
            registry.replaceReviewer(studyId, outgoing, _stranger(), signers, signatures);
        }
    }

    function test_Readmission() external {
        uint32 round = _undelivered();
        _bar(round, 2);
        address site = hospitals[2].account;
        bytes memory signer = _signer(reviewerKeys[0]);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            bytes memory signature = _sign(reviewerKeys[0], _readmissionDigest(2, 1));
            _expect(abi.encodeWithSelector(IBars.BarsSignatureInvalid.selector, vm.addr(reviewerKeys[0])));
            ledger.readmit(studyId, site, signer, signature);
        }
    }

    function test_Challenge() external {
        uint32 round = _undelivered();
        address site = hospitals[2].account;
        bytes memory signer = _signer(reviewerKeys[0]);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            bytes memory signature = _sign(reviewerKeys[0], _challengeDigest(round, 2, 0));
            _expect(
                abi.encodeWithSelector(IChallenges.ChallengeSignatureInvalid.selector, vm.addr(reviewerKeys[0]))
            );
            ledger.challenge(studyId, round, site, 0, signer, signature);
        }
    }

    function test_DeliveryAndClosure() external {
        uint32 round = _sealedRound();
        bytes32[] memory hashes = _maskedHashes(round);
        bytes[] memory good = _deliveries(round, hashes);
        for (uint256 i = 0; i < 5; ++i) {
            _wrong = Wrong(i);
            bytes[] memory signatures = _deliveries(round, hashes);
            bytes memory closure = _signClosure(COORDINATOR_KEY, round, "c", "m");
            if (_wrong == Wrong.Nothing) continue;
            vm.expectRevert(
                abi.encodeWithSelector(IRoundLedger.LedgerDeliveryInvalid.selector, hospitals[0].account)
            );
            ledger.close(studyId, round, "c", "m", hashes, signatures, closure);
            vm.expectRevert(abi.encodeWithSelector(IRoundLedger.LedgerClosureInvalid.selector, _coordinator()));
            ledger.close(studyId, round, "c", "m", hashes, good, closure);
        }
        _close(round);
    }

    function _expect(bytes memory reason) private {
        if (_wrong != Wrong.Nothing) vm.expectRevert(reason);
    }

    function _reviewerInvalid() private view returns (bytes memory) {
        return abi.encodeWithSelector(IStudyRegistry.RegistrySignatureInvalid.selector, vm.addr(reviewerKeys[0]));
    }

    function _domainOf(string memory name, address verifier) internal view override returns (bytes32) {
        if (_wrong == Wrong.Nothing) return super._domainOf(name, verifier);
        return keccak256(
            abi.encode(
                DOMAIN_TYPE,
                keccak256(bytes(_wrong == Wrong.Name ? string.concat(name, "s") : name)),
                keccak256(bytes(_wrong == Wrong.Version ? "2" : "1")),
                _wrong == Wrong.Chain ? block.chainid + 1 : block.chainid,
                _wrong == Wrong.Contract ? address(this) : verifier
            )
        );
    }
}
