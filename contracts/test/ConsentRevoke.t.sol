// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";

import {Consent, EnrolmentProof, Grant, IConsentToken} from "../interfaces/IConsentToken.sol";
import {ConsentFixture} from "./ConsentFixture.t.sol";

contract ConsentRevokeTest is ConsentFixture {
    uint256 private _tokenId;

    function setUp() public override {
        super.setUp();
        _tokenId = _granted(1, 0);
        _granted(2, 0);
        _tick(10);
    }

    function test_RevokingEndsTheTokenAndKeepsWhatWasAgreed() external {
        Consent memory before = token.consent(_tokenId);
        _revoke(_tokenId);
        assertFalse(_isActive(_tokenId));
        assertFalse(token.isConsentActive(_tokenId, TRAINING, before.grantedAt), "not in hindsight either");
        Consent memory consent = token.consent(_tokenId);
        assertEq(consent.revokedAt, uint256(clock));
        consent.revokedAt = 0;
        assertEq(keccak256(abi.encode(consent)), keccak256(abi.encode(before)));
    }

    function test_RevokingBurnsAndFreesTheRecord() external {
        address site = hospitals[0].account;
        _revoke(_tokenId);
        assertEq(token.balanceOf(_patient(1)), uint256(0));
        assertEq(token.unburnedCount(studyId, site), uint256(1));
        assertEq(token.unburnedWord(studyId, site, 0), uint256(2));
        assertEq(token.mintedCount(studyId, site), uint256(2));
        assertEq(token.liveTokenOf(studyId, site, bytes32(uint256(2))), uint256(0));
        assertEq(token.epoch(studyId, site), uint256(1));
        assertEq(token.revocationCounter(_patient(1)), uint256(1));
    }

    function test_RevokingTouchesNobodyElse() external {
        uint256 elsewhere = _granted(3, 1);
        _revoke(_tokenId);
        assertTrue(_isActive(_tokenId + 1));
        assertTrue(_isActive(elsewhere));
        assertEq(token.epoch(studyId, hospitals[1].account), uint256(0));
        assertEq(token.revocationCounter(_patient(2)), uint256(0));
    }

    function test_OnlyTheHolderRevokes() external {
        vm.prank(_stranger());
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentNotHolder.selector, _tokenId, _stranger()));
        token.revoke(_tokenId);
        bytes memory forged = _signRevocation(STRANGER_KEY, _tokenId);
        bytes memory invalid = abi.encodeWithSelector(IConsentToken.ConsentSignatureInvalid.selector, _patient(1));
        vm.expectRevert(invalid);
        token.revokeBySig(_tokenId, _signer(STRANGER_KEY), forged);
        bytes memory another = _signRevocation(PATIENT_KEY + 1, _tokenId + 1);
        vm.expectRevert(invalid);
        token.revokeBySig(_tokenId, _signer(PATIENT_KEY + 1), another);
    }

    function test_ATokenIsRevokedOnce() external {
        _revoke(_tokenId);
        bytes memory again = abi.encodeWithSelector(IConsentToken.ConsentAlreadyRevoked.selector, _tokenId);
        vm.prank(_patient(1));
        vm.expectRevert(again);
        token.revoke(_tokenId);
        vm.expectRevert(again);
        token.revokeBySig(_tokenId, "", "");
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentTokenUnknown.selector, _tokenId + 7));
        token.revoke(_tokenId + 7);
    }

    /// Signed when the token was granted, carried years later by anyone, with the study suspended and the token expired.
    function testFuzz_ASignedRevocationNeverGoesStale(uint32 later) external {
        bytes memory signer = _signer(PATIENT_KEY + 1);
        bytes memory signature = _signRevocation(PATIENT_KEY + 1, _tokenId);
        _suspend();
        _tick(later);
        vm.prank(_stranger());
        token.revokeBySig(_tokenId, signer, signature);
        assertEq(token.consent(_tokenId).revokedAt, uint256(clock));
    }

    /// A replayed, a late and a pre-revocation grant: none makes a token after its holder revoked.
    function test_NoOldGrantRevivesAToken() external {
        Grant memory signedBefore = _grantOf(1, 0);
        EnrolmentProof memory proof = _proofOf(signedBefore, 1);
        bytes memory signature = _signGrant(PATIENT_KEY + 1, signedBefore);
        _revoke(_tokenId);
        _tick(1);
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentGrantVoid.selector, uint64(0), uint64(1)));
        token.grantBySig(signedBefore, _signer(PATIENT_KEY + 1), signature, proof);
        _submitFails(
            signedBefore, 1, abi.encodeWithSelector(IConsentToken.ConsentGrantVoid.selector, uint64(0), uint64(1))
        );
        _tick(2 hours);
        _submitFails(
            signedBefore,
            1,
            abi.encodeWithSelector(IConsentToken.ConsentDeadlinePassed.selector, signedBefore.deadline)
        );
        assertFalse(_isActive(_tokenId));
        assertEq(token.unburnedCount(studyId, hospitals[0].account), uint256(1));
    }

    /// The epoch counts what ended, from the first second at which it did since the ledger last looked.
    function test_EveryRevocationMovesTheEpoch() external {
        address site = hospitals[0].account;
        assertEq(token.epochMovedAt(studyId, site), uint256(0));
        uint40 first = clock;
        _revoke(_tokenId);
        _tick(5);
        _revoke(_tokenId + 1);
        assertEq(token.epoch(studyId, site), uint256(2));
        assertEq(token.epochMovedAt(studyId, site), uint256(first));
        vm.prank(address(ledger));
        token.watchEpoch(studyId, site);
        assertEq(token.epochMovedAt(studyId, site), uint256(0));
        assertEq(token.epoch(studyId, site), uint256(2));
    }

    function test_OnlyTheLedgerWatches() external {
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentNotLedger.selector, address(this)));
        token.watchEpoch(studyId, hospitals[0].account);
    }

    function test_WalletsSeeTheTokenGo() external {
        vm.expectEmit(address(token));
        emit IERC721.Transfer(_patient(1), address(0), _tokenId);
        vm.prank(_patient(1));
        token.revoke(_tokenId);
    }
}
