// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {ConsentMessages} from "./ConsentMessages.sol";
import {Consent, Enrolment, Grant, IConsentToken} from "./interfaces/IConsentToken.sol";
import {IStudyRegistry, Study} from "./interfaces/IStudyRegistry.sol";
import {LockedERC721} from "./LockedERC721.sol";
import {RunningHash} from "./RunningHash.sol";
import {Signers} from "./Signers.sol";

/// @title Consent as a locked token
/// @dev Views of what is not known return zeros.
contract ConsentToken is IConsentToken, LockedERC721, RunningHash, EIP712 {
    using BitMaps for BitMaps.BitMap;
    using Checkpoints for Checkpoints.Trace208;

    /// @dev What is kept for one site in one study.
    struct Shelf {
        uint32 minted;
        uint32 unburned;
        BitMaps.BitMap unburnedBits;
        Checkpoints.Trace208 epochs;
        mapping(bytes32 recordTag => uint256 tokenId) liveToken;
    }

    IStudyRegistry public immutable registry;

    mapping(uint256 tokenId => Consent) private _consents;
    mapping(uint64 studyId => mapping(address site => Shelf)) private _shelves;
    mapping(address holder => uint64) private _revocationCounters;
    mapping(address site => mapping(bytes32 nonce => bool)) private _enrolmentUsed;

    constructor(IStudyRegistry registry_) ERC721("Assent Consent", "CONSENT") EIP712("Assent ConsentToken", "1") {
        registry = registry_;
    }

    /// @inheritdoc IConsentToken
    function grant(Grant calldata grant_, Enrolment calldata enrolment, bytes calldata enrolmentSignature)
        external
        returns (uint256 tokenId)
    {
        if (msg.sender != grant_.holder) revert ConsentNotHolder(0, msg.sender);
        return _grant(grant_, enrolment, enrolmentSignature);
    }

    /// @inheritdoc IConsentToken
    function grantBySig(
        Grant calldata grant_,
        bytes calldata signer,
        bytes calldata signature,
        Enrolment calldata enrolment,
        bytes calldata enrolmentSignature
    ) external returns (uint256 tokenId) {
        _checkHolderSigned(grant_.holder, signer, ConsentMessages.hash(grant_), signature);
        return _grant(grant_, enrolment, enrolmentSignature);
    }

    /// @inheritdoc IConsentToken
    function revoke(uint256 tokenId) external {
        if (msg.sender != _live(tokenId).holder) revert ConsentNotHolder(tokenId, msg.sender);
        _revoke(tokenId);
    }

    /// @inheritdoc IConsentToken
    function revokeBySig(uint256 tokenId, bytes calldata signer, bytes calldata signature) external {
        _checkHolderSigned(_live(tokenId).holder, signer, ConsentMessages.hashRevocation(tokenId), signature);
        _revoke(tokenId);
    }

    /// @inheritdoc IConsentToken
    function isConsentActive(uint256 tokenId, uint64 purposes, uint40 time) external view returns (bool) {
        (bool usable, uint32 consentVersion) = _standing(uint64(tokenId >> 192));
        return usable && _isActive(_consents[tokenId], consentVersion, purposes, time);
    }

    /// @inheritdoc IConsentToken
    /// @dev A page size of 0 means all that is left, so that no mistake in paging hides a token.
    function activeTokens(
        uint64 studyId,
        address site,
        uint64 purposes,
        uint40 time,
        uint32 fromIndex,
        uint32 pageSize
    ) external view returns (uint32[] memory indices, uint32 next) {
        uint256 end = _shelves[studyId][site].minted;
        if (pageSize != 0 && uint256(fromIndex) + pageSize < end) {
            next = fromIndex + pageSize;
            end = next;
        }
        if (fromIndex >= end) return (indices, 0);
        indices = new uint32[](end - fromIndex);
        uint256 found = _collectActive(indices, studyId, site, purposes, time, fromIndex, end);
        assembly ("memory-safe") {
            mstore(indices, found)
        }
    }

    /// @inheritdoc IConsentToken
    function consent(uint256 tokenId) external view returns (Consent memory) {
        return _consents[tokenId];
    }

    /// @inheritdoc IConsentToken
    function mintedCount(uint64 studyId, address site) external view returns (uint32) {
        return _shelves[studyId][site].minted;
    }

    /// @inheritdoc IConsentToken
    function unburnedCount(uint64 studyId, address site) external view returns (uint32) {
        return _shelves[studyId][site].unburned;
    }

    /// @inheritdoc IConsentToken
    function unburnedWord(uint64 studyId, address site, uint32 word) external view returns (uint256) {
        return _shelves[studyId][site].unburnedBits._data[word];
    }

    /// @inheritdoc IConsentToken
    function epoch(uint64 studyId, address site) external view returns (uint64) {
        return uint64(_shelves[studyId][site].epochs.latest());
    }

    /// @inheritdoc IConsentToken
    function epochAt(uint64 studyId, address site, uint40 time) external view returns (uint64) {
        return uint64(_shelves[studyId][site].epochs.upperLookupRecent(time));
    }

    /// @inheritdoc IConsentToken
    function revocationCounter(address holder) external view returns (uint64) {
        return _revocationCounters[holder];
    }

    /// @inheritdoc IConsentToken
    function liveTokenOf(uint64 studyId, address site, bytes32 recordTag) external view returns (uint256) {
        return _shelves[studyId][site].liveToken[recordTag];
    }

    /// @inheritdoc IConsentToken
    function tokenIdOf(uint64 studyId, address site, uint32 index) public pure returns (uint256) {
        return uint256(studyId) << 192 | uint256(uint160(site)) << 32 | index;
    }

    function _grant(Grant calldata grant_, Enrolment calldata enrolment, bytes calldata enrolmentSignature)
        private
        returns (uint256 tokenId)
    {
        uint32 version = _checkTerms(grant_);
        _checkGrant(grant_);
        _useEnrolment(grant_, enrolment, enrolmentSignature);

        Shelf storage shelf = _shelves[grant_.studyId][grant_.site];
        uint256 live = shelf.liveToken[enrolment.recordTag];
        if (live != 0) revert ConsentRecordHasToken(live);

        uint32 index = shelf.minted;
        tokenId = tokenIdOf(grant_.studyId, grant_.site, index);
        shelf.minted = index + 1;
        shelf.unburned += 1;
        shelf.unburnedBits.set(index);
        shelf.liveToken[enrolment.recordTag] = tokenId;
        _consents[tokenId] = Consent({
            purposes: grant_.purposes,
            useStart: grant_.useStart,
            useEnd: grant_.useEnd,
            dataStart: grant_.dataStart,
            dataEnd: grant_.dataEnd,
            version: version,
            holder: grant_.holder,
            grantedAt: uint40(block.timestamp),
            revokedAt: 0,
            recordTag: enrolment.recordTag,
            recordCommitment: grant_.recordCommitment
        });
        _issue(grant_.site, grant_.holder, tokenId);
        _record(grant_.studyId, Granted.selector, abi.encode(tokenId, version, grant_, enrolment.recordTag));
    }

    /// @dev Leaves purposes, periods and commitments as they were: they are evidence of what was agreed to.
    function _revoke(uint256 tokenId) private {
        Consent storage consent_ = _consents[tokenId];
        (uint64 studyId, address site, uint32 index) = _parts(tokenId);
        Shelf storage shelf = _shelves[studyId][site];
        consent_.revokedAt = uint40(block.timestamp);
        shelf.unburned -= 1;
        shelf.unburnedBits.unset(index);
        delete shelf.liveToken[consent_.recordTag];
        uint64 epoch_ = uint64(shelf.epochs.latest()) + 1;
        shelf.epochs.push(uint48(block.timestamp), epoch_);
        uint64 counter = ++_revocationCounters[consent_.holder];
        _burn(tokenId);
        _record(studyId, Revoked.selector, abi.encode(tokenId, consent_.holder, epoch_, counter));
    }

    function _useEnrolment(Grant calldata grant_, Enrolment calldata enrolment, bytes calldata signature) private {
        if (
            enrolment.studyId != grant_.studyId || enrolment.site != grant_.site || enrolment.holder != grant_.holder
                || enrolment.recordCommitment != grant_.recordCommitment
        ) revert ConsentEnrolmentMismatch();
        if (block.timestamp > enrolment.deadline) revert ConsentDeadlinePassed(enrolment.deadline);
        if (_enrolmentUsed[enrolment.site][enrolment.nonce]) revert ConsentEnrolmentUsed(enrolment.nonce);
        address key = registry.site(enrolment.site).enrolmentKey;
        bytes32 digest = _hashTypedDataV4(ConsentMessages.hash(enrolment));
        if (!SignatureChecker.isValidSignatureNowCalldata(key, digest, signature)) {
            revert ConsentEnrolmentInvalid(enrolment.site);
        }
        _enrolmentUsed[enrolment.site][enrolment.nonce] = true;
    }

    function _checkTerms(Grant calldata grant_) private view returns (uint32 version) {
        uint64 studyId = grant_.studyId;
        if (!registry.isUsable(studyId)) revert ConsentStudyNotUsable(studyId);
        version = registry.study(studyId).currentVersion;
        if (grant_.termsHash != registry.termsHash(studyId, version)) revert ConsentTermsNotCurrent(grant_.termsHash);
        if (grant_.consentTextHash != registry.terms(studyId, version).consentTextHash) {
            revert ConsentTextNotCurrent(grant_.consentTextHash);
        }
        if (!registry.isSite(studyId, version, grant_.site)) revert ConsentSiteNotInStudy(studyId, grant_.site);
    }

    function _checkGrant(Grant calldata grant_) private view {
        if (grant_.purposes == 0) revert ConsentPurposesMissing();
        if (
            grant_.useStart >= grant_.useEnd || grant_.dataStart >= grant_.dataEnd || grant_.useEnd <= block.timestamp
        ) revert ConsentPeriodInvalid();
        if (block.timestamp > grant_.deadline) revert ConsentDeadlinePassed(grant_.deadline);
        uint64 counter = _revocationCounters[grant_.holder];
        if (grant_.revocationCounter != counter) revert ConsentGrantVoid(grant_.revocationCounter, counter);
    }

    function _checkHolderSigned(address holder, bytes calldata signer, bytes32 structHash, bytes calldata signature)
        private
        view
    {
        if (!Signers.signedFor(holder, signer, _hashTypedDataV4(structHash), signature)) {
            revert ConsentSignatureInvalid(holder);
        }
    }

    function _live(uint256 tokenId) private view returns (Consent storage consent_) {
        consent_ = _consents[tokenId];
        if (consent_.holder == address(0)) revert ConsentTokenUnknown(tokenId);
        if (consent_.revokedAt != 0) revert ConsentAlreadyRevoked(tokenId);
    }

    function _standing(uint64 studyId) private view returns (bool usable, uint32 consentVersion) {
        Study memory study = registry.study(studyId);
        return (study.currentVersion != 0 && !study.suspended, study.consentVersion);
    }

    function _isActive(Consent storage consent_, uint32 consentVersion, uint64 purposes, uint40 time)
        private
        view
        returns (bool)
    {
        return consent_.holder != address(0) && consent_.revokedAt == 0 && purposes != 0
            && consent_.purposes & purposes == purposes && consent_.useStart <= time && time < consent_.useEnd
            && consent_.version >= consentVersion;
    }

    /// @dev Reads one bitmap word for 256 tokens, and a token's consent only where its bit is set.
    function _collectActive(
        uint32[] memory indices,
        uint64 studyId,
        address site,
        uint64 purposes,
        uint40 time,
        uint256 from,
        uint256 end
    ) private view returns (uint256 found) {
        (bool usable, uint32 consentVersion) = _standing(studyId);
        if (!usable) return 0;
        uint256 word = 0;
        for (uint256 index = from; index < end; ++index) {
            if (index == from || index & 0xff == 0) word = _shelves[studyId][site].unburnedBits._data[index >> 8];
            if (word >> (index & 0xff) & 1 == 0) continue;
            Consent storage consent_ = _consents[tokenIdOf(studyId, site, uint32(index))];
            if (_isActive(consent_, consentVersion, purposes, time)) indices[found++] = uint32(index);
        }
    }

    function _parts(uint256 tokenId) private pure returns (uint64 studyId, address site, uint32 index) {
        return (uint64(tokenId >> 192), address(uint160(tokenId >> 32)), uint32(tokenId));
    }
}
