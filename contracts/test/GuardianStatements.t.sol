// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {ConsentMessages} from "../ConsentMessages.sol";
import {Grant} from "../interfaces/IConsentToken.sol";
import {GuardianAct, IGuardianAccount} from "../interfaces/IGuardianAccount.sol";
import {GuardianFixture} from "./GuardianFixture.t.sol";

/// What the acting key says for the account to people and services, and that none of it can be taken for a consent.
contract GuardianStatementsTest is GuardianFixture {
    bytes32 private constant RECEIPT_KEY = keccak256("ReceiptKey(address holder,bytes32 x25519,uint40 issuedAt)");
    bytes32 private constant ERASURE_REQUEST = keccak256("ErasureRequest(address holder,uint40 requestedAt)");
    bytes32 private constant ERASED =
        keccak256("Erased(uint64 studyId,address site,address holder,uint40 erasedAt)");
    bytes private constant TEXT = "localhost:8800 wants you to sign in with your Ethereum account";

    function test_TheActingKeyNamesAReceiptKeyAndAsksForErasure() external {
        bytes memory receiptKey = _receiptKey(address(account));
        assertTrue(_approves(_tokenDigest(keccak256(receiptKey)), _approvedStatement(PATIENT_KEY, receiptKey)));
        bytes memory erasure = _erasureRequest(address(account));
        assertTrue(_approves(_tokenDigest(keccak256(erasure)), _approvedStatement(PATIENT_KEY, erasure)));
    }

    function test_OnlyTheActingKeySpeaksForTheAccount() external {
        bytes memory invalid = abi.encodeWithSelector(IGuardianAccount.GuardianSignatureInvalid.selector);
        bytes memory statement = _receiptKey(address(account));
        _refused(_tokenDigest(keccak256(statement)), _approvedStatement(STRANGER_KEY, statement), invalid);
        bytes memory guardians = _approvedStatement(_guardianKey(0, 0), statement);
        _refused(_tokenDigest(keccak256(statement)), guardians, invalid);
        _refused(_textHash(TEXT), _approvedText(STRANGER_KEY, TEXT), invalid);
    }

    function test_AStatementIsTheAccountsOwn() external {
        address other = address(_accountOf(1));
        bytes memory mismatch = abi.encodeWithSelector(IGuardianAccount.GuardianHolderMismatch.selector, other);
        bytes memory statement = _receiptKey(other);
        _refused(_tokenDigest(keccak256(statement)), _approvedStatement(PATIENT_KEY, statement), mismatch);
        statement = _erasureRequest(other);
        _refused(_tokenDigest(keccak256(statement)), _approvedStatement(PATIENT_KEY, statement), mismatch);
    }

    /// A grant brought as a statement would pass none of the checks of grants.
    function test_AConsentIsNoStatement() external {
        Grant memory grant = _guardedGrant(account, 0);
        grant.useEnd = ENDS_AT + 1;
        bytes memory whole = bytes.concat(ConsentMessages.GRANT_TYPE_HASH, abi.encode(grant));
        _unknown(_grantDigest(grant), _approvedStatement(PATIENT_KEY, whole), ConsentMessages.GRANT_TYPE_HASH);
        bytes32 revocation = keccak256("Revocation(uint256 tokenId)");
        bytes memory short = abi.encode(revocation, uint256(7));
        _unknown(_revocationDigest(7), _approvedStatement(PATIENT_KEY, short), revocation);
        bytes memory erased = abi.encode(ERASED, uint256(studyId), address(this), address(account), uint256(1));
        _unknown(_tokenDigest(keccak256(erased)), _approvedStatement(PATIENT_KEY, erased), ERASED);
    }

    function test_NoSignedMemberOfAStatementCanBeChanged() external {
        bytes memory whole = _receiptKey(address(account));
        bytes32 hash = _tokenDigest(keccak256(whole));
        bytes memory keySignature = _sign(PATIENT_KEY, hash);
        for (uint256 end = 31; end < whole.length; end += 32) {
            bytes memory changed = bytes.concat(whole);
            changed[end] = bytes1(uint8(changed[end]) ^ 1);
            bytes memory signature = abi.encode(GuardianAct.Statement, changed, keySignature);
            assertFalse(_approves(hash, signature));
            assertFalse(_approves(_tokenDigest(keccak256(changed)), signature));
        }
    }

    function test_AnotherChainIsAnotherStatement() external {
        bytes memory statement = _receiptKey(address(account));
        bytes32 hash = _tokenDigest(keccak256(statement));
        bytes memory signature = _approvedStatement(PATIENT_KEY, statement);
        vm.chainId(block.chainid + 1);
        _refused(hash, signature, abi.encodeWithSelector(IGuardianAccount.GuardianDigestMismatch.selector, hash));
    }

    function test_TheActingKeySignsTexts() external {
        assertTrue(_approves(_textHash(TEXT), _approvedText(PATIENT_KEY, TEXT)));
        assertTrue(_approves(_textHash(""), _approvedText(PATIENT_KEY, "")));
    }

    function test_ATextIsSignedAsItIs() external {
        bytes32 hash = _textHash(TEXT);
        bytes memory other = abi.encode(GuardianAct.Message, bytes("another text"), _sign(PATIENT_KEY, hash));
        _refused(hash, other, abi.encodeWithSelector(IGuardianAccount.GuardianDigestMismatch.selector, hash));
        assertFalse(_approves(_textHash("another text"), other));
    }

    /// Whatever text the acting key signs, no digest of a grant, revocation or statement is approved with it.
    function testFuzz_ATextIsNoConsent(bytes memory text) external {
        bytes memory signature = _approvedText(PATIENT_KEY, text);
        assertTrue(_approves(_textHash(text), signature));
        assertFalse(_approves(_grantDigest(_guardedGrant(account, 0)), signature));
        assertFalse(_approves(_revocationDigest(7), signature));
        assertFalse(_approves(_tokenDigest(keccak256(_receiptKey(address(account)))), signature));
        bytes memory moved = abi.encode(GuardianAct.Message, text, _sign(PATIENT_KEY, _revocationDigest(7)));
        assertFalse(_approves(_revocationDigest(7), moved));
    }

    /// The digest that the token would ask for, as the text itself: what a page could put before somebody to sign.
    function test_ASignedDigestOfAGrantIsNoGrant() external {
        Grant memory grant = _guardedGrant(account, 0);
        bytes memory bait = abi.encodePacked(_grantDigest(grant));
        assertFalse(_approves(_grantDigest(grant), _approvedText(PATIENT_KEY, bait)));
    }

    function test_AfterRecoveryTheNewKeySpeaksAndTheOldOneDoesNot() external {
        bytes memory statement = _erasureRequest(address(account));
        bytes32 hash = _tokenDigest(keccak256(statement));
        bytes memory before = _approvedStatement(PATIENT_KEY, statement);
        bytes memory text = _approvedText(PATIENT_KEY, TEXT);
        _rotateTo(_signer(STRANGER_KEY));
        bytes memory invalid = abi.encodeWithSelector(IGuardianAccount.GuardianSignatureInvalid.selector);
        _refused(hash, before, invalid);
        _refused(_textHash(TEXT), text, invalid);
        assertTrue(_approves(hash, _approvedStatement(STRANGER_KEY, statement)));
        assertTrue(_approves(_textHash(TEXT), _approvedText(STRANGER_KEY, TEXT)));
    }

    function test_WhatIsSaidAfterTheEndIsStillTheAccounts() external {
        _tickTo(ENDS_AT + 365 days);
        bytes memory statement = _erasureRequest(address(account));
        assertTrue(_approves(_tokenDigest(keccak256(statement)), _approvedStatement(PATIENT_KEY, statement)));
        assertTrue(_approves(_textHash(TEXT), _approvedText(PATIENT_KEY, TEXT)));
    }

    function _unknown(bytes32 hash, bytes memory signature, bytes32 typeHash) private {
        _refused(
            hash, signature, abi.encodeWithSelector(IGuardianAccount.GuardianStatementUnknown.selector, typeHash)
        );
    }

    function _receiptKey(address holder) private view returns (bytes memory) {
        return abi.encode(RECEIPT_KEY, holder, keccak256("an X25519 key"), uint256(clock));
    }

    function _erasureRequest(address holder) private view returns (bytes memory) {
        return abi.encode(ERASURE_REQUEST, holder, uint256(clock));
    }

    function _approvedStatement(uint256 key, bytes memory statement) private view returns (bytes memory) {
        return abi.encode(GuardianAct.Statement, statement, _sign(key, _tokenDigest(keccak256(statement))));
    }

    function _textHash(bytes memory text) private pure returns (bytes32) {
        return MessageHashUtils.toEthSignedMessageHash(text);
    }

    function _approvedText(uint256 key, bytes memory text) private pure returns (bytes memory) {
        return abi.encode(GuardianAct.Message, text, _sign(key, _textHash(text)));
    }
}
