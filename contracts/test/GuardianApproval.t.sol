// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ConsentMessages} from "../ConsentMessages.sol";
import {Grant, IConsentToken} from "../interfaces/IConsentToken.sol";
import {GuardianAct, IGuardianAccount} from "../interfaces/IGuardianAccount.sol";
import {Deployment} from "./Deployment.t.sol";
import {GuardianFixture} from "./GuardianFixture.t.sol";

/// @dev Cheatcodes for P-256 that the test library's list lacks.
interface P256Vm {
    function publicKeyP256(uint256 key) external pure returns (uint256 x, uint256 y);
    function signP256(uint256 key, bytes32 digest) external pure returns (bytes32 r, bytes32 s);
}

/// What the acting key may approve, and what nobody may.
contract GuardianApprovalTest is GuardianFixture {
    uint256 private constant P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;
    bytes private constant UNREADABLE = "";

    function test_TheAccountHoldsATokenThatItsActingKeyGrantsAndRevokes() external {
        uint256 tokenId = _grantThrough(account, 0);
        assertEq(token.ownerOf(tokenId), address(account));
        assertTrue(_isActive(tokenId));
        token.revokeBySig(tokenId, abi.encodePacked(account), _approvedRevocation(PATIENT_KEY, tokenId));
        assertFalse(_isActive(tokenId));
        assertEq(token.consent(tokenId).revokedAt, uint256(clock));
    }

    function test_TheAccountIsBoundToWhatItWasMadeWith() external {
        assertEq(address(account.consentToken()), address(token));
        assertEq(account.studyId(), uint256(studyId));
        assertEq(account.endsAt(), uint256(ENDS_AT));
        assertEq(account.actingKey(), _signer(PATIENT_KEY));
        assertEq(account.rotations(), uint256(0));
    }

    function test_OnlyTheActingKeyApproves() external {
        Grant memory grant = _guardedGrant(account, 0);
        bytes memory invalid = abi.encodeWithSelector(IGuardianAccount.GuardianSignatureInvalid.selector);
        _refused(_grantDigest(grant), _approvedGrant(STRANGER_KEY, grant), invalid);
        _refused(_grantDigest(grant), _approvedGrant(_guardianKey(0, 0), grant), invalid);
        _refused(_revocationDigest(7), _approvedRevocation(STRANGER_KEY, 7), invalid);
        _refused(_revocationDigest(7), _approvedRevocation(_guardianKey(0, 0), 7), invalid);
        assertTrue(_approves(_grantDigest(grant), _approvedGrant(PATIENT_KEY, grant)));
        assertTrue(_approves(_revocationDigest(7), _approvedRevocation(PATIENT_KEY, 7)));
    }

    function test_AGrantOfAnotherStudyIsRefused() external {
        Grant memory grant = _guardedGrant(account, 0);
        grant.studyId += 1;
        _grantRefused(
            grant, abi.encodeWithSelector(IGuardianAccount.GuardianStudyMismatch.selector, grant.studyId)
        );
    }

    function test_AGrantOfAnotherHolderIsRefused() external {
        Grant memory grant = _guardedGrant(account, 0);
        grant.holder = address(_accountOf(1));
        _grantRefused(grant, abi.encodeWithSelector(IGuardianAccount.GuardianHolderMismatch.selector, grant.holder));
    }

    function test_AUsePeriodMayEndWithTheAccountAndNoLater() external {
        Grant memory grant = _guardedGrant(account, 0);
        grant.useEnd = ENDS_AT;
        assertTrue(_approves(_grantDigest(grant), _approvedGrant(PATIENT_KEY, grant)));
        grant.useEnd = ENDS_AT + 1;
        _grantRefused(
            grant,
            abi.encodeWithSelector(IGuardianAccount.GuardianUsePeriodTooLong.selector, ENDS_AT + 1, ENDS_AT)
        );
    }

    function test_FromItsEndOnTheAccountRevokesButDoesNotGrant() external {
        Grant memory grant = _guardedGrant(account, 0);
        _tickTo(ENDS_AT - 1);
        assertTrue(_approves(_grantDigest(grant), _approvedGrant(PATIENT_KEY, grant)));
        bytes memory ended = abi.encodeWithSelector(IGuardianAccount.GuardianAccountEnded.selector, ENDS_AT);
        _tickTo(ENDS_AT);
        _grantRefused(grant, ended);
        _tickTo(ENDS_AT + 1);
        _grantRefused(grant, ended);
        assertTrue(_approves(_revocationDigest(7), _approvedRevocation(PATIENT_KEY, 7)));
    }

    function test_ATokenIsRevokedAfterTheEndAndWhileItsStudyIsSuspended() external {
        uint256 tokenId = _grantThrough(account, 0);
        _suspend();
        _tickTo(ENDS_AT + 365 days);
        token.revokeBySig(tokenId, abi.encodePacked(account), _approvedRevocation(PATIENT_KEY, tokenId));
        assertEq(token.consent(tokenId).revokedAt, uint256(clock));
    }

    /// Every word of what was signed: a carrier can change none, nor pass a changed grant off as the signed one.
    function test_NoSignedMemberOfAGrantCanBeChanged() external {
        Grant memory grant = _guardedGrant(account, 0);
        bytes memory whole = abi.encode(grant);
        bytes memory keySignature = _sign(PATIENT_KEY, _grantDigest(grant));
        for (uint256 end = 31; end < whole.length; end += 32) {
            // The language fills its word from the left; every other member ends where its word does.
            for (uint256 place = end - 31; place <= end; place += 31) {
                bytes memory changed = bytes.concat(whole);
                changed[place] = bytes1(uint8(changed[place]) ^ 1);
                bytes memory signature = abi.encode(GuardianAct.Grant, changed, keySignature);
                assertFalse(_approves(_grantDigest(grant), signature));
                assertFalse(_approves(_encodedDigest(changed), signature));
            }
        }
        bytes memory longer = bytes.concat(whole, bytes32(0));
        assertFalse(_approves(_grantDigest(grant), abi.encode(GuardianAct.Grant, longer, keySignature)));
        assertTrue(_approves(_grantDigest(grant), abi.encode(GuardianAct.Grant, whole, keySignature)));
    }

    /// A grant that says what the signed one says in all that the account looks at, but is not the signed one.
    function test_AGrantThatTheTokenWasNotGivenIsRefused() external {
        Grant memory grant = _guardedGrant(account, 0);
        bytes memory signature = _approvedGrant(PATIENT_KEY, grant);
        grant.recordCommitment = ~grant.recordCommitment;
        bytes32 hash = _grantDigest(grant);
        _refused(hash, signature, abi.encodeWithSelector(IGuardianAccount.GuardianDigestMismatch.selector, hash));
    }

    function test_ARevocationNamesOneToken() external {
        bytes memory signature = _approvedRevocation(PATIENT_KEY, 7);
        bytes32 hash = _revocationDigest(8);
        _refused(hash, signature, abi.encodeWithSelector(IGuardianAccount.GuardianDigestMismatch.selector, hash));
        bytes memory moved = abi.encode(
            GuardianAct.Revocation, abi.encode(uint256(8)), _sign(PATIENT_KEY, _revocationDigest(7))
        );
        _refused(hash, moved, abi.encodeWithSelector(IGuardianAccount.GuardianSignatureInvalid.selector));
    }

    function test_AnotherChainIsAnotherMessage() external {
        Grant memory grant = _guardedGrant(account, 0);
        bytes32 hash = _grantDigest(grant);
        bytes memory signature = _approvedGrant(PATIENT_KEY, grant);
        bytes32 revocationHash = _revocationDigest(7);
        bytes memory revocation = _approvedRevocation(PATIENT_KEY, 7);
        vm.chainId(block.chainid + 1);
        _refused(hash, signature, abi.encodeWithSelector(IGuardianAccount.GuardianDigestMismatch.selector, hash));
        _refused(
            revocationHash,
            revocation,
            abi.encodeWithSelector(IGuardianAccount.GuardianDigestMismatch.selector, revocationHash)
        );
        assertTrue(_approves(_grantDigest(grant), _approvedGrant(PATIENT_KEY, grant)));
    }

    function test_AnotherTokenContractIsAnotherMessage() external {
        token = Deployment.token(registry, address(ledger));
        Grant memory grant = _guardedGrant(account, 0);
        bytes32 hash = _grantDigest(grant);
        _grantRefused(grant, abi.encodeWithSelector(IGuardianAccount.GuardianDigestMismatch.selector, hash));
    }

    function test_ASignatureForOneAccountIsNoneForAnother() external {
        Grant memory grant = _guardedGrant(account, 0);
        bytes memory signature = _approvedGrant(PATIENT_KEY, grant);
        bytes[3] memory others = _guardians(1);
        IGuardianAccount sameKey = IGuardianAccount(
            accounts.create(studyId, END_YEAR, END_QUARTER, _signer(PATIENT_KEY), others)
        );
        assertEq(sameKey.isValidSignature(_grantDigest(grant), signature), bytes4(0xffffffff));
        bytes memory invalid =
            abi.encodeWithSelector(IConsentToken.ConsentSignatureInvalid.selector, address(account));
        _carry(grant, 0, sameKey, signature, invalid);
    }

    function test_AGrantIsNoRevocationAndARevocationNoGrant() external {
        Grant memory grant = _guardedGrant(account, 0);
        bytes32 hash = _grantDigest(grant);
        bytes memory keySignature = _sign(PATIENT_KEY, hash);
        bytes memory signature = abi.encode(GuardianAct.Revocation, abi.encode(grant), keySignature);
        _refused(hash, signature, abi.encodeWithSelector(IGuardianAccount.GuardianDigestMismatch.selector, hash));
        hash = _revocationDigest(7);
        signature = abi.encode(GuardianAct.Grant, abi.encode(uint256(7)), _sign(PATIENT_KEY, hash));
        _refused(hash, signature, UNREADABLE);
    }

    function test_OtherMessagesAndBareSignaturesAreRefused() external {
        bytes32 hash = keccak256("anything else");
        _refused(hash, _sign(PATIENT_KEY, hash), UNREADABLE);
        for (uint256 act = 0; act < 4; ++act) {
            assertFalse(_approves(hash, abi.encode(act, abi.encode(hash), _sign(PATIENT_KEY, hash))));
        }
        _refused(
            _revocationDigest(7),
            abi.encode(uint256(2), abi.encode(uint256(7)), _sign(PATIENT_KEY, _revocationDigest(7))),
            UNREADABLE
        );
    }

    function testFuzz_BytesThatCannotBeReadAreRefusedWithoutARevert(bytes32 hash, bytes memory signature) external {
        assertFalse(_approves(hash, signature));
    }

    function testFuzz_APartOfASignatureIsRefusedWithoutARevert(uint256 length) external {
        Grant memory grant = _guardedGrant(account, 0);
        bytes memory signature = _approvedGrant(PATIENT_KEY, grant);
        // The encoding ends with 31 bytes of padding after 65 of the key's signature.
        length %= signature.length - 31;
        assembly ("memory-safe") {
            mstore(signature, length)
        }
        assertFalse(_approves(_grantDigest(grant), signature));
    }

    function test_APasskeyActsForTheAccount() external {
        (uint256 x, uint256 y) = P256Vm(address(vm)).publicKeyP256(77);
        bytes memory actingKey = abi.encodePacked(Deployment.passkeyVerifier(), x, y);
        account =
            IGuardianAccount(accounts.create(studyId, END_YEAR, END_QUARTER, actingKey, _guardians(0)));
        Grant memory grant = _guardedGrant(account, 0);
        bytes memory keySignature = _signP256(77, _grantDigest(grant));
        bytes memory signature = abi.encode(GuardianAct.Grant, abi.encode(grant), keySignature);
        uint256 tokenId = _carry(grant, 0, account, signature, "");
        assertTrue(_isActive(tokenId));
        bytes32 hash = _revocationDigest(tokenId);
        bytes memory another = abi.encode(GuardianAct.Revocation, abi.encode(tokenId), _signP256(78, hash));
        _refused(hash, another, abi.encodeWithSelector(IGuardianAccount.GuardianSignatureInvalid.selector));
        signature = abi.encode(GuardianAct.Revocation, abi.encode(tokenId), _signP256(77, hash));
        token.revokeBySig(tokenId, abi.encodePacked(account), signature);
        assertFalse(_isActive(tokenId));
    }

    function _grantRefused(Grant memory grant, bytes memory reason) private {
        _refused(_grantDigest(grant), _approvedGrant(PATIENT_KEY, grant), reason);
    }

    function _encodedDigest(bytes memory grant) private view returns (bytes32) {
        return _tokenDigest(keccak256(bytes.concat(ConsentMessages.GRANT_TYPE_HASH, grant)));
    }

    function _signP256(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = P256Vm(address(vm)).signP256(key, digest);
        if (uint256(s) > P256_ORDER / 2) s = bytes32(P256_ORDER - uint256(s));
        return abi.encodePacked(r, s);
    }
}
