// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {MultiSignerERC7913} from "@openzeppelin/contracts/utils/cryptography/signers/MultiSignerERC7913.sol";

import {ConsentMessages} from "./ConsentMessages.sol";
import {Grant, IConsentToken} from "./interfaces/IConsentToken.sol";
import {GuardianAct, IGuardianAccount} from "./interfaces/IGuardianAccount.sol";
import {Quarters} from "./Quarters.sol";
import {Quorum} from "./Quorum.sol";

/// @title The account that holds one minor's token, for one study
contract GuardianAccount is IGuardianAccount, EIP712, Quorum {
    bytes32 private constant ROTATION_TYPE_HASH = keccak256("Rotation(bytes newKey,uint64 rotations)");
    bytes32 private constant RECEIPT_KEY_TYPE_HASH =
        keccak256("ReceiptKey(address holder,bytes32 x25519,uint40 issuedAt)");
    bytes32 private constant ERASURE_REQUEST_TYPE_HASH =
        keccak256("ErasureRequest(address holder,uint40 requestedAt)");
    bytes1 private constant NAME_VERSION_CHAIN_CONTRACT = 0x0f;
    bytes4 private constant REFUSED = 0xffffffff;

    IConsentToken public immutable consentToken;
    uint64 public immutable studyId;
    uint40 public immutable endsAt;

    bytes public actingKey;
    uint64 public rotations;

    /// @param year,quarter at whose first second the account stops granting
    constructor(
        IConsentToken consentToken_,
        uint64 studyId_,
        uint16 year,
        uint8 quarter,
        bytes memory actingKey_,
        bytes[3] memory guardians
    ) EIP712("Assent GuardianAccount", "1") MultiSignerERC7913(_listOf(guardians), 2) {
        uint40 end = Quarters.start(year, quarter);
        if (end <= block.timestamp) revert GuardianAccountEnded(end);
        consentToken = consentToken_;
        studyId = studyId_;
        endsAt = end;
        _setActingKey(actingKey_);
    }

    /// @inheritdoc IERC1271
    /// @dev The external call to itself turns whatever cannot be decoded into a refusal.
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        try this.checkSignature(hash, signature) {
            return IERC1271.isValidSignature.selector;
        } catch {
            return REFUSED;
        }
    }

    /// @inheritdoc IGuardianAccount
    function checkSignature(bytes32 hash, bytes calldata signature) external view {
        (GuardianAct act, bytes memory payload, bytes memory keySignature) =
            abi.decode(signature, (GuardianAct, bytes, bytes));
        if (_digestOf(act, payload) != hash) revert GuardianDigestMismatch(hash);
        if (!SignatureChecker.isValidSignatureNow(actingKey, hash, keySignature)) revert GuardianSignatureInvalid();
    }

    /// @inheritdoc IGuardianAccount
    function rotate(bytes calldata newKey, bytes calldata signatures) external {
        bytes32 structHash = keccak256(abi.encode(ROTATION_TYPE_HASH, keccak256(newKey), rotations));
        _checkQuorum(_hashTypedDataV4(structHash), signatures);
        _setActingKey(newKey);
        rotations += 1;
        emit GuardianKeyRotated(rotations, newKey);
    }

    /// @inheritdoc IGuardianAccount
    function revokeByGuardians(uint256 tokenId, bytes calldata signatures) external {
        _checkQuorum(_consentDigest(ConsentMessages.hashRevocation(tokenId)), signatures);
        consentToken.revoke(tokenId);
    }

    function _setActingKey(bytes memory key) private {
        if (key.length < 20) revert GuardianKeyInvalid(key);
        _checkVerifier(key);
        actingKey = key;
    }

    /// @dev What the key signs for what the payload says; reverts when the account may not say it.
    function _digestOf(GuardianAct act, bytes memory payload) private view returns (bytes32) {
        // EIP-712 digests begin with 0x19 0x01 and texts with 0x19 "E" (EIP-191): no text passes for any of the others.
        if (act == GuardianAct.Message) return MessageHashUtils.toEthSignedMessageHash(payload);
        if (act == GuardianAct.Revocation) {
            return _consentDigest(ConsentMessages.hashRevocation(abi.decode(payload, (uint256))));
        }
        // All members are static, so both payloads are the encodeData of EIP-712.
        if (act == GuardianAct.Grant) {
            _checkGrant(abi.decode(payload, (Grant)));
            return _consentDigest(keccak256(bytes.concat(ConsentMessages.GRANT_TYPE_HASH, payload)));
        }
        _checkStatement(payload);
        return _consentDigest(keccak256(payload));
    }

    function _checkStatement(bytes memory statement) private view {
        (bytes32 typeHash, address holder) = abi.decode(statement, (bytes32, address));
        if (typeHash != RECEIPT_KEY_TYPE_HASH && typeHash != ERASURE_REQUEST_TYPE_HASH) {
            revert GuardianStatementUnknown(typeHash);
        }
        if (holder != address(this)) revert GuardianHolderMismatch(holder);
    }

    function _checkGrant(Grant memory grant) private view {
        if (rotations != 0) revert GuardianAccountRecovered(rotations);
        if (block.timestamp >= endsAt) revert GuardianAccountEnded(endsAt);
        if (grant.studyId != studyId) revert GuardianStudyMismatch(grant.studyId);
        if (grant.holder != address(this)) revert GuardianHolderMismatch(grant.holder);
        if (grant.useEnd > endsAt) revert GuardianUsePeriodTooLong(grant.useEnd, endsAt);
    }

    function _consentDigest(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = MessageHashUtils.toDomainSeparator(
            NAME_VERSION_CHAIN_CONTRACT,
            keccak256("Assent ConsentToken"),
            keccak256("1"),
            block.chainid,
            address(consentToken),
            bytes32(0)
        );
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    function _listOf(bytes[3] memory guardians) private pure returns (bytes[] memory list) {
        list = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            list[i] = guardians[i];
        }
    }
}
