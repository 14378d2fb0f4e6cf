// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Grant, IConsentToken} from "../interfaces/IConsentToken.sol";
import {IGuardianAccount} from "../interfaces/IGuardianAccount.sol";
import {IQuorum} from "../interfaces/IQuorum.sol";
import {Deployment} from "./Deployment.t.sol";
import {GuardianFixture} from "./GuardianFixture.t.sol";

/// What two of three guardians can do, and what one cannot.
contract GuardianRecoveryTest is GuardianFixture {
    uint256 private constant NEW_KEY = 0x2E3;
    bytes private constant NOT_REACHED = abi.encodePacked(IQuorum.QuorumNotReached.selector);

    event GuardianKeyRotated(uint64 rotations, bytes newKey);

    uint256 private _tokenId;

    function setUp() public override {
        super.setUp();
        _tokenId = _grantThrough(account, 0);
    }

    function test_AnyTwoGuardiansReplaceTheKey() external {
        uint64 rotations = 0;
        for (uint256 one = 0; one < 3; ++one) {
            for (uint256 other = 0; other < 3; ++other) {
                if (one == other) continue;
                bytes memory newKey = _signer(NEW_KEY + rotations);
                bytes32 digest = _rotationDigest(address(account), newKey, rotations);
                bytes memory signatures = _signedBy(_guardianKey(0, one), _guardianKey(0, other), digest);
                rotations += 1;
                vm.expectEmit(address(account));
                emit GuardianKeyRotated(rotations, newKey);
                vm.prank(_stranger());
                account.rotate(newKey, signatures);
                assertEq(account.actingKey(), newKey);
                assertEq(account.rotations(), uint256(rotations));
            }
        }
    }

    function test_AllThreeMaySign() external {
        uint256[] memory keys = new uint256[](3);
        for (uint256 i = 0; i < 3; ++i) {
            keys[i] = _guardianKey(0, i);
        }
        bytes32 digest = _rotationDigest(address(account), _signer(NEW_KEY), 0);
        account.rotate(_signer(NEW_KEY), _signedBy(keys, digest));
        assertEq(account.rotations(), uint256(1));
    }

    function test_FewerThanTwoGuardiansRotateNothing() external {
        bytes32 digest = _rotationDigest(address(account), _signer(NEW_KEY), 0);
        uint256 guardian = _guardianKey(0, 0);
        _rotationRefused(_signedBy(new uint256[](0), digest));
        _rotationRefused(_signedByOne(guardian, digest));
        _rotationRefused(_signedBy(guardian, guardian, digest));
        _rotationRefused(_signedBy(guardian, STRANGER_KEY, digest));
        _rotationRefused(_signedBy(guardian, PATIENT_KEY, digest));
        _rotationRefused(_signedBy(guardian, _guardianKey(1, 1), digest));
        _rotationRefused("");
        _rotationRefused("not the encoding of signatures");
    }

    function test_ASecondGuardianMustHaveSignedThis() external {
        bytes32 digest = _rotationDigest(address(account), _signer(NEW_KEY), 0);
        bytes[] memory signers = new bytes[](2);
        bytes[] memory signatures = new bytes[](2);
        (signers[0], signers[1]) = (_signer(_guardianKey(0, 0)), _signer(_guardianKey(0, 1)));
        signatures[0] = _sign(_guardianKey(0, 0), digest);
        signatures[1] = _sign(_guardianKey(0, 1), ~digest);
        _rotationRefused(abi.encode(signers, signatures));
        signatures[1] = signatures[0];
        _rotationRefused(abi.encode(signers, signatures));
    }

    function test_ARotationIsForOneKeyOneCountOneAccountAndOneChain() external {
        (uint256 one, uint256 other) = (_guardianKey(0, 0), _guardianKey(0, 1));
        _rotationRefused(_signedBy(one, other, _rotationDigest(address(account), _signer(NEW_KEY + 1), 0)));
        _rotationRefused(_signedBy(one, other, _rotationDigest(address(account), _signer(NEW_KEY), 1)));
        _rotationRefused(_signedBy(one, other, _rotationDigest(address(_accountOf(1)), _signer(NEW_KEY), 0)));
        bytes memory here = _signedBy(one, other, _rotationDigest(address(account), _signer(NEW_KEY), 0));
        vm.chainId(block.chainid + 1);
        _rotationRefused(here);
    }

    /// The guardians of both accounts are the same people with the same keys.
    function test_ARotationOfOneAccountIsNoneOfAnother() external {
        address sibling =
            accounts.create(studyId, END_YEAR, END_QUARTER, _signer(PATIENT_KEY + 1), _guardians(0));
        bytes32 digest = _rotationDigest(sibling, _signer(NEW_KEY), 0);
        _rotationRefused(_signedBy(_guardianKey(0, 0), _guardianKey(0, 1), digest));
    }

    function test_ARotationIsNotReplayed() external {
        bytes32 digest = _rotationDigest(address(account), _signer(NEW_KEY), 0);
        bytes memory signatures = _signedBy(_guardianKey(0, 0), _guardianKey(0, 1), digest);
        account.rotate(_signer(NEW_KEY), signatures);
        _rotationRefused(signatures);
        _rotateTo(_signer(NEW_KEY + 1));
        _rotationRefused(signatures);
        assertEq(account.actingKey(), _signer(NEW_KEY + 1));
    }

    function test_RecoveryCanRevokeButNotGrant() external {
        Grant memory grant = _guardedGrant(account, 1);
        _rotateTo(_signer(NEW_KEY));
        bytes memory recovered =
            abi.encodeWithSelector(IGuardianAccount.GuardianAccountRecovered.selector, uint64(1));
        _refused(_grantDigest(grant), _approvedGrant(NEW_KEY, grant), recovered);
        _refused(_grantDigest(grant), _approvedGrant(PATIENT_KEY, grant), recovered);
        assertTrue(_isActive(_tokenId));
        assertEq(token.ownerOf(_tokenId), address(account));
        _refused(
            _revocationDigest(_tokenId),
            _approvedRevocation(PATIENT_KEY, _tokenId),
            abi.encodeWithSelector(IGuardianAccount.GuardianSignatureInvalid.selector)
        );
        token.revokeBySig(_tokenId, abi.encodePacked(account), _approvedRevocation(NEW_KEY, _tokenId));
        assertFalse(_isActive(_tokenId));
    }

    function test_ASecondRecoveryDoesNotBringGrantsBack() external {
        Grant memory grant = _guardedGrant(account, 1);
        _rotateTo(_signer(NEW_KEY));
        _rotateTo(_signer(PATIENT_KEY));
        bytes memory recovered =
            abi.encodeWithSelector(IGuardianAccount.GuardianAccountRecovered.selector, uint64(2));
        _refused(_grantDigest(grant), _approvedGrant(PATIENT_KEY, grant), recovered);
    }

    function test_AKeyIsReplacedAfterTheEndToo() external {
        _tickTo(ENDS_AT + 1);
        _rotateTo(_signer(NEW_KEY));
        token.revokeBySig(_tokenId, abi.encodePacked(account), _approvedRevocation(NEW_KEY, _tokenId));
        assertEq(token.consent(_tokenId).revokedAt, uint256(ENDS_AT + 1));
    }

    function test_ANewKeyMustBeAbleToSign() external {
        bytes memory short = new bytes(19);
        _keyRefused(short, abi.encodeWithSelector(IGuardianAccount.GuardianKeyInvalid.selector, short));
        // The identity precompile would pass for a verifier that accepts everything.
        bytes memory open = abi.encodePacked(address(4), bytes32("x"), bytes32("y"));
        _keyRefused(open, abi.encodeWithSelector(IQuorum.QuorumVerifierMissing.selector, address(4)));
        bytes memory noVerifier = abi.encodePacked(_stranger(), bytes1(0));
        _keyRefused(noVerifier, abi.encodeWithSelector(IQuorum.QuorumVerifierMissing.selector, _stranger()));
        bytes memory passkey = abi.encodePacked(Deployment.passkeyVerifier(), bytes32("x"), bytes32("y"));
        _rotateTo(passkey);
        assertEq(account.actingKey(), passkey);
    }

    function test_AnyTwoGuardiansRevoke() external {
        bytes memory signatures = _signedBy(_guardianKey(0, 2), _guardianKey(0, 0), _revocationDigest(_tokenId));
        vm.prank(_stranger());
        account.revokeByGuardians(_tokenId, signatures);
        assertFalse(_isActive(_tokenId));
        assertEq(token.revocationCounter(address(account)), uint256(1));
        vm.expectRevert(abi.encodeWithSelector(IConsentToken.ConsentAlreadyRevoked.selector, _tokenId));
        account.revokeByGuardians(_tokenId, signatures);
    }

    function test_GuardiansRevokeWhateverHasHappened() external {
        bytes memory inAdvance = _signedBy(_guardianKey(0, 1), _guardianKey(0, 2), _revocationDigest(_tokenId));
        _rotateTo(_signer(NEW_KEY));
        _suspend();
        _tickTo(ENDS_AT + 365 days);
        account.revokeByGuardians(_tokenId, inAdvance);
        assertEq(token.consent(_tokenId).revokedAt, uint256(clock));
    }

    function test_OneGuardianRevokesNothing() external {
        bytes32 digest = _revocationDigest(_tokenId);
        _guardiansRefused(_tokenId, _signedByOne(_guardianKey(0, 0), digest));
        _guardiansRefused(_tokenId, _signedBy(_guardianKey(0, 0), STRANGER_KEY, digest));
        _guardiansRefused(
            _tokenId, _signedBy(_guardianKey(0, 0), _guardianKey(0, 1), _revocationDigest(_tokenId + 1))
        );
        assertTrue(_isActive(_tokenId));
    }

    function test_TheSignaturesOfGuardiansAreNotTheActingKeys() external {
        bytes memory signatures = _signedBy(_guardianKey(0, 0), _guardianKey(0, 1), _revocationDigest(_tokenId));
        assertFalse(_approves(_revocationDigest(_tokenId), signatures));
        bytes memory reason =
            abi.encodeWithSelector(IConsentToken.ConsentSignatureInvalid.selector, address(account));
        vm.expectRevert(reason);
        token.revokeBySig(_tokenId, abi.encodePacked(account), signatures);
    }

    /// Signed for a token that another account with the same guardians holds.
    function test_GuardiansRevokeOnlyTheTokenOfTheirAccount() external {
        bytes memory signatures = _signedBy(_guardianKey(0, 0), _guardianKey(0, 1), _revocationDigest(_tokenId));
        IGuardianAccount sibling = IGuardianAccount(
            accounts.create(studyId, END_YEAR, END_QUARTER, _signer(PATIENT_KEY + 1), _guardians(0))
        );
        vm.expectRevert(
            abi.encodeWithSelector(IConsentToken.ConsentNotHolder.selector, _tokenId, address(sibling))
        );
        sibling.revokeByGuardians(_tokenId, signatures);
    }

    function _rotationRefused(bytes memory signatures) private {
        vm.expectRevert(NOT_REACHED);
        account.rotate(_signer(NEW_KEY), signatures);
    }

    function _guardiansRefused(uint256 tokenId, bytes memory signatures) private {
        vm.expectRevert(NOT_REACHED);
        account.revokeByGuardians(tokenId, signatures);
    }

    function _keyRefused(bytes memory key, bytes memory reason) private {
        bytes32 digest = _rotationDigest(address(account), key, 0);
        bytes memory signatures = _signedBy(_guardianKey(0, 0), _guardianKey(0, 1), digest);
        vm.expectRevert(reason);
        account.rotate(key, signatures);
        assertEq(account.rotations(), uint256(0));
    }
}
